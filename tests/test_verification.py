"""Scores against numbers by hand, the library `scores`, scipy, and what holds for any data."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hydroda import verification as v
from hydroda.errors import DataError, HydrodaError, UnitError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what `scores` warns of on import is not ours
    import scores.continuous
    import scores.probability

DAYS, SITES, MEMBERS = 60, 5, 8
NUMBERS = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 6))


def series(values, dims=("time",), unit="m"):
    return xr.DataArray(np.asarray(values, float), dims=dims, attrs={"units": unit})


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def obs(rng):
    """Soil moisture at five sites over sixty days, a tenth missing."""
    data = xr.DataArray(
        0.3 + 0.05 * rng.standard_normal((DAYS, SITES)),
        {
            "time": pd.date_range("2016-12-01", periods=DAYS, freq="D").values,
            "station": list("abcde"),
            "x": ("station", [0.0, 0.0, 400.0, 0.0, 6000.0]),
            "y": ("station", [0.0, 0.0, 300.0, 2000.0, 0.0]),
        },
        ("time", "station"),
        attrs={"units": "m3 m-3"},
    )
    return data.where(rng.random(data.shape) > 0.1)


@pytest.fixture
def ensemble(obs, rng):
    noise = xr.DataArray(
        0.02 + 0.03 * rng.standard_normal((MEMBERS, DAYS, SITES)),
        dims=("member", "time", "station"),
    )
    members = noise.assign_coords(member=np.arange(MEMBERS))
    return (obs.fillna(0.3) + members).assign_attrs(units="m3 m-3")


@pytest.fixture
def sim(ensemble):
    return ensemble.mean("member", keep_attrs=True)


# --- hand-computed ---------------------------------------------------------------------------


def test_that_scores_of_three_pairs_are_those_computed_by_hand():
    sim, obs = series([1, 2, 6]), series([2, 2, 3])
    assert v.bias(sim, obs).item() == pytest.approx(2 / 3)
    assert v.mae(sim, obs).item() == pytest.approx(4 / 3)
    assert v.rmse(sim, obs).item() == pytest.approx(np.sqrt(10 / 3))
    assert v.ubrmse(sim, obs, remove="time").item() == pytest.approx(np.sqrt(10 / 3 - 4 / 9))
    assert v.correlation(sim, obs).item() == pytest.approx(9 / np.sqrt(84))
    assert v.count(sim, obs).item() == 3


def test_that_a_missing_value_on_either_side_takes_the_pair_away():
    sim, obs = series([1, np.nan, 6, 4]), series([2, 2, np.nan, 7])
    assert v.count(sim, obs).item() == 2
    assert v.bias(sim, obs).item() == -2
    assert v.mae(sim, obs).item() == 2


@pytest.mark.parametrize("score", [v.bias, v.mae, v.rmse, v.correlation])
def test_that_scores_without_pairs_are_missing_and_no_error(score):
    assert np.isnan(score(series([1, np.nan]), series([np.nan, 2])).item())


def test_that_two_pairs_are_too_few_for_a_correlation_and_one_for_an_ubrmse():
    assert np.isnan(v.correlation(series([1, 2]), series([1, 2])).item())
    assert v.correlation(series([1, 2]), series([1, 2]), at_least=2).item() == pytest.approx(1)
    assert np.isnan(v.ubrmse(series([1]), series([2]), remove="time").item())


def test_that_a_constant_series_has_no_correlation():
    assert np.isnan(v.correlation(series([0.1] * 7), series(np.arange(7))).item())


def test_that_the_two_readings_of_ubrmse_see_different_errors():
    pattern = series([[1, -1], [1, -1]], ("time", "station"))
    drift = series([[1, 1], [-1, -1]], ("time", "station"))
    truth = pattern * 0
    assert v.ubrmse(pattern, truth, remove="station").item() == 1
    assert v.ubrmse(pattern, truth, remove="time").item() == 0
    assert v.ubrmse(drift, truth, remove="station").item() == 0
    assert v.ubrmse(drift, truth, remove="time").item() == 1


def test_that_ubrmse_over_sites_is_equation_6_of_li_step_by_step(sim, obs):
    steps = []
    for t in range(DAYS):
        a, b = sim.values[t], obs.values[t]
        valid = np.isfinite(b)
        a, b = a[valid], b[valid]
        steps.append(np.sqrt((((a - a.mean()) - (b - b.mean())) ** 2).mean()))
    ours = v.ubrmse(sim, obs, ("time", "station"), remove="station")
    assert ours.item() == pytest.approx(np.mean(steps), rel=1e-12)
    quadratic = v.ubrmse(sim, obs, remove="station", pool=v.Pool.ROOT_MEAN_SQUARE)
    assert quadratic.item() == pytest.approx(np.sqrt(np.mean(np.square(steps))), rel=1e-12)


def test_that_a_small_ubrmse_survives_a_large_bias():
    wiggle = np.tile([1e-6, -1e-6], 50)
    ours = v.ubrmse(series(1000 + wiggle), series(np.zeros(100)), remove="time").item()
    assert ours == pytest.approx(1e-6, rel=1e-4)


def test_that_error_parts_are_equations_19_and_20_of_dan(rng):
    error = series(rng.normal(0.5, 1.0, (4, 23)), ("day", "hour"), "%")
    parts = v.error_parts(error, error * 0)
    b = error.values.mean()
    assert parts["bias"].item() == pytest.approx(b)
    assert parts["error"].item() ** 2 == pytest.approx((error.values**2).mean())
    assert parts["short_lived"].item() ** 2 == pytest.approx(((error.values - b) ** 2).mean())


def test_that_the_residual_summary_takes_quartiles_over_the_columns_means():
    residual = series(np.arange(5.0) - 1, ("column",), "mm") * series([[1, 1]], ("member", "time"))
    summary = v.residual_summary(residual.assign_attrs(units="mm"))
    assert summary["mean"].item() == 1
    assert summary["mean_absolute"].item() == pytest.approx(7 / 5)
    assert summary["iqr"].item() == 2
    assert summary["iqr"].attrs["units"] == "mm"


# --- against other libraries -----------------------------------------------------------------


def test_that_scores_agree_with_the_library_scores(sim, obs):
    pairs = {
        v.rmse: scores.continuous.rmse,
        v.mae: scores.continuous.mae,
        v.bias: scores.continuous.additive_bias,
        v.correlation: scores.continuous.correlation.pearsonr,
    }
    for ours, theirs in pairs.items():
        expected = theirs(sim.where(obs.notnull()), obs, reduce_dims="time")
        np.testing.assert_allclose(ours(sim, obs, "time"), expected, rtol=1e-12)


@pytest.mark.parametrize("fair", [False, True])
def test_that_crps_agrees_with_the_library_scores(ensemble, obs, fair):
    theirs = scores.probability.crps_for_ensemble(
        ensemble, obs, "member", method="fair" if fair else "ecdf", reduce_dims="time"
    )
    np.testing.assert_allclose(v.crps(ensemble, obs, "time", fair=fair), theirs, rtol=1e-12)


def test_that_missing_members_are_left_out_of_the_crps(ensemble, obs):
    lost = (ensemble.isel(member=[0]) * np.nan).assign_coords(member=[MEMBERS])
    holey = xr.concat([ensemble, lost], "member")
    xr.testing.assert_allclose(v.crps(holey, obs), v.crps(ensemble, obs))


def test_that_correlation_agrees_with_scipy(sim, obs):
    valid = obs.notnull().values
    expected = scipy.stats.pearsonr(sim.values[valid], obs.values[valid]).statistic
    assert v.correlation(sim, obs).item() == pytest.approx(expected, rel=1e-12)


def test_that_flatness_agrees_with_scipy(rng):
    counts = xr.DataArray(rng.integers(20, 40, 9), dims="rank")
    test = scipy.stats.chisquare(counts.values)
    ours = v.flatness(counts)
    assert ours["chi2"].item() == pytest.approx(test.statistic)
    assert ours["p"].item() == pytest.approx(test.pvalue)
    assert np.isnan(v.flatness(counts // 10)["p"].item())


# --- what holds for any data -----------------------------------------------------------------


@given(arrays(float, (2, 6, 3), elements=NUMBERS), st.sampled_from(["time", "station"]))
@settings(max_examples=40, deadline=None)
def test_that_squared_ubrmse_and_bias_make_squared_rmse(values, dim):
    sim, obs = (series(x, ("time", "station")) for x in values)
    left = v.ubrmse(sim, obs, dim, remove=dim) ** 2 + v.bias(sim, obs, dim) ** 2
    np.testing.assert_allclose(left, v.rmse(sim, obs, dim) ** 2, rtol=1e-9, atol=1e-9)


@given(arrays(float, (2, 6), elements=NUMBERS))
@settings(max_examples=40, deadline=None)
def test_that_the_crps_of_one_member_is_the_absolute_error(values):
    sim, obs = (series(x) for x in values)
    np.testing.assert_allclose(v.crps(sim.expand_dims("member"), obs), v.mae(sim, obs))


@given(arrays(float, (5, 6), elements=NUMBERS), st.permutations(range(5)))
@settings(max_examples=40, deadline=None)
def test_that_the_order_of_members_changes_no_score(values, order):
    ensemble, obs = series(values, ("member", "time")), series(np.zeros(6))
    other = ensemble.isel(member=order)
    for fair in (False, True):
        first, second = (v.crps(x, obs, fair=fair) for x in (ensemble, other))
        np.testing.assert_allclose(first, second, atol=1e-9)
    np.testing.assert_allclose(v.spread(ensemble), v.spread(other), atol=1e-9)


@given(st.permutations(range(SITES)))
@settings(max_examples=10, deadline=None)
def test_that_the_order_of_stations_changes_no_score(order):
    rng = np.random.default_rng(1)
    sim, obs = (series(rng.random((9, SITES)), ("time", "station")) for _ in range(2))
    for score in (v.rmse, v.correlation, v.SCORES["ubrmse_station"], v.SCORES["ubrmse_time"]):
        first, second = (score(s, o) for s, o in ((sim, obs), (sim[:, order], obs[:, order])))
        np.testing.assert_allclose(first, second, rtol=1e-12)


@given(arrays(float, (4, 6), elements=NUMBERS), st.floats(0.1, 10), st.floats(-50, 50))
@settings(max_examples=40, deadline=None)
def test_that_crps_scales_with_the_unit_and_ignores_the_datum(values, factor, shift):
    ensemble, obs = series(values, ("member", "time")), series(np.zeros(6))
    moved = v.crps(ensemble * factor + shift, obs * factor + shift)
    np.testing.assert_allclose(moved, v.crps(ensemble, obs) * factor, rtol=1e-9, atol=1e-9)


def test_that_a_score_does_not_depend_on_the_unit_of_the_simulation(sim, obs):
    percent = (sim * 100).assign_attrs(units="percent")
    assert v.rmse(percent, obs).item() == pytest.approx(v.rmse(sim, obs).item())
    assert v.rmse(percent, obs).attrs["units"] == "m3 m-3"
    with pytest.raises(UnitError, match="simulation must be convertible"):
        v.rmse(sim.assign_attrs(units="kelvin"), obs)


def test_that_only_times_both_have_are_scored_and_none_in_common_is_an_error(sim, obs):
    assert v.count(sim.isel(time=slice(10, 20)), obs).item() == obs[10:20].notnull().sum()
    shifted = sim.assign_coords(time=sim["time"] + np.timedelta64(12, "h"))
    for score in (v.rmse, lambda s, o: v.crps(s.expand_dims("member"), o)):
        with pytest.raises(DataError, match=r"no time in common.*T12:00.*observed 2016-12-01"):
            score(shifted, obs)


def test_that_a_wrong_dimension_is_named(sim, obs):
    with pytest.raises(DataError, match=r"'layer'.*they have time, station"):
        v.rmse(sim, obs, "layer")
    with pytest.raises(DataError, match="must have the dimension 'member'"):
        v.crps(sim, obs)


# --- ensembles -------------------------------------------------------------------------------


def test_that_the_spread_is_the_sample_standard_deviation(ensemble):
    np.testing.assert_allclose(v.spread(ensemble), ensemble.std("member", ddof=1))
    pooled = np.sqrt((ensemble.std("member", ddof=1) ** 2).mean("time"))
    np.testing.assert_allclose(v.spread(ensemble, "time"), pooled)
    assert np.isnan(v.spread(ensemble.isel(member=[0]))).all()


def reliable(rng, cases, members, error_sd):
    """Truth and members drawn from one distribution of varying width, and observations that err."""
    width = rng.uniform(0.5, 3.0, cases)
    draws = rng.standard_normal((members + 1, cases)) * width
    noise = error_sd * rng.standard_normal(cases)
    return series(draws[1:], ("member", "time")), series(draws[0] + noise)


def test_that_a_reliable_ensemble_has_spread_like_error_in_every_bin(rng):
    ensemble, obs = reliable(rng, 20_000, 5, 1.0)
    assert v.spread_skill(ensemble, obs, error_sd=1.0)["ratio"].item() == pytest.approx(1, abs=0.02)
    pooled = v.spread_skill(ensemble, obs)["ratio"].item()
    assert pooled < 0.92
    table = v.spread_skill_binned(ensemble, obs, bins=4, error_sd=1.0)
    assert table["n"].values.tolist() == [5000] * 4
    assert (table["spread"].diff("bin") > 0).all()
    # Wide spread estimated from five members is wide partly by chance: bins regress to the mean.
    assert (table["rmse"].diff("bin") > 0).all()


def test_that_more_bins_than_pairs_are_refused(ensemble, obs):
    with pytest.raises(DataError, match="use fewer bins"):
        v.spread_skill_binned(ensemble.isel(time=[0]), obs, bins=100)


def test_that_a_reliable_ensemble_has_a_flat_rank_histogram_and_a_narrow_one_has_not(rng):
    ensemble, obs = reliable(rng, 4000, 7, 1.0)
    flat = v.rank_histogram(ensemble, obs, rng, error_sd=1.0)
    assert flat.sizes["rank"] == 8 and flat.sum() == 4000
    assert v.flatness(flat)["p"].item() > 0.01
    assert v.flatness(v.rank_histogram(ensemble * 0.3, obs, rng))["p"].item() < 1e-6


def test_that_ranks_count_the_members_below_and_ties_are_spread_over_the_tied(rng):
    ensemble = series([[1, 0], [2, 0], [3, 0]], ("member", "time"))
    one = v.rank_histogram(ensemble.isel(time=[0]), series([2.5]), rng)
    assert one.values.tolist() == [0, 0, 1, 0]
    dry = v.rank_histogram(ensemble.isel(time=[1] * 4000), series(np.zeros(4000)), rng)
    assert v.flatness(dry)["p"].item() > 0.001
    again = v.rank_histogram(ensemble, series([2, 0]), np.random.default_rng(0))
    same = v.rank_histogram(ensemble, series([2, 0]), np.random.default_rng(0))
    xr.testing.assert_identical(again, same)


def test_that_cases_with_missing_values_are_not_ranked(ensemble, obs, rng):
    hole = (obs["time"] == obs["time"][0]) & (ensemble["member"] == 3)
    ensemble = ensemble.where(~hole)
    counts = v.rank_histogram(ensemble, obs, rng, "time")
    expected = obs.isel(time=slice(1, None)).notnull().sum("time")
    np.testing.assert_array_equal(counts.sum("rank"), expected)


# --- innovations -----------------------------------------------------------------------------


def test_that_diagonal_and_full_innovation_chi2_agree_and_drop_missing_values(rng):
    d = series(rng.standard_normal((20, 4)), ("time", "obs"))
    d[0, 1] = np.nan
    d[1] = np.nan
    variance = series([1.0, 2.0, 3.0, 4.0], ("obs",))
    full = xr.DataArray(np.diag(variance.values), dims=("obs", "obs_other"))
    diagonal = v.innovation_chi2(d, variance)
    np.testing.assert_allclose(diagonal, v.innovation_chi2(d, full, other="obs_other"))
    assert diagonal["n"].values[:3].tolist() == [3, 0, 4]
    assert np.isnan(diagonal[1])
    assert diagonal[0].item() == pytest.approx(np.nansum(d[0] ** 2 / variance) / 3)


def test_that_the_full_chi2_is_the_mahalanobis_distance_and_one_in_the_mean(rng):
    factor = rng.standard_normal((6, 6))
    s = factor @ factor.T + np.eye(6)
    d = rng.multivariate_normal(np.zeros(6), s, 4000)
    covariance = xr.DataArray(s, dims=("obs", "obs_other"))
    chi2 = v.innovation_chi2(series(d, ("time", "obs")), covariance, other="obs_other")
    assert chi2[0].item() == pytest.approx(d[0] @ np.linalg.inv(s) @ d[0] / 6)
    assert chi2.mean().item() == pytest.approx(1, abs=0.05)
    bounds = v.chi2_interval(chi2["n"])
    inside = ((chi2 > bounds["low"]) & (chi2 < bounds["high"])).mean().item()
    assert inside == pytest.approx(0.95, abs=0.02)


def test_that_a_covariance_that_is_none_is_refused():
    d = series([1.0, 2.0], ("obs",))
    with pytest.raises(DataError, match="must be positive"):
        v.innovation_chi2(d, series([1.0, 0.0], ("obs",)))
    matrix = xr.DataArray([[1.0, 2.0], [2.0, 1.0]], dims=("obs", "other"))
    with pytest.raises(DataError, match="positive definite"):
        v.innovation_chi2(d, matrix, other="other")
    with pytest.raises(DataError, match="square"):
        v.innovation_chi2(d, matrix.isel(other=[0]), other="other")


def test_that_desroziers_finds_the_error_variances_of_an_optimal_analysis(rng):
    cases, r, b = 20_000, np.array([0.5, 2.0]), np.array([[2.0, 1.0], [1.0, 1.5]])
    background = rng.multivariate_normal(np.zeros(2), b, cases)
    innovation = rng.standard_normal((cases, 2)) * np.sqrt(r) - background
    gain = b @ np.linalg.inv(b + np.diag(r))
    residual = innovation - innovation @ gain.T
    ob, oa = (series(x, ("time", "station")) for x in (innovation, residual))
    found = v.desroziers(ob, oa)
    np.testing.assert_allclose(found["R"], r, rtol=0.05)
    np.testing.assert_allclose(found["HPHt"], np.diag(b), rtol=0.05)
    np.testing.assert_allclose(found["HAHt"], np.diag(gain @ np.diag(r)), rtol=0.05)
    assert found["R"].attrs["units"] == "(m)^2"
    matrix = v.desroziers(ob, oa, matrix="station")["HPHt"]
    np.testing.assert_allclose(matrix, b, atol=0.08)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.isnan(v.desroziers(ob[:5], oa[:5])["R"]).all()


# --- groups ----------------------------------------------------------------------------------


def test_that_by_gives_the_score_of_each_part(sim, obs):
    by_year = v.by(v.rmse, sim, obs, obs["time"].dt.year)
    assert by_year["year"].values.tolist() == [2016, 2017]
    for year in (2016, 2017):
        there = obs["time"].dt.year == year
        expected = v.rmse(sim.sel(time=there), obs.sel(time=there))
        assert by_year.sel(year=year).item() == pytest.approx(expected.item())
    assert by_year.attrs["units"] == "m3 m-3"


def test_that_groups_cross_and_empty_ones_are_missing(sim, obs):
    distance = v.distance_class(obs, obs.isel(station=[0]))
    table = v.by(v.count, sim, obs, obs["time"].dt.year, distance)
    assert table.dims == ("year", "distance")
    assert table.sum().item() == obs.notnull().sum().item()
    rmse = v.by(v.rmse, sim, obs, distance)
    assert np.isnan(v.by(v.rmse, sim, obs.where(distance != "> 5 km"), distance)[-1])
    part = obs.where(distance == "0.5-2.5 km")
    assert rmse.sel(distance="0.5-2.5 km").item() == v.rmse(sim, part).item()


def test_that_a_layer_is_a_group(rng):
    sim, obs = (series(rng.random((9, 3)), ("time", "layer")) for _ in range(2))
    sim, obs = (x.assign_coords(layer=[1, 2, 3]) for x in (sim, obs))
    np.testing.assert_allclose(v.by(v.rmse, sim, obs, obs["layer"]), v.rmse(sim, obs, "time"))


def test_that_a_group_without_a_name_is_refused(sim, obs):
    with pytest.raises(HydrodaError, match="needs a name"):
        v.by(v.rmse, sim, obs, obs["time"].dt.year.rename(None))


def test_that_distance_classes_are_those_of_li(obs):
    classes = v.distance_class(obs, obs.isel(station=[0]))
    assert classes.values.tolist() == ["0 km", "0 km", "0-0.5 km", "0.5-2.5 km", "> 5 km"]
    assert classes.attrs["classes"] == ["0 km", "0-0.5 km", "0.5-2.5 km", "2.5-5 km", "> 5 km"]
    assert v.distance_class(obs, obs, edges=("1 km",)).values.tolist() == ["0-1 km"] * SITES


def test_that_distance_classes_need_places_units_and_growing_edges(obs):
    with pytest.raises(DataError, match="x and y missing"):
        v.distance_class(obs.drop_vars(["x", "y"]), obs)
    with pytest.raises(DataError, match="no station"):
        v.distance_class(obs, obs.isel(station=[]))
    with pytest.raises(DataError, match="missing coordinates"):
        v.distance_class(obs.assign_coords(x=obs["x"] * np.nan), obs)
    with pytest.raises(HydrodaError, match="edges must increase"):
        v.distance_class(obs, obs, edges=("5 km", "1 km"))
    with pytest.raises(UnitError, match="edges needs a unit"):
        v.distance_class(obs, obs, edges=(0.5,))


# --- confidence ------------------------------------------------------------------------------


def test_that_a_real_gain_is_beyond_noise_and_none_is_not(obs, rng):
    error = xr.DataArray(rng.normal(0, 0.03, obs.shape), obs.coords, obs.dims)
    other = xr.DataArray(rng.normal(0, 0.03, obs.shape), obs.coords, obs.dims)
    truth = obs.fillna(0.3)
    compare = dict(block="5 D", seed=1, draws=100)
    gain = v.score_difference(v.rmse, truth + error / 2, truth + error, obs, **compare)
    assert gain["high"] < 0 and gain["beyond_noise"]
    assert gain["low"] < gain["difference"] < gain["high"]
    assert gain["blocks"] == 12
    none = v.score_difference(v.rmse, truth + other, truth + error, obs, **compare)
    assert not none["beyond_noise"]


def test_that_the_interval_of_a_difference_follows_from_the_seed(sim, obs):
    args = (v.rmse, sim, sim + 0.01, obs)
    first, same = (v.score_difference(*args, block=5, seed=3, draws=30) for _ in range(2))
    xr.testing.assert_identical(first, same)
    assert not first.equals(v.score_difference(*args, block=5, seed=4, draws=30))


def test_that_block_intervals_are_as_wide_as_the_correlation_asks(rng):
    """Errors constant within ten days: blocks of ten see it, blocks of one do not."""
    error = series(np.repeat(rng.standard_normal(80), 10))
    obs, base = error * 0, error * 0
    widths = {}
    for block in (1, 10):
        found = v.score_difference(v.bias, error, base, obs, block=block, seed=1, draws=200)
        widths[block] = (found["high"] - found["low"]).item()
    assert widths[10] == pytest.approx(2 * 1.96 / np.sqrt(80), rel=0.3)
    assert widths[10] / widths[1] == pytest.approx(np.sqrt(10), rel=0.3)


def test_that_few_blocks_give_no_interval_and_a_wrong_block_is_refused(sim, obs):
    few = v.score_difference(v.rmse, sim, sim, obs, block="30 D", seed=1)
    assert np.isnan(few["low"]) and not few["beyond_noise"] and few["blocks"] == 2
    with pytest.raises(UnitError, match="block"):
        v.score_difference(v.rmse, sim, sim, obs, block="30", seed=1)
    with pytest.raises(HydrodaError, match="at least one entry"):
        v.score_difference(v.rmse, sim, sim, obs, block=0, seed=1)
    with pytest.raises(HydrodaError, match="holds no times"):
        plain = series(np.arange(9.0))
        v.score_difference(v.rmse, plain, plain, plain, block="1 D", seed=1)


def autoregressive(rng, phi, shape):
    """Stationary AR(1) series along the last axis, unit variance."""
    x = rng.standard_normal(shape)
    for t in range(1, shape[-1]):
        x[..., t] = phi * x[..., t - 1] + np.sqrt(1 - phi**2) * x[..., t]
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_that_the_interval_of_a_correlated_mean_covers_it_as_often_as_said(phi, rng):
    found = v.mean_interval(series(autoregressive(rng, phi, (400, 2000)), ("run", "time")))
    covered = ((found["low"] < 0) & (found["high"] > 0)).mean().item()
    assert covered == pytest.approx(0.95, abs=0.035)
    expected = 2000 * (1 - phi) / (1 + phi)
    assert found["effective_size"].median().item() == pytest.approx(expected, rel=0.15)


def test_that_the_mean_interval_agrees_with_batch_means(rng):
    x = autoregressive(rng, 0.8, (20_000,))
    found = v.mean_interval(series(x))
    batches = x.reshape(50, -1).mean(axis=1)
    width = 2 * scipy.stats.t.ppf(0.975, 49) * batches.std(ddof=1) / np.sqrt(50)
    assert (found["high"] - found["low"]).item() == pytest.approx(width, rel=0.25)


def test_that_mean_intervals_of_constant_short_and_missing_series_are_sane():
    constant = v.mean_interval(series(np.full(50, 0.1)))
    assert constant["low"].item() == pytest.approx(0.1) == constant["high"].item()
    short = v.mean_interval(series([1.0, 3.0, np.nan]))
    assert short["mean"].item() == 2 and np.isnan(short["low"])
    assert np.isnan(v.mean_interval(series([np.nan] * 20))["mean"])
    alternating = v.mean_interval(series(np.tile([1.0, -1.0], 50)))
    assert alternating["effective_size"].item() == 100


# --- tables ----------------------------------------------------------------------------------


def test_that_the_table_has_a_row_for_each_score_variable_group_and_run(sim, ensemble, obs):
    distance = v.distance_class(obs, obs.isel(station=[0]))
    year = obs["time"].dt.year
    table = v.score_table(
        {"open loop": {"soil_moisture": ensemble}, "WC_DA": {"soil_moisture": sim * 1.1}},
        {"soil_moisture": obs, "groundwater_level": obs},
        groups={"soil_moisture": [year, (year, distance)]},
    )
    assert list(table.columns) == ["score", "variable", "group", "run", "unit", "value"]
    assert not table.duplicated(["score", "variable", "group", "run"]).any()
    assert set(table["variable"]) == {"soil_moisture"}
    groups = ["all", "2016", "2017", *(f"{y}, {d}" for y, d in grid(distance))]
    assert table["group"].unique().tolist() == groups
    assert set(table.query("run == 'WC_DA'")["score"]) == set(v.SCORES) - {
        "crps", "spread", "spread_skill",
    }  # fmt: skip
    row = table.query("score == 'rmse' and run == 'open loop' and group == 'all'").iloc[0]
    assert row["value"] == v.rmse(sim, obs).item() and row["unit"] == "m3 m-3"
    count = table.query("score == 'n' and run == 'WC_DA' and group == '2016, 0 km'").iloc[0]
    first = year == 2016
    assert count["value"] == obs.sel(time=first, station=["a", "b"]).notnull().sum()


def grid(distance):
    return itertools.product((2016, 2017), distance.attrs["classes"])


def test_that_scores_that_need_sites_are_left_out_for_a_single_one(sim, obs):
    one = {"swc": obs.isel(station=0)}
    table = v.score_table({"run": {"swc": sim.isel(station=0)}}, one)
    assert "ubrmse_station" not in set(table["score"])
    assert "ubrmse_time" in set(table["score"])


def test_that_the_spread_of_the_table_is_that_at_the_observations(ensemble, obs):
    table = v.score_table({"run": {"swc": ensemble}}, {"swc": obs}).set_index("score")["value"]
    ratio = v.spread_skill(ensemble, obs)
    assert table["spread_skill"] == pytest.approx(ratio["ratio"].item())
    widened = ratio["spread"].item() / np.sqrt((MEMBERS + 1) / MEMBERS)
    assert table["spread"] == pytest.approx(widened)


def test_that_records_carry_missing_values_as_none(sim, obs):
    table = v.score_table({"run": {"swc": sim * np.nan}}, {"swc": obs})
    rows = v.records(table)
    assert rows[0] == {
        "score": "n", "variable": "swc", "group": "all", "run": "run", "unit": "1", "value": 0.0,
    }  # fmt: skip
    assert rows[1]["score"] == "rmse" and rows[1]["value"] is None
