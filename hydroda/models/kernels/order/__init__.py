"""Kernels that put many cells in order after an analysis."""
