"""Compiled parts of the forecast models: arrays in, arrays out."""
