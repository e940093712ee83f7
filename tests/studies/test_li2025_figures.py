"""Figures 4 to 9 of Li show the numbers they are given, where and as large as they are."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.errors import DataError
from hydroda.studies.li2025 import figures
from hydroda.studies.li2025.experiments import EXPERIMENTS

RUNS = list(EXPERIMENTS)
X, Y = np.array([500.0, 1500.0, 3500.0]), np.array([1500.0, 1500.0, 500.0])
FIELDS = ("soil_moisture", "evapotranspiration", "water_table_depth", "log10_Ks_2cm",
          "log10_Ks_10m")  # fmt: skip
STATIONS = pd.DataFrame(
    {"x": X, "y": Y, "kind": ["neutron sensor", "assimilated well", "validating well"]}
)
GROUPS = ["SM", "GWL, assimilated"]
TIMES = pd.date_range("2018-01-01", periods=5)


@pytest.fixture
def maps():
    """The open loop is zero everywhere; the run of number n adds n in the first column."""
    values = np.zeros((len(RUNS), 3))
    values[:, 0] = np.arange(len(RUNS))
    fields = {name: (("run", "column"), values) for name in FIELDS}
    return xr.Dataset(fields, {"run": RUNS, "x": ("column", X), "y": ("column", Y)})


def shown(ax):
    """The values of a map (y, x)."""
    return np.ma.filled(ax.collections[0].get_array().astype(float), np.nan)


def series(offset=0.0):
    runs = np.arange(len(RUNS))[:, None] + offset + np.zeros(5)
    coords = {"run": RUNS, "time": TIMES, "station": "here"}
    return xr.DataArray(runs, coords, ("run", "time"))


def scores():
    values = np.arange(2.0 * len(RUNS)).reshape(2, -1)
    coords = {"group": GROUPS, "run": RUNS, "unit": ("group", ["m3 m-3", "m"])}
    return xr.DataArray(values, coords, ("group", "run"))


def test_that_columns_stand_at_their_places_with_gaps_for_rows_that_have_none():
    field = xr.DataArray([1.0, 2.0, 3.0], {"x": ("column", X), "y": ("column", Y)}, ("column",))
    found = figures.on_map(field)
    nan = np.nan
    np.testing.assert_array_equal(found, [[nan, nan, nan, 3.0], [1.0, 2.0, nan, nan]])
    np.testing.assert_array_equal(found["x"], [500, 1500, 2500, 3500])


def test_that_a_change_is_the_run_less_the_open_loop_and_a_table_rises_upwards(maps):
    axes = figures.figure_4(maps, STATIONS).axes
    number = RUNS.index("SM_DA")
    moisture, flux, level = (shown(ax)[1, 0] for ax in axes[:3])
    assert (moisture, flux, level) == (100.0 * number, 365.0 * number, -number)
    assert shown(axes[0])[0, 3] == 0.0 and np.isnan(shown(axes[0])[0, 0])


@pytest.mark.parametrize(
    "number, rows, columns, kinds",
    [(4, 2, 3, 1), (5, 2, 3, 1), (7, 3, 3, 2), (9, 3, 2, 2)],
)
def test_that_a_figure_of_maps_has_its_panels_and_instruments(maps, number, rows, columns, kinds):
    figure = getattr(figures, f"figure_{number}")(maps, STATIONS)
    panels = [ax for ax in figure.axes if ax.get_aspect() == 1.0]
    assert len(panels) == rows * columns
    assert [len(ax.lines) for ax in panels] == [kinds] * len(panels)
    limits = {ax.collections[0].get_clim() for ax in panels[::columns]}
    assert len(limits) == 1 and sum(next(iter(limits))) == 0.0


def test_that_every_experiment_has_a_bar_and_the_published_number_beside():
    figure = figures.figure_6(scores(), scores() + 0.5)
    ax = figure.axes[1]
    assert [bar.get_height() for bar in ax.patches] == list(np.arange(11.0) + 11)
    assert list(ax.lines[0].get_ydata()) == list(np.arange(11.0) + 11.5)
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [n.endswith("_PAR") for n in RUNS]
    assert ax.get_ylabel() == "ubRMSE\n(m)" and "m³" in figure.axes[0].get_ylabel()


def test_that_published_numbers_that_are_missing_leave_the_bars_alone():
    few = scores().isel(run=[0, 2])
    figure = figures.figure_6(few, scores().isel(run=[0, 3], group=[0]))
    assert len(figure.axes[0].patches) == 2
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[1])


def test_that_series_stand_by_scheme_with_depths_that_grow_downwards():
    observed = xr.DataArray([1.0, np.nan, 1.0, 1.0, 1.0], {"time": TIMES}, ("time",))
    figure = figures.figure_8(0.01 * series(), series(0.3), observed, observed)
    assert len(figure.axes) == 10
    moisture, level = figure.axes[:2]
    drawn = {line.get_label(): line.get_ydata() for line in moisture.lines}
    assert list(drawn) == ["observed", "open loop", "states", "states and K$_s$"]
    np.testing.assert_allclose(drawn["states"], RUNS.index("SM_DA"))
    assert len(drawn["observed"]) == 4
    assert level.yaxis_inverted() and not moisture.yaxis_inverted()
    assert moisture.get_title(loc="left") == "Moisture at here"


def test_that_runs_and_variables_that_are_missing_are_named(maps):
    with pytest.raises(DataError, match="lack the run SM_DA_PAR; they have OL, SM_DA"):
        figures.figure_4(maps.isel(run=[0, 1]), STATIONS)
    with pytest.raises(DataError, match="lack log10_Ks_2cm; they have"):
        figures.figure_9(maps.drop_vars("log10_Ks_2cm"), STATIONS)


# ------------------------------------------------------------------------------- from series files


def series_file(offset):
    """Three days of three columns with a probe and two wells, as a study leaves them."""
    days, columns, stations = 3, 3, ("Kall", "w1", "w2")
    top = np.broadcast_to(0.3 + 0.01 * np.arange(2), (days, columns, 2)) + 0.01 * offset
    level = np.array([np.full(3, 0.3), np.full(3, 2.0), np.full(3, 4.0)]).T
    place = ("column",)
    return xr.Dataset(
        {
            "theta": (("time", "column", "top_layer"), top),
            "evapotranspiration": (("time", "column"), np.full((days, columns), 1.0 + offset)),
            "water_table_depth": (("time", "column"), np.full((days, columns), 5.0 - offset)),
            "log10_Ks_end": (("column", "layer"), np.tile([-5.0, -4.0, -3.0 + offset], (3, 1))),
            "predicted": (("time", "station"), level + offset),
            "observed": (("time", "station"), level),
            "quantity": ("station", ["soil_moisture", "groundwater_level", "groundwater_level"]),
            "role": ("station", ["assimilated", "assimilated", "withheld"]),
            "group": ("station", ["", "0", "0-0.5"]),
            "station_x": ("station", X),
            "station_y": ("station", Y),
        },
        {
            "time": TIMES[:days],
            "station": list(stations),
            "x": (place, X),
            "y": (place, Y),
            "depth": ("layer", [0.2, 0.7, 9.0]),
            "thickness": ("layer", [0.4, 0.6, 16.0]),
        },
    )


@pytest.fixture
def files():
    return {name: series_file(float(n)) for n, name in enumerate(RUNS)}


def test_that_moisture_is_that_of_the_upper_80_cm_and_k_s_that_of_its_depth(files):
    maps = figures.maps_of(files)
    assert list(maps["run"].values) == RUNS
    # 40 cm of the first layer, 40 of the 60 cm of the second.
    np.testing.assert_allclose(maps["soil_moisture"].sel(run="OL"), 0.305)
    np.testing.assert_allclose(maps["log10_Ks_2cm"].sel(run="SM_DA"), -5.0)
    np.testing.assert_allclose(maps["log10_Ks_10m"].sel(run="SM_DA"), -2.0)
    np.testing.assert_array_equal(maps["x"], X)


def test_that_only_instruments_that_are_assimilated_stand_on_maps(files):
    found = figures.stations_of(files["OL"])
    assert found["kind"].tolist() == ["neutron sensor", "assimilated well"]
    assert found["x"].tolist() == [500.0, 1500.0]


def test_that_scores_stand_beside_those_of_all_three_years(files):
    ours, published = figures.scores_of(files)
    assert float(published.sel(group="SM", run="SM_DA_PAR")) == 0.04
    assert float(published.sel(group="GWL, assimilated", run="WC_DA_r_PAR")) == 2.17
    assert np.isnan(published.sel(group="GWL, 0-0.5 km", run="SM_DA"))
    assert np.isnan(ours.sel(group="SM", run="SM_DA"))  # one site has no pattern to miss
    assert ours["unit"].values.tolist() == ["m3 m-3", "m", "m", "m", "m"]


def test_that_series_are_those_of_kall_and_of_an_assimilated_well(files):
    moisture, level, _, observed = figures.series_of(files)
    assert (str(moisture["station"].values), str(level["station"].values)) == ("Kall", "w1")
    np.testing.assert_allclose(level.sel(run="GWL_DA"), 2.0 + RUNS.index("GWL_DA"))
    np.testing.assert_allclose(observed, 2.0)


def test_that_figures_are_drawn_of_the_runs_there_are(files):
    few = {name: files[name] for name in ("OL", "SM_DA", "SM_DA_PAR")}
    assert list(figures.drawn(few)) == ["figure 4", "figure 6", "figure 8"]
    assert len(figures.drawn(files)) == 6 and figures.drawn({}) == {}
    assert all(draw().axes for draw in figures.drawn(few).values())


def test_that_a_figure_without_a_well_says_what_it_needs(files):
    bare = {"OL": files["OL"].isel(station=[0])}
    with pytest.raises(DataError, match="needs a neutron sensor and an assimilated well"):
        figures.series_of(bare)
