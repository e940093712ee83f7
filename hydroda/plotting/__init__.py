"""Figures from labelled data: every function returns the matplotlib Figure it has drawn.

Pass `ax` to draw into a figure of your own; without it a new one is made. Nothing is shown and no
global setting of matplotlib is changed. Needs the extra `hydroda[plot]`.
"""

from hydroda.plotting._canvas import GREY, PALETTE, axis_label, pretty_unit, save
from hydroda.plotting.catchment import catchment_maps, maps_over_series
from hydroda.plotting.maps import map_network, map_stations
from hydroda.plotting.neutrons import counts_to_moisture, footprint, sampled_days
from hydroda.plotting.observations import availability, observed_series, well_history
from hydroda.plotting.panels import Curve, Panel, panels
from hydroda.plotting.profiles import (
    heads_through_time,
    pf,
    profile_through_time,
    weights_with_depth,
)
from hydroda.plotting.schemes import (
    numbers_by_column,
    scheme_trade_off,
    schemes_over_columns,
    schemes_with_depth,
)
from hydroda.plotting.scores import intervals, rank_histogram, scores_table, spread_skill
from hydroda.plotting.series import (
    MANY_POINTS,
    inflation_history,
    innovation_history,
    parameter_history,
    series_beside,
    time_series,
)

__all__ = [
    "GREY",
    "MANY_POINTS",
    "PALETTE",
    "Curve",
    "Panel",
    "availability",
    "axis_label",
    "catchment_maps",
    "counts_to_moisture",
    "footprint",
    "heads_through_time",
    "inflation_history",
    "innovation_history",
    "intervals",
    "map_network",
    "map_stations",
    "maps_over_series",
    "numbers_by_column",
    "observed_series",
    "panels",
    "parameter_history",
    "pf",
    "pretty_unit",
    "profile_through_time",
    "rank_histogram",
    "sampled_days",
    "save",
    "scheme_trade_off",
    "schemes_over_columns",
    "schemes_with_depth",
    "scores_table",
    "series_beside",
    "spread_skill",
    "time_series",
    "weights_with_depth",
    "well_history",
]
