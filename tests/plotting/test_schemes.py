import numpy as np
import pytest
import xarray as xr

from hydroda import plotting
from hydroda.errors import DataError


def over(dim, values, **coords):
    names = ["EnKF", "WCEnKF"]
    return xr.DataArray(
        np.array(values, float),
        coords={"scheme": names, **coords},
        dims=("scheme", dim),
        attrs={"units": "percent", "long_name": "error"},
    )


def test_that_schemes_stand_against_depth_that_grows_downwards():
    depth = {"depth": ("layer", [0.03, 0.3, 2.0])}
    ax = plotting.schemes_with_depth(over("layer", [[1, 2, 3], [2, -1, 0]], **depth)).axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["WCEnKF"].get_xdata()) == [2, -1, 0]
    assert list(lines["EnKF"].get_ydata()) == [0.03, 0.3, 2.0]
    assert ax.yaxis_inverted() and ax.get_xlabel() == "Error (%)"


def test_that_published_means_span_the_layers_they_are_means_of():
    depth = {"depth": ("layer", [0.03, 0.3, 2.0])}
    theirs = xr.DataArray(
        [[6.7, 6.4], [np.nan, 12.5]],
        coords={"top": ("span", [0.03, 2.0]), "bottom": ("span", [0.3, 3.0])},
        dims=("scheme", "span"),
    )
    ax = plotting.schemes_with_depth(over("layer", [[1, 2, 3], [2, 1, 0]], **depth), theirs).axes[0]
    bars = {tuple(line.get_xdata()): list(line.get_ydata()) for line in ax.lines[2:]}
    assert bars == {(6.7, 6.7): [0.03, 0.3], (6.4, 6.4): [2.0, 3.0], (12.5, 12.5): [2.0, 3.0]}
    assert ax.lines[4].get_color() == ax.lines[1].get_color()
    assert sum(line.get_label() == "published, means" for line in ax.lines) == 1


def test_that_schemes_are_marks_of_what_they_cost_and_win():
    cost, gain = (
        over("column", v).mean("column", keep_attrs=True) for v in ([[1], [2]], [[5], [4]])
    )
    ax = plotting.scheme_trade_off(cost, gain).axes[0]
    drawn = {line.get_label(): (*line.get_xdata(), *line.get_ydata()) for line in ax.lines}
    assert drawn == {"EnKF": (1, 5), "WCEnKF": (2, 4)} and ax.get_xscale() == "linear"


def test_that_columns_become_boxes_with_the_published_mean_beside():
    values = over("column", [[1, 2, 3, 4], [0, 0, 1, 1]])
    theirs = xr.DataArray([2.0, 1.0], dims="scheme")
    ax = plotting.schemes_over_columns(values, theirs).axes[0]
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn["hydroda, mean"] == [2.5, 0.5] and drawn["published, mean"] == [2.0, 1.0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["EnKF", "WCEnKF"]


def test_that_each_column_has_a_mark_of_each_scheme():
    ax = plotting.numbers_by_column(over("column", [[6, 5], [7, 7]])).axes[0]
    assert {line.get_label(): list(line.get_ydata()) for line in ax.lines} == {
        "EnKF": [6, 5],
        "WCEnKF": [7, 7],
    }


def test_that_values_of_another_shape_are_refused():
    with pytest.raises(DataError, match="column"):
        plotting.numbers_by_column(over("layer", [[1, 2], [3, 4]]))
