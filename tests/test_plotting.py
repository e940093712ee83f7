"""Figures say what they show: axes with units, legends, the right marks; and no warning."""

import itertools
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from hydroda import plotting, verification
from hydroda.errors import DataError, HydrodaError, UnitError

MEMBERS, DAYS, LAYERS = 24, 120, 10
THICKNESS = np.array([2, 4, 6, 8, 10, 15, 20, 30, 45, 60]) / 100


def days(n=DAYS):
    return pd.date_range("2016-04-01", periods=n, freq="D").values.astype("datetime64[ns]")


def soil_moisture(shift=0.0, spread=0.03, seed=1):
    """An ensemble (time, member) [m3 m-3] drying between showers."""
    rng = np.random.default_rng(seed)
    rain = np.where(np.random.default_rng(0).random(DAYS) < 0.15, 0.08, 0.0)
    theta = np.empty(DAYS)
    theta[0] = 0.3
    for t in range(1, DAYS):
        theta[t] = 0.15 + (theta[t - 1] - 0.15) * 0.95 + rain[t]
    theta = np.minimum(theta, 0.45)
    offsets = spread * rng.standard_normal(MEMBERS)
    wiggle = 0.004 * rng.standard_normal((DAYS, MEMBERS))
    return xr.DataArray(
        theta[:, None] + shift + offsets + wiggle,
        {"time": days(), "station": "Rollesbroich"},
        ("time", "member"),
        "soil_moisture",
        {"units": "m3 m-3", "long_name": "soil moisture"},
    )


def observed():
    rng = np.random.default_rng(3)
    truth = soil_moisture(spread=0).mean("member", keep_attrs=True)
    series = truth + 0.02 * rng.standard_normal(DAYS)
    return series.assign_attrs(truth.attrs).where(rng.random(DAYS) < 0.6)


def profile():
    """Soil moisture (time, layer) with a wetting front and three weeks missing."""
    depth = np.cumsum(THICKNESS) - THICKNESS / 2
    surface = soil_moisture(spread=0).mean("member")
    lag = 1 + (depth / 0.05).astype(int)
    values = np.stack(
        [np.roll(surface, n) * (1 - d) + 0.33 * d for n, d in zip(lag, depth, strict=True)]
    )
    data = xr.DataArray(
        values.T,
        {"time": days(), "depth": ("layer", depth), "thickness": ("layer", THICKNESS)},
        ("time", "layer"),
        attrs={"units": "m3 m-3", "long_name": "soil moisture"},
    )
    return data.isel(time=np.r_[0:70, 91:DAYS])


def network():
    rng = np.random.default_rng(8)
    names = [
        "Aachen",
        "Gevenich",
        "Kall",
        "Merzenhausen",
        "Rollesbroich",
        "Ruraue",
        "Selhausen",
        "Wildenrath",
    ]
    stations = xr.Dataset(
        coords={
            "station": names,
            "x": ("station", 300e3 + 40e3 * rng.random(8), {"units": "m"}),
            "y": ("station", 5600e3 + 60e3 * rng.random(8), {"units": "m"}),
        }
    )
    return stations, xr.DataArray(rng.random(8) < 0.6, dims="station")


def elevation():
    x, y = np.arange(295e3, 345e3, 1e3), np.arange(5595e3, 5665e3, 1e3)
    height = 650 - 9e-3 * (y[:, None] - y[0]) + 30 * np.sin(x / 6e3)
    return xr.DataArray(
        height, {"y": y, "x": x}, ("y", "x"), attrs={"units": "m", "long_name": "elevation"}
    )


def innovations(stations=1):
    rng = np.random.default_rng(5)
    sd = xr.DataArray(
        np.linspace(0.06, 0.035, DAYS)[:, None] * np.ones(stations),
        {"time": days()},
        ("time", "station"),
    )
    values = (sd * rng.standard_normal(sd.shape) * np.linspace(0.8, 1.6, DAYS)[:, None]).where(
        rng.random(sd.shape) < 0.8
    )
    values.attrs = {"units": "m3 m-3", "long_name": "innovation"}
    result = xr.Dataset({"innovation": values, "sd": sd, "outlier": abs(values) > 2.5 * sd})
    return result if stations > 1 else result.isel(station=0)


def parameter():
    rng = np.random.default_rng(2)
    gain = 1 - np.exp(-np.arange(DAYS) / 40)[:, None]
    members = -5.2 + 0.5 * rng.standard_normal(MEMBERS)
    values = members * (1 - 0.8 * gain) - 6.0 * 0.8 * gain
    attrs = {"units": "log10(m s-1)", "long_name": "saturated hydraulic conductivity"}
    return xr.DataArray(values, {"time": days()}, ("time", "member"), attrs=attrs)


def inflation(columns=40):
    rng = np.random.default_rng(4)
    decay = np.maximum(300 * np.exp(-np.arange(DAYS) / 6), 3)
    values = np.clip(decay[:, None] * np.exp(rng.normal(0, 0.9, (DAYS, columns))), 1, 1000)
    return xr.DataArray(
        values, {"time": days()}, ("time", "column"), attrs={"long_name": "inflation λ"}
    )


def table():
    obs = xr.concat([observed(), observed() + 0.05], "station").assign_attrs(units="m3 m-3")
    obs = obs.drop_vars("station")
    runs = {
        name: {
            "soil_moisture": (soil_moisture(shift, spread) * factor)
            .assign_attrs(units="m3 m-3")
            .drop_vars("station")
        }
        for name, shift, spread, factor in (
            ("OL", 0.05, 0.03, 0.8),
            ("SM_DA", 0.01, 0.015, 1),
            ("WC_DA_r_PAR", 0.0, 0.02, 1.1),
        )
    }
    return verification.score_table(
        runs, {"soil_moisture": obs}, groups={"soil_moisture": [obs["time"].dt.year]}
    )


def histogram():
    rng = np.random.default_rng(6)
    ensemble = xr.DataArray(rng.standard_normal((10, 800)), dims=("member", "time"))
    obs = xr.DataArray(1.4 * rng.standard_normal(800), dims="time")
    return verification.rank_histogram(ensemble, obs, rng)


def skill():
    rng = np.random.default_rng(6)
    width = rng.uniform(0.01, 0.05, 2000)
    draws = xr.DataArray(width * rng.standard_normal((17, 2000)), dims=("member", "time"))
    obs = (draws[0] * 1.3).assign_attrs(units="m3 m-3")
    return verification.spread_skill_binned(draws[1:], obs, bins=8)


def tapers():
    depth = np.cumsum(THICKNESS) - THICKNESS / 2
    mu = xr.DataArray(
        [0.0587, 0.0163, 0.0053], {"scheme": ["s = 4", "s = 6", "s = 8"]}, ("scheme",)
    )
    distance = abs(xr.DataArray(depth, {"depth": ("layer", depth)}, ("layer",)) - 0.03) * 100
    return np.exp(-mu * distance).assign_attrs(long_name="localization weight", units="1")


def full_time_series():
    flagged = xr.zeros_like(soil_moisture().isel(member=0), bool)
    flagged[20:31] = True
    flagged[50] = True
    return plotting.time_series(
        soil_moisture(0.008, spread=0.012),
        open_loop=soil_moisture(0.05, 0.035, seed=9),
        observations=observed()[:100],
        withheld=(observed() + 0.015)[4::9],
        error_sd=0.02,
        truth=soil_moisture(spread=0).mean("member"),
        forecast_from="2016-07-10",
        flagged=flagged,
    )


def full_map():
    stations, assimilated = network()
    return plotting.map_stations(stations, assimilated, background=elevation(), radius="5 km")


def full_profile():
    table_depth = xr.DataArray(
        1.3 + 0.3 * np.sin(np.arange(DAYS) / 20), {"time": days()}, ("time",)
    )
    return plotting.profile_through_time(
        profile(), observed_depths=(0.05, 0.2, 0.5), water_table=table_depth
    )


def heads():
    """Heads (time, layer) [m] over a water table, saturated below it, bone-dry at the top."""
    table = 1.2 + 0.5 * np.sin(np.arange(DAYS) / 20)
    depth = np.cumsum(THICKNESS) - THICKNESS / 2
    values = depth - table[:, None]
    values[60:80, :3] = -1e5
    data = xr.DataArray(
        values,
        {"time": days(), "depth": ("layer", depth), "thickness": ("layer", THICKNESS)},
        ("time", "layer"),
        attrs={"units": "m", "long_name": "pressure head", "cell_methods": "realization: mean"},
    )
    return data, xr.DataArray(table, {"time": days()}, ("time",))


def full_heads():
    data, table = heads()
    return plotting.heads_through_time(data, water_table=table, observed_depths=(0.2,))


def full_innovations(stations=1):
    data = innovations(stations)
    return plotting.innovation_history(data["innovation"], data["sd"], outlier=data["outlier"])


FIGURES = {
    "time_series": full_time_series,
    "profile_through_time": full_profile,
    "heads_through_time": full_heads,
    "map_stations": full_map,
    "scores_table": lambda: plotting.scores_table(table()),
    "rank_histogram": lambda: plotting.rank_histogram(histogram()),
    "innovation_history": full_innovations,
    "innovation_history_of_a_network": lambda: full_innovations(6),
    "inflation_history": lambda: plotting.inflation_history(inflation(), at_least=1, at_most=1000),
    "parameter_history": lambda: plotting.parameter_history(parameter(), truth=-6.0),
    "spread_skill": lambda: plotting.spread_skill(skill()),
    "weights_with_depth": lambda: plotting.weights_with_depth(tapers(), observed_depth=0.03),
}


@pytest.fixture(params=FIGURES)
def figure(request):
    return FIGURES[request.param]()


@pytest.fixture
def axes():
    return Figure(layout="constrained").subplots()


def legend_labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


# --- every figure ----------------------------------------------------------------------------


def test_that_every_axis_names_its_quantity_and_unit(figure):
    for ax in figure.axes:
        labels = [ax.get_xlabel(), ax.get_ylabel()] if ax.axison else []
        shared = ax.get_shared_x_axes().get_siblings(ax)
        if ax.get_label() == "<colorbar>" or (len(shared) > 1 and ax is figure.axes[0]):
            labels.pop(0)
        assert all("(" in label for label in labels)


def test_that_nothing_drawn_leaves_the_figure(figure):
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= -0.02 and drawn.x1 <= width + 0.02
    assert drawn.y0 >= -0.02 and drawn.y1 <= height + 0.02


def test_that_tick_labels_do_not_overlap(figure):
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
        boxes = sorted((b for b in boxes if b.width), key=lambda box: box.x0)
        assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))


def test_that_every_figure_but_the_table_has_a_legend(figure):
    assert legend_labels(figure) or not figure.axes[0].axison


def test_that_figures_leave_the_settings_and_the_state_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    full_time_series()
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plotting.time_series(soil_moisture(), ax=ax),
        lambda ax: plotting.profile_through_time(profile(), ax=ax),
        lambda ax: plotting.map_stations(*network(), ax=ax),
        lambda ax: plotting.scores_table(table(), ax=ax),
        lambda ax: plotting.rank_histogram(histogram(), ax=ax),
        lambda ax: plotting.inflation_history(inflation(), ax=ax),
        lambda ax: plotting.parameter_history(parameter(), ax=ax),
        lambda ax: plotting.spread_skill(skill(), ax=ax),
        lambda ax: plotting.weights_with_depth(tapers(), ax=ax),
    ],
)
def test_that_a_given_axes_is_drawn_into(draw, axes):
    assert draw(axes) is axes.get_figure()
    assert axes.has_data() or axes.texts
    assert axes.get_legend() is not None or not axes.axison


def test_that_a_given_pair_of_axes_shows_innovations():
    upper, lower = Figure(layout="constrained").subplots(2)
    data = innovations()
    plotting.innovation_history(data["innovation"], data["sd"], ax=(upper, lower))
    assert upper.get_legend() is not None and lower.get_legend() is not None


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "printed"),
    [
        ("m3 m-3", "m³ m⁻³"),
        ("m3/m3", "m³/m³"),
        ("log10(m s-1)", "log₁₀(m s⁻¹)"),
        ("kg m-2 s-1", "kg m⁻² s⁻¹"),
        ("W m**-2", "W m⁻²"),
        ("(m3 m-3)^2", "(m³ m⁻³)²"),
        ("percent", "%"),
        ("degC", "°C"),
        ("mm", "mm"),
        ("1", "–"),
        ("", "–"),
    ],
)
def test_that_units_are_printed_as_a_hydrologist_writes_them(unit, printed):
    assert plotting.pretty_unit(unit) == printed


def test_that_a_label_without_a_long_name_is_the_name_of_the_data():
    data = xr.DataArray(1.0, name="water_table_depth", attrs={"units": "m"})
    assert plotting.axis_label(data) == "Water table depth (m)"
    assert plotting.axis_label(xr.DataArray(1.0), "weight") == "Weight (–)"


# --- each figure -----------------------------------------------------------------------------


def test_that_the_time_series_shows_all_it_was_given():
    figure = full_time_series()
    (ax,) = figure.axes
    assert legend_labels(figure) == [
        "open loop, 5–95 % of members",
        "open loop, mean",
        "assimilation, 5–95 % of members",
        "assimilation, mean",
        "truth",
        "flagged",
        "forecast",
        "observed, assimilated (± 1 sd)",
        "observed, withheld (± 1 sd)",
    ]
    assert len(ax.containers) == 2
    points = ax.containers[0].lines[0].get_ydata()
    assert len(points) == observed()[:100].notnull().sum()
    assert ax.get_ylabel() == "Soil moisture (m³ m⁻³)"
    assert ax.get_title(loc="left") == "Rollesbroich"


def test_that_the_band_holds_ninety_percent_of_the_members():
    run = soil_moisture()
    (ax,) = plotting.time_series(run).axes
    low, high = run.quantile([0.05, 0.95], "member").values
    edge = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert edge.min() == pytest.approx(low.min()) and edge.max() == pytest.approx(high.max())


def test_that_two_flagged_periods_are_hatched_but_named_once():
    spans = [patch for patch in full_time_series().axes[0].patches if patch.get_hatch()]
    assert len(spans) == 2
    assert spans[0].get_width() == pytest.approx(11)


def test_that_a_single_run_on_counted_time_is_drawn_without_a_legend_of_others():
    run = xr.DataArray(np.sin(np.arange(50)), {"time": np.arange(50)}, ("time",), "x")
    figure = plotting.time_series(run)
    assert legend_labels(figure) == ["assimilation"]
    assert figure.axes[0].get_xlabel() == "Time (–)"


def test_that_another_dimension_is_refused_with_the_cure():
    data = xr.DataArray(np.zeros((2, 3)), dims=("time", "layer"))
    with pytest.raises(DataError, match=r"run has the dimension 'layer'.*\.isel\(layer=0\)"):
        plotting.time_series(data)
    with pytest.raises(DataError, match="parameter must have the dimension 'member'"):
        plotting.parameter_history(data)


def test_that_the_profile_has_depth_downwards_with_layers_of_true_thickness():
    figure = full_profile()
    ax, bar = figure.axes
    assert ax.get_ylim() == pytest.approx((THICKNESS.sum(), 0))
    corners = ax.collections[0].get_coordinates()
    np.testing.assert_allclose(corners[:, 0, 1], np.concatenate([[0], THICKNESS.cumsum()]))
    assert bar.get_ylabel() == "Soil moisture (m³ m⁻³)"
    assert legend_labels(figure) == ["no data", "water table", "observed depth"]


def test_that_a_gap_in_time_is_not_painted_over():
    mesh = plotting.profile_through_time(profile()).axes[0].collections[0]
    shown = np.ma.masked_invalid(mesh.get_array())
    assert shown.mask.all(axis=0).sum() == 2
    assert shown.count() == profile().size
    whole = plotting.profile_through_time(profile().isel(time=slice(70)))
    assert not legend_labels(whole)


def test_that_a_profile_can_end_above_its_bottom_and_needs_depths():
    (ax, _) = plotting.profile_through_time(profile(), down_to="50 cm").axes
    assert ax.get_ylim() == (0.5, 0)
    with pytest.raises(UnitError, match="down_to needs a unit"):
        plotting.profile_through_time(profile(), down_to=0.5)
    with pytest.raises(DataError, match="depth"):
        plotting.profile_through_time(profile().drop_vars("depth"))


def test_that_irregular_stops_are_no_gaps():
    steps = np.where(np.arange(60) % 2, 10, 3)
    time = days()[0] + np.cumsum(steps).astype("timedelta64[D]")
    data = profile().isel(time=slice(60)).assign_coords(time=time)
    assert not legend_labels(plotting.profile_through_time(data))


def test_that_pf_is_the_logarithm_of_the_suction_in_centimetres():
    given = xr.DataArray([-150.0, -1.0, -0.01, -0.001, 0.0, 2.0, np.nan], dims="layer")
    expected = [np.log10(15_000), 2.0, 0.0, 0.0, -1.0, -1.0, np.nan]
    np.testing.assert_allclose(plotting.pf(given), expected, atol=1e-12)


def test_that_heads_are_read_as_pf_with_the_saturated_soil_apart():
    figure = full_heads()
    ax, bar = figure.axes
    names = ["saturated", "drier than pF 5", "water table", "observed depth"]
    assert legend_labels(figure) == names
    assert bar.get_ylabel() == "pF of the mean head (log₁₀ cm)"
    data, _ = heads()
    drawn = ax.collections[0].get_array().T
    assert ((drawn < 0) == (data.values >= 0)).all()
    assert ax.collections[0].get_clim() == (0, 5)
    damp, _ = heads()
    damp = damp.isel(layer=slice(4), time=slice(50)).drop_attrs()
    plain = plotting.heads_through_time(damp)
    assert not legend_labels(plain) and plain.axes[1].get_ylabel() == "pF (log₁₀ cm)"


def test_that_the_map_tells_assimilated_from_withheld_stations():
    stations, assimilated = network()
    figure = plotting.map_stations(stations, assimilated, radius="5 km")
    n = int(assimilated.sum())
    assert legend_labels(figure) == ["reach 5 km", f"assimilated ({n})", f"withheld ({8 - n})"]
    (ax,) = figure.axes
    assert len(ax.patches) == n and ax.patches[0].get_radius() == 5
    assert {"Aachen", "5 km"} <= {text.get_text() for text in ax.texts}
    assert ax.get_aspect() == 1


def test_that_the_table_marks_the_best_run_of_each_score():
    data = pd.DataFrame(
        [
            ("rmse", "groundwater_level", "all", "OL", "m", 7.234),
            ("rmse", "groundwater_level", "all", "WC_DA", "m", 2.9),
            ("bias", "groundwater_level", "all", "OL", "m", 0.1),
            ("bias", "groundwater_level", "all", "WC_DA", "m", -0.4),
            ("correlation", "groundwater_level", "all", "OL", "1", 0.61),
            ("correlation", "groundwater_level", "all", "WC_DA", "1", np.nan),
            ("n", "groundwater_level", "all", "OL", "1", 78),
            ("n", "groundwater_level", "all", "WC_DA", "1", 78),
        ],
        columns=verification.COLUMNS,
    )
    drawn = {t.get_text(): t for t in plotting.scores_table(data).axes[0].texts}
    heads = {"variable", "score", "unit", "OL", "WC_DA"}
    bold = {text for text, artist in drawn.items() if artist.get_fontweight() == "bold"}
    assert bold - heads == {"2.90", "0.100"}
    assert {"7.23", "−0.400", "0.610", "78", "–", "groundwater level"} <= set(drawn)
    with pytest.raises(DataError, match="no rows"):
        plotting.scores_table(data[:0])


def test_that_runs_that_print_alike_are_not_ranked():
    rows = [("rmse", "x", "all", run, "m", value) for run, value in (("a", 1.0001), ("b", 1.0002))]
    texts_ = plotting.scores_table(pd.DataFrame(rows, columns=verification.COLUMNS)).axes[0].texts
    assert [t.get_fontweight() for t in texts_ if t.get_text() == "1.00"] == ["normal"] * 2


def test_that_the_rank_histogram_has_a_bar_per_rank_and_the_test():
    figure = plotting.rank_histogram(histogram())
    (ax,) = figure.axes
    assert [bar.get_height() for bar in ax.containers[0]] == histogram().values.tolist()
    assert ax.get_title(loc="right") == "test of flatness: p < 0.001"
    few = plotting.rank_histogram(histogram() // 50)
    assert few.axes[0].get_title(loc="right") == "too few cases for a test"


def test_that_innovations_are_split_into_assimilated_and_outliers():
    data = innovations()
    figure = full_innovations()
    upper, lower = figure.axes
    outliers = int(data["outlier"].sum())
    kept = int(data["innovation"].notnull().sum()) - outliers
    assert f"assimilated ({kept})" in legend_labels(figure)
    assert f"outlier ({outliers})" in legend_labels(figure)
    assert upper.get_ylabel() == "Innovation (m³ m⁻³)"
    assert lower.get_yscale() == "log"
    several = full_innovations(6).axes[0]
    assert several.get_ylabel() == "Innovation / expected sd (–)"


def test_that_the_running_chi2_is_the_mean_over_the_window():
    data = innovations().isel(time=slice(9)).fillna(0.0)
    figure = plotting.innovation_history(data["innovation"], data["sd"], window=9)
    line = figure.axes[1].get_lines()[-1]
    expected = ((data["innovation"] / data["sd"]) ** 2).mean()
    assert line.get_ydata()[4] == pytest.approx(expected.item())


def test_that_inflation_shows_how_often_a_bound_was_met():
    data = inflation()
    figure = plotting.inflation_history(data, at_least=1, at_most=1000)
    assert figure.axes[0].get_yscale() == "log"
    met = int((data == 1).sum())
    assert f"lower bound 1, met {met} times of {data.size}" in legend_labels(figure)
    steady = plotting.inflation_history(data.isel(column=0).clip(1, 3))
    assert steady.axes[0].get_yscale() == "linear"
    assert legend_labels(steady) == ["inflation"]


def test_that_a_parameter_is_shown_against_its_prior():
    data = parameter()
    (ax,) = plotting.parameter_history(data, prior=data.isel(time=0) + 1).axes
    prior, mean = ax.get_lines()
    assert prior.get_ydata()[0] == pytest.approx(data.isel(time=0).mean().item() + 1)
    np.testing.assert_allclose(mean.get_ydata(), data.mean("member"))
    assert ax.get_ylabel() == "Saturated hydraulic conductivity\n[log₁₀(m s⁻¹)]"


def test_that_spread_and_skill_share_one_scale():
    figure = plotting.spread_skill(skill())
    (ax,) = figure.axes
    assert ax.get_xlim() == ax.get_ylim()
    assert "8 bins of 250 pairs" in legend_labels(figure)


def test_that_weights_are_drawn_for_one_or_several_schemes():
    several = plotting.weights_with_depth(tapers(), observed_depth=0.03)
    assert legend_labels(several) == ["s = 4", "s = 6", "s = 8", "observed depth"]
    (ax,) = plotting.weights_with_depth(tapers().isel(scheme=0, drop=True)).axes
    assert len(ax.get_lines()) == 1
    assert ax.yaxis_inverted()


# --- poor data -------------------------------------------------------------------------------


def test_that_a_lost_member_leaves_the_band_of_the_others():
    run = soil_moisture()
    lost = run.where(np.arange(MEMBERS) != 3)
    line = plotting.time_series(lost).axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), lost.mean("member"))


def test_that_figures_of_nothing_but_missing_values_are_drawn():
    data = innovations()
    empty = data["innovation"] * np.nan
    for figure in (
        plotting.time_series(soil_moisture(), observations=observed() * np.nan),
        plotting.innovation_history(empty, data["sd"]),
        plotting.inflation_history(inflation() * np.nan, at_least=1),
    ):
        figure.draw_without_rendering()
        assert not any("observed" in label for label in legend_labels(figure))


def test_that_the_map_keeps_its_scale_for_one_station_and_for_a_long_valley():
    stations, assimilated = network()
    one = plotting.map_stations(stations.isel(station=[0]), assimilated[:1])
    assert np.ptp(one.axes[0].get_xlim()) == pytest.approx(1)
    flat = stations.assign_coords(y=stations["y"] / 50)
    width, height = plotting.map_stations(flat, assimilated).get_size_inches()
    assert width > 2 * height


# --- files -----------------------------------------------------------------------------------


def test_that_a_figure_is_saved_whole_in_the_format_of_its_name(tmp_path):
    figure = plotting.rank_histogram(histogram())
    for name, start in (("a.png", b"\x89PNG"), ("deep/b.svg", b"<?xml"), ("c.pdf", b"%PDF")):
        assert plotting.save(figure, tmp_path / name).read_bytes().startswith(start)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "c.pdf", "deep"]


def test_that_an_unknown_format_or_folder_is_refused(tmp_path):
    figure = plotting.rank_histogram(histogram())
    with pytest.raises(HydrodaError, match=r"must end in one of .*\.png.*got 'figure.docx'"):
        plotting.save(figure, tmp_path / "figure.docx")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        plotting.save(figure, tmp_path / "a.png")


def test_that_a_missing_matplotlib_is_an_error_with_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(HydrodaError, match=r"pip install 'hydroda\[plot\]'"):
        plotting.time_series(soil_moisture())


def test_that_intervals_show_every_row_twice():
    numbers = np.array([[0.1, 0.2, 0.3], [0.2, 0.25, 0.3], [0.15, 0.2, 0.4]])
    coords = {"row": ["a", "b", "c"], "bound": ["low", "mean", "high"]}
    ours = xr.DataArray(numbers, coords, ("row", "bound"), "RMSE", {"units": "m"})
    figure = plotting.intervals(ours, ours + 0.01)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_xlabel() == "RMSE (m)"
    assert [len(lines.get_segments()) for lines in axes.collections] == [3, 3]
