"""The Rur catchment of Li et al.: made to the figures of the paper, or read from files."""

from hydroda.catchments.rur.rur import RurCatchment

__all__ = ["RurCatchment"]
