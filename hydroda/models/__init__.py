"""Forecast models: land columns and toy models behind one small base class."""
