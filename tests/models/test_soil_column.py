from dataclasses import replace

import numba
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import ForcingWindow
from hydroda.models.columns import water_table_depth
from hydroda.models.land import (
    FAO56,
    Atmosphere,
    DegreeDay,
    Feddes,
    FreeDrainage,
    HeldHead,
    Outlet,
    Upstream,
    Vegetation,
    WaterTable,
    ZeroFlux,
)
from hydroda.models.retention import ClappHornberger, Gardner, VanGenuchten
from hydroda.models.roots import UniformRoots
from hydroda.models.soil_column import SoilColumn, Steps

START = np.datetime64("2016-04-01", "ns")
HOUR = np.timedelta64(1, "h")
LAYERS = SoilColumn.layers("1.5 m", first="4 cm", count=10)
GRASS = SoilColumn(LAYERS)
WARM = {"air_temperature": 290.0, "potential_evapotranspiration": 0.0}


def weather(hours, **values):
    """Hourly weather; values are numbers or (member, step)."""
    full = {"rain": 0.0} | WARM | values
    arrays = {
        name: np.array(
            np.broadcast_to(np.atleast_2d(value), (np.atleast_2d(value).shape[0], hours))
        )
        for name, value in full.items()
    }
    return ForcingWindow(START + np.arange(hours) * HOUR, 3600.0, arrays)


def run(model, ensemble, window):
    return model.forecast(ensemble, window, START, START + window.times.size * HOUR)


def storms(rng, members, hours):
    wet = rng.random((members, hours)) < 0.15
    return weather(
        hours,
        rain=np.where(wet, rng.exponential(4.0, (members, hours)), 0.0),
        air_temperature=276.0 + 8.0 * rng.normal(size=(1, hours)),
        potential_evapotranspiration=rng.exponential(0.2, (1, hours)),
    )


def mixed(model, members, seed=0, **variables):
    rng = np.random.default_rng(seed)
    h = -rng.uniform(0.05, 3.0, (members, 1, model.dz.size))
    conductivity = rng.normal(-5.5, 0.5, (members, 1))
    return model.dataset(h=h, log10_Ks=conductivity, **variables)


# ------------------------------------------------------------------------------- against references


def test_that_infiltration_into_dry_soil_meets_the_fine_solution(shared):
    """Celia et al. 1990 (10.1029/WR026i007p01483) on 1 cm; ParFlow there: 42.51 mm, RMSE 0.0053."""
    reference = np.load(shared("reference/parflow/celia_vg_60cm.npz"))
    model = SoilColumn(
        ("1 cm",) * 60,
        soil=VanGenuchten("0.102 m3/m3", "0.368 m3/m3", "0.0335 1/cm", 2.0, "0.00922 cm/s"),
        top=HeldHead("-75 cm"),
        bottom=HeldHead("-1000 cm"),
        steps=Steps(largest="60 s"),
    )
    start = model.dataset(h=np.full((1, 60), -10.0))
    after = model.forecast(start, None, START, START + 24 * HOUR)
    assert -after["runoff"].item() == pytest.approx(41.128, rel=2e-4)
    fine = np.interp(0.6 - model.z, reference["z_ref"], reference["th_ref"])
    assert np.sqrt(np.mean((after["theta"].values[0, 0] - fine) ** 2)) < 3e-4
    assert abs(after["budget_error"].item()) < 1e-6
    kept = after["water"] - start["water"]
    assert kept.item() == pytest.approx(
        -after["runoff"].item() - after["drainage"].item(), abs=1e-6
    )


def test_that_infiltration_into_sand_meets_the_fine_solution(shared):
    """Miller et al. 1998 on 2.5 cm; ParFlow on 1.25 cm: 1.03864 m, RMSE 0.0049."""
    reference = np.load(shared("reference/parflow/miller_sand.npz"))
    model = SoilColumn(
        ("2.5 cm",) * 400,
        soil=VanGenuchten("0.093 m3/m3", "0.301 m3/m3", "5.47 1/m", 4.264, "5.04 m/day"),
        top=HeldHead("0.1 m"),
        bottom=HeldHead("0 m"),
        storage="1e-6 1/m",
        steps=Steps(largest="20 s", smallest="1 ms"),
    )
    start = model.dataset(h=(model.z - 10.0)[None])
    after = model.forecast(start, None, START, START + np.timedelta64(15552, "s"))
    assert -after["runoff"].item() == pytest.approx(1035.58, rel=3e-4)
    fine = np.interp(10.0 - model.z, reference["z_ref"], reference["th_ref"])
    assert np.sqrt(np.mean((after["theta"].values[0, 0] - fine) ** 2)) < 2e-3
    assert abs(after["budget_error"].item()) < 1e-6


SRIVASTAVA = {  # h [cm] at z = 10, 30, 50, 70, 90 cm above the water table, by hour
    1: (-8.4143, -19.3234, -22.4371, -22.9392, -17.4304),
    5: (-8.4143, -19.3046, -21.5234, -15.3308, -6.0001),
    10: (-8.3354, -17.4840, -14.1901, -7.5633, -3.1062),
    20: (-6.0465, -8.4871, -5.4292, -2.9206, -1.6042),
}


def srivastava_error(cells):
    """Largest error [cm] of Srivastava & Yeh 1991 (10.1029/90WR02772), without their edges."""
    model = SoilColumn(
        tuple(f"{1.0 / cells} m" for _ in range(cells)),
        soil=Gardner("0.06 m3/m3", "0.4 m3/m3", "0.1 1/cm", "1 cm/h"),
        vegetation=Vegetation(leaf_area_index=0.0),
        bottom=WaterTable("1 m"),
        storage="1e-12 1/m",
        steps=Steps(largest=f"{57600 / cells**2} s", smallest="1 ms"),
    )
    above = 100.0 - 100.0 * model.z
    ensemble = model.dataset(h=np.log(0.1 + 0.9 * np.exp(-0.1 * above))[None] / 10.0)
    errors, hour = [], 0
    for until, exact in SRIVASTAVA.items():
        ensemble = run(model, ensemble, weather(until - hour, rain=9.0))
        hour = until
        h = 100.0 * ensemble["h"].values[0, 0]
        # Four points around each place: linear interpolation alone would be of the same order.
        for place, value in zip((10, 30, 50, 70, 90), exact, strict=True):
            near = np.argsort(np.abs(above - place))[:4]
            errors.append(abs(np.polyval(np.polyfit(above[near] - place, h[near], 3), 0.0) - value))
    return max(errors)


def test_that_the_error_against_the_exact_transient_falls_by_four_on_half_the_grid():
    coarse, fine = srivastava_error(20), srivastava_error(40)
    assert fine < 0.12
    assert 3.0 < coarse / fine < 5.5


# ------------------------------------------------------------------------------------ steady states


@pytest.mark.parametrize("bottom", [WaterTable("1.2 m"), ZeroFlux(), Outlet("1.2 m", "30 D")])
def test_that_a_hydrostatic_column_stays_put(bottom):
    model = replace(GRASS, bottom=bottom)
    start = model.dataset(h=(model.z - 1.2)[None])
    after = run(model, start, weather(240))
    np.testing.assert_allclose(after["h"].values, start["h"].values, atol=1e-7)
    assert abs(after["drainage"].item()) < 1e-6
    assert after["water_table_depth"].item() == pytest.approx(1.2, abs=1e-6)


def test_that_layers_of_other_soils_are_at_rest_at_a_constant_total_head():
    rng = np.random.default_rng(3)
    model = replace(GRASS, bottom=WaterTable("2 m"))
    start = model.dataset(
        h=(model.z - 2.0)[None],
        n=rng.uniform(1.2, 2.5, (1, 1, 10)),
        alpha=rng.uniform(0.8, 8.0, (1, 1, 10)),
        log10_Ks=rng.uniform(-7.0, -4.5, (1, 1, 10)),
    )
    after = run(model, start, weather(240))
    np.testing.assert_allclose(after["h"].values, start["h"].values, atol=1e-7)


def test_that_steady_rain_ends_in_unit_gradient_flow():
    rate = 0.4  # mm per hour, below K_s
    start = replace(GRASS, vegetation=Vegetation(0.0)).dataset(h=np.full((1, 10), -1.0))
    model = replace(GRASS, vegetation=Vegetation(0.0))
    after = run(model, run(model, start, weather(2000, rain=rate)), weather(24, rain=rate))
    assert after["drainage"].item() == pytest.approx(24.0 * rate, rel=1e-6)
    k = model.soil.conductivity(after["h"].values[0, 0])
    np.testing.assert_allclose(k, rate / 3.6e6, rtol=1e-5)


def test_that_a_held_water_table_feeds_the_column_above_it():
    model = replace(GRASS, bottom=WaterTable("1 m"))
    start = model.dataset(h=np.full((1, 10), -3.0))
    after = run(model, start, weather(24 * 200))
    assert after["drainage"].item() < -20.0
    np.testing.assert_allclose(after["h"].values[0, 0], model.z - 1.0, atol=0.02)


def test_that_members_drain_to_streams_of_their_own():
    outlets = Outlet("0.8 m", "20 D"), Outlet("1.1 m", "5 D")
    together = replace(GRASS, bottom=outlets[0])
    wet = (GRASS.z - 0.5)[None]
    own = {name: [float(outlet.values()[name]) for outlet in outlets] for name in Outlet.parameters}
    after = run(together, together.dataset(h=np.repeat(wet, 2, axis=0), **own), weather(240))
    for member, outlet in enumerate(outlets):
        alone = replace(GRASS, bottom=outlet)
        expected = run(alone, alone.dataset(h=wet), weather(240))
        for name in ("h", "drainage"):
            np.testing.assert_array_equal(after[name][member], expected[name][0])
    assert after["drainage"].values.min() > 1.0


def test_that_steady_rain_stands_over_the_stream_by_rate_times_resistance():
    rate = 0.05  # mm per hour
    model = replace(GRASS, vegetation=Vegetation(0.0), bottom=Outlet("0.8 m", "20 D"))
    after = run(model, model.dataset(h=(model.z - 0.8)[None]), weather(4000, rain=rate))
    head = after["h"].values[0, 0, -1] + 0.5 * model.dz[-1] - (1.5 - 0.8)
    assert head == pytest.approx(rate / 1000.0 * 24.0 * 20.0, rel=1e-5)


# ------------------------------------------------------------------------------------------ budgets

BOTTOMS = (FreeDrainage(), ZeroFlux(), WaterTable("1 m"), Outlet("0.8 m", "20 D"))


@given(
    seed=st.integers(0, 10_000),
    bottom=st.sampled_from(BOTTOMS),
    stress=st.sampled_from((Feddes(), FAO56())),
    ponding=st.sampled_from(("0 mm", "15 mm")),
    n=st.sampled_from((1.09, 1.3, 1.56, 2.7)),
)
@settings(max_examples=15)
def test_that_every_hour_closes_its_budget(seed, bottom, stress, ponding, n):
    model = replace(
        GRASS,
        soil=replace(GRASS.soil, n=n),
        bottom=bottom,
        vegetation=Vegetation(3.0, stress=stress),
        top=Atmosphere(ponding=ponding),
    )
    window = storms(np.random.default_rng(seed), 3, 30)
    ensemble = mixed(model, 3, seed)
    for i in range(30):
        before = ensemble
        hour = ForcingWindow(
            window.times[i : i + 1], 3600.0, {k: v[:, i : i + 1] for k, v in window.values.items()}
        )
        ensemble = run(model, before, hour)
        assert np.isfinite(ensemble["h"].values).all()
        change = ensemble["water"] - before["water"]
        fluxes = model.budget.net(ensemble)
        np.testing.assert_allclose(change, fluxes, atol=1e-6)
        np.testing.assert_allclose(ensemble["budget_error"], change - fluxes, atol=1e-9)
        assert ensemble["rain"].values[:, 0] == pytest.approx(hour["rain"][:, 0], abs=1e-12)
    assert (ensemble["pond"].values <= 15.0 + 1e-9).all()


def test_that_layered_columns_close_their_budget_and_no_member_fails():
    rng = np.random.default_rng(5)
    profile = (4, 1, 10)
    ensemble = GRASS.dataset(
        h=-rng.uniform(0.05, 3.0, profile),
        n=rng.uniform(1.1, 2.6, profile),
        alpha=rng.uniform(0.5, 8.0, profile),
        log10_Ks=rng.normal(-5.5, 0.7, profile),
    )
    after = run(GRASS, ensemble, storms(rng, 4, 24 * 20))
    assert np.isfinite(after["h"].values).all()
    assert np.abs(after["budget_error"].values).max() < 1e-5


def test_that_other_soils_and_fluxes_close_their_budget():
    soil = ClappHornberger("0.45 m3/m3", "-0.5 m", 5.4, "7e-6 m/s")
    model = replace(GRASS, soil=soil, flux=Upstream())
    after = run(model, mixed(model, 3), storms(np.random.default_rng(6), 3, 24 * 20))
    assert np.isfinite(after["h"].values).all()
    assert np.abs(after["budget_error"].values).max() < 1e-5
    assert set(model.state) > {"entry_head", "b", "log10_Ks"}


# --------------------------------------------------------------------------------- the land surface


def test_that_rain_beyond_the_capacity_runs_off():
    clay = VanGenuchten("0.07 m3/m3", "0.38 m3/m3", "0.8 1/m", 1.2, "0.5 mm/h")
    model = replace(GRASS, soil=clay, vegetation=Vegetation(0.0))
    start = model.dataset(h=np.full((1, 10), -0.05))
    wet = run(model, start, weather(48, rain=5.0))
    later = run(model, wet, weather(24, rain=5.0))
    # A wet profile takes its conductivity and no more.
    assert 24 * 5.0 - later["runoff"].item() == pytest.approx(24 * 0.5, rel=0.02)
    ponded = replace(model, top=Atmosphere(ponding="40 mm"))
    held = run(ponded, ponded.dataset(h=np.full((1, 10), -0.05)), weather(48, rain=5.0))
    assert held["pond"].item() == pytest.approx(40.0)
    assert wet["runoff"].item() - held["runoff"].item() > 40.0
    emptied = run(ponded, held, weather(24 * 10))
    assert emptied["pond"].item() == 0.0
    assert emptied["runoff"].item() == pytest.approx(0.0, abs=1e-9)


def test_that_a_full_column_sheds_the_rain():
    model = replace(GRASS, bottom=ZeroFlux(), vegetation=Vegetation(0.0))
    start = model.dataset(h=(model.z + 1e-3)[None] - 1e-3)
    after = run(model, start, weather(24, rain=2.0))
    assert after["runoff"].item() == pytest.approx(48.0, abs=1e-3)
    assert after["water_table_depth"].item() == pytest.approx(0.0, abs=1e-3)


def test_that_evaporation_stops_in_dry_soil():
    model = replace(GRASS, vegetation=Vegetation(0.0), bottom=ZeroFlux())
    start = model.dataset(h=np.full((1, 10), -0.6))
    first = run(model, start, weather(24, potential_evapotranspiration=0.1))
    assert first["evapotranspiration"].item() == pytest.approx(2.4, rel=1e-6)
    dry = run(model, first, weather(24 * 200, potential_evapotranspiration=0.25))
    last = run(model, dry, weather(24, potential_evapotranspiration=0.25))
    assert 0.0 < last["evapotranspiration"].item() < 0.5
    assert dry["h"].values.min() > -150.1
    # Far drier than air-dry, a surface neither gives nor draws water.
    desert = model.dataset(h=np.full((1, 10), -1e4))
    parched = run(model, desert, weather(24, potential_evapotranspiration=0.25))
    assert parched["evapotranspiration"].item() == pytest.approx(0.0, abs=1e-9)


def test_that_plants_stop_at_the_wilting_point():
    plants = Vegetation(20.0, roots=UniformRoots("1.5 m"), stress=FAO56(p=0.5))
    model = replace(GRASS, vegetation=plants, bottom=ZeroFlux())
    thirsty = weather(24 * 300, potential_evapotranspiration=0.3)
    after = run(model, model.dataset(h=np.full((1, 10), -0.5)), thirsty)
    wilting = model.soil.theta(-150.0)
    assert (after["theta"].values >= wilting - 1e-6).all()
    assert after["theta"].values.mean() == pytest.approx(float(wilting), abs=0.01)


def test_that_leaves_catch_and_evaporate_rain():
    model = replace(GRASS, vegetation=Vegetation(4.0, extinction=10.0, canopy_storage="0.5 mm"))
    start = model.dataset(h=np.full((1, 10), -1.0))
    caught = run(model, start, weather(1, rain=3.0))
    assert caught["canopy_water"].item() == pytest.approx(2.0)
    demand = 0.5
    later = run(model, caught, weather(3, potential_evapotranspiration=demand))
    assert later["interception"].item() == pytest.approx(1.5)
    assert later["canopy_water"].item() == pytest.approx(0.5)
    assert later["transpiration"].item() == pytest.approx(0.0, abs=1e-12)


def test_that_snow_gathers_melts_and_holds_its_water():
    model = replace(
        GRASS, snow=DegreeDay(melt="2.4 mm/K/day", holding=0.1), vegetation=Vegetation(0.0)
    )
    start = model.dataset(h=np.full((1, 10), -1.0))
    cold = run(model, start, weather(20, rain=1.0, air_temperature=265.0))
    assert cold["snow"].item() == pytest.approx(20.0)
    warm = run(model, cold, weather(2, air_temperature=278.15))
    # 0.5 mm an hour melts, and the ice holds a tenth of itself.
    assert warm["snow"].item() == pytest.approx(20.0)
    assert warm["snow_liquid"].item() == pytest.approx(1.0)
    gone = run(model, warm, weather(40, air_temperature=278.15))
    assert gone["snow"].item() == 0.0
    assert (gone["water"] - warm["water"] + gone["drainage"]).item() == pytest.approx(0.0, abs=1e-6)


def test_that_evapotranspiration_comes_from_the_weather_where_none_is_given():
    hours = 24
    sun = {
        "shortwave": 600.0, "longwave": 330.0, "relative_humidity": 0.6,
        "wind_speed": 2.0, "pressure": 1e5,
    }  # fmt: skip
    window = weather(hours, **sun)
    values = dict(window.values)
    del values["potential_evapotranspiration"]
    full = ForcingWindow(window.times, 3600.0, values)
    start = GRASS.dataset(h=np.full((1, 10), -1.0))
    assert run(GRASS, start, full)["evapotranspiration"].item() > 5.0
    del values["longwave"]
    with pytest.raises(DataError, match="the forcing lacks longwave"):
        run(GRASS, start, ForcingWindow(window.times, 3600.0, values))


# ----------------------------------------------------------------------------- members and failures


def test_that_threads_and_other_members_change_no_bit():
    ensemble = mixed(GRASS, 6, pond=np.zeros(6))
    window = storms(np.random.default_rng(7), 6, 24 * 5)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = run(GRASS, ensemble, window)
        numba.set_num_threads(min(2, threads))
        two = run(GRASS, ensemble, window)
    finally:
        numba.set_num_threads(threads)
    xr.testing.assert_identical(one, two)
    alone = run(
        GRASS,
        ensemble.isel(member=[3]),
        ForcingWindow(
            window.times,
            3600.0,
            {
                name: value[3:4] if value.shape[0] > 1 else value
                for name, value in window.values.items()
            },
        ),
    )
    xr.testing.assert_identical(alone, one.isel(member=[3]))


def test_that_columns_under_their_own_weather_are_columns_on_their_own():
    rng = np.random.default_rng(8)
    h = -rng.uniform(0.1, 2.0, (2, 3, 10))
    rain = rng.exponential(1.0, (2, 24, 3))
    window = weather(24)
    both = ForcingWindow(window.times, 3600.0, dict(window.values) | {"rain": rain})
    after = run(GRASS, GRASS.dataset(h=h, x=[0.0, 1.0, 2.0]), both)
    for i in range(3):
        alone = ForcingWindow(window.times, 3600.0, dict(window.values) | {"rain": rain[..., i]})
        single = run(GRASS, GRASS.dataset(h=h[:, i : i + 1]), alone)
        np.testing.assert_array_equal(after["h"].values[:, i], single["h"].values[:, 0])


def test_that_a_member_without_a_solution_is_nan_and_the_others_are_not():
    ensemble = mixed(GRASS, 3)
    h = ensemble["h"].values.copy()
    h[1, 0, 4] = np.nan
    after = run(GRASS, ensemble.assign(h=ensemble["h"].copy(data=h)), weather(24, rain=1.0))
    for name in ("h", "theta", "snow", "pond", "water", "drainage"):
        assert np.isnan(after[name].values[1]).all()
        assert np.isfinite(after[name].values[[0, 2]]).all()
    hopeless = replace(GRASS, steps=Steps(smallest="1 h", iterations=1, tolerance="1e-12 mm"))
    assert np.isnan(run(hopeless, ensemble, weather(1, rain=9.0))["h"].values).all()


def test_that_the_refined_model_gets_through_where_the_first_did_not():
    poor = replace(GRASS, steps=Steps(smallest="1 h", iterations=5))
    ensemble = GRASS.dataset(h=np.full((1, 10), -30.0))
    window = weather(3, rain=20.0)
    assert np.isnan(run(poor, ensemble, window)["h"].values).all()
    finer = poor.refined()
    assert finer.steps.iterations == 15
    assert np.isfinite(run(finer.refined(), ensemble, window)["h"].values).all()


# -------------------------------------------------------------------------------- after an analysis


def test_that_heads_follow_contents_and_clipped_water_is_reported():
    model = replace(GRASS, bottom=WaterTable("1.2 m"))
    start = model.dataset(h=np.tile((model.z - 1.2)[None, None], (2, 1, 1)))
    theta = start["theta"].values.copy()
    theta[:, 0, 2] = 0.25
    theta[1, 0, 3] = 0.5
    changed = start.assign(theta=start["theta"].copy(data=theta))
    after, added = model.reconcile(changed, ("theta",))
    np.testing.assert_allclose(after["h"].values[:, 0, 2], model.soil.head(0.25))
    same = [i for i in range(10) if i not in (2, 3)]
    np.testing.assert_array_equal(after["h"].values[..., same], start["h"].values[..., same])
    assert after["theta"].values[1, 0, 3] == pytest.approx(0.9999 * 0.43)
    lost = 1000.0 * model.dz[3] * (0.9999 * 0.43 - 0.5)
    np.testing.assert_allclose(added.values[:, 0], (0.0, lost), atol=1e-9)
    np.testing.assert_allclose(after["water"].values, model.water(after).values)


def test_that_contents_follow_heads():
    model = GRASS
    start = model.dataset(h=np.full((2, 1, 10), -0.5))
    h = start["h"].values - 0.3
    after, added = model.reconcile(start.assign(h=start["h"].copy(data=h)), ("h",))
    np.testing.assert_array_equal(after["h"].values, h)
    np.testing.assert_allclose(after["theta"].values, model.soil.theta(-0.8))
    assert not added.any()


def test_that_the_head_decides_in_saturated_cells_and_the_content_in_the_others():
    model = replace(GRASS, bottom=WaterTable("1.2 m"))
    start = model.dataset(h=(model.z - 1.0)[None])
    deep = model.z > 1.0
    h, theta = start["h"].values.copy(), start["theta"].values.copy()
    h[..., deep] += 0.1
    theta[..., ~deep] -= 0.02
    both = start.assign(h=start["h"].copy(data=h), theta=start["theta"].copy(data=theta))
    after, added = model.reconcile(both, ("h", "theta"))
    np.testing.assert_array_equal(after["h"].values[..., deep], h[..., deep])
    np.testing.assert_array_equal(after["theta"].values[..., ~deep], theta[..., ~deep])
    assert abs(added.item()) < 1e-9


def test_that_an_analysis_of_head_and_content_wets_no_cell_that_only_one_calls_saturated():
    start = GRASS.dataset(h=np.full((1, 1, 10), -2.0))
    h, theta = start["h"].values.copy(), start["theta"].values.copy()
    h[0, 0, 3], theta[0, 0, 3] = 40.0, 0.35  # a linear update of a head that is not linear
    h[0, 0, 6], theta[0, 0, 6] = -1.0, 0.44
    both = start.assign(h=start["h"].copy(data=h), theta=start["theta"].copy(data=theta))
    after, added = GRASS.reconcile(both, ("h", "theta"))
    np.testing.assert_allclose(after["h"].values[0, 0, 3], GRASS.soil.head(0.35))
    np.testing.assert_allclose(after["theta"].values[0, 0, [3, 6]], (0.35, 0.9999 * 0.43))
    cut = 1000.0 * (GRASS.dz[6] * (0.9999 * 0.43 - 0.44) - float(GRASS.storage) * GRASS.dz[3] * 40)
    assert added.item() == pytest.approx(cut)


@pytest.mark.parametrize("changed", [("theta",), ("h", "theta"), ("h",)])
def test_that_no_analysis_dries_sand_to_an_infinite_head(changed):
    # At pF 7 this sand holds theta_r to the last bit, whose head is minus infinity.
    sand = VanGenuchten("0.045 m3/m3", "0.43 m3/m3", "5 1/m", 5.0, "7 m/day")
    model = replace(GRASS, soil=sand)
    start = model.dataset(h=np.full((1, 1, 10), -0.5))
    given = {"h": np.full((1, 1, 10), -1e30), "theta": np.full((1, 1, 10), 0.01)}
    wrong = start.assign({name: start[name].copy(data=given[name]) for name in changed})
    after, added = model.reconcile(wrong, changed)
    np.testing.assert_array_equal(after["h"].values, -1e5)
    np.testing.assert_allclose(after["theta"].values, 0.045, atol=1e-12)
    cut = 1000.0 * 0.035 * model.dz.sum() if "theta" in changed else 0.0
    assert added.item() == pytest.approx(cut)


def test_that_new_soil_parameters_keep_the_water():
    start = mixed(GRASS, 3)
    changed = start.assign(alpha=start["alpha"] * 1.4, n=start["n"] * 1.1)
    after, added = GRASS.reconcile(changed, ("alpha", "n"))
    np.testing.assert_allclose(after["theta"].values, start["theta"].values, atol=1e-15)
    assert np.abs(added.values).max() < 1e-9
    soil = replace(GRASS.soil, alpha=f"{3.6 * 1.4} 1/m", n=1.56 * 1.1)
    np.testing.assert_allclose(after["h"].values, soil.head(start["theta"].values), rtol=1e-9)


def test_that_a_new_porosity_leaves_saturated_cells_saturated_and_reports_their_water():
    model = replace(GRASS, bottom=WaterTable("1 m"))
    start = model.dataset(h=(model.z - 1.0)[None])
    deep = model.z > 1.0
    after, added = model.reconcile(start.assign(theta_s=start["theta_s"] + 0.02), ("theta_s",))
    np.testing.assert_array_equal(after["h"].values[..., deep], start["h"].values[..., deep])
    np.testing.assert_allclose(after["theta"].values[..., deep], 0.45)
    np.testing.assert_allclose(
        after["theta"].values[..., ~deep], start["theta"].values[..., ~deep], atol=1e-15
    )
    assert added.item() == pytest.approx(1000.0 * 0.02 * model.dz[deep].sum())


def test_that_heads_decide_when_they_were_estimated_with_a_conductivity():
    start = GRASS.dataset(h=np.full((1, 10), -1.0))
    changed = start.assign(h=start["h"] + 0.4, log10_Ks=start["log10_Ks"] + 0.3)
    after, _ = GRASS.reconcile(changed, ("h", "log10_Ks"))
    np.testing.assert_array_equal(after["h"].values, changed["h"].values)
    np.testing.assert_allclose(after["theta"].values, GRASS.soil.theta(changed["h"].values))


def test_that_stores_are_kept_within_bounds():
    start = GRASS.dataset(h=np.full((1, 10), -1.0), snow=[10.0], snow_liquid=[1.0])
    wrong = start.assign(snow=start["snow"] - 12.0, canopy_water=start["canopy_water"] - 0.5)
    after, added = GRASS.reconcile(wrong, ("snow", "canopy_water"))
    assert after["snow"].item() == after["snow_liquid"].item() == 0.0
    assert added.item() == pytest.approx(2.5)


# ------------------------------------------------------------------------------------- declarations


def test_that_the_water_table_is_the_top_of_the_saturated_layers_at_the_bottom():
    z, dz = np.array([0.5, 1.5, 2.5]), np.ones(3)
    h = np.array(
        [
            [-1.0, -0.2, 0.8],
            [0.1, -0.2, 0.3],
            [-2.0, -1.0, -0.4],
            [-3.0, -2.0, -1.0],
            [0.2, 1.2, 2.2],
        ]
    )
    np.testing.assert_allclose(
        water_table_depth(h, z, dz), (1.7, 2.2, 2.9, np.nan, 0.3), equal_nan=True
    )


def test_that_layers_grow_by_one_factor_and_fill_the_depth():
    sizes = np.array([float(size) for size in SoilColumn.layers("3 m", first="2 cm", count=12)])
    assert sizes.sum() == pytest.approx(3.0)
    assert sizes[0] == pytest.approx(0.02)
    np.testing.assert_allclose(sizes[1:] / sizes[:-1], sizes[1] / sizes[0])
    equal = [float(size) for size in SoilColumn.layers("1 m", first="20 cm", count=5)]
    np.testing.assert_allclose(equal, 0.2)
    with pytest.raises(DeclarationError, match="do not fit"):
        SoilColumn.layers("1 m", first="30 cm", count=5)


def test_that_a_content_above_the_porosity_is_refused_with_its_place():
    theta = np.full((3, 1, 10), 0.3)
    theta[2, 0, 7] = 0.61
    with pytest.raises(
        DataError, match=r"member 2, column 0, layer 7 is 0\.61, above the porosity 0\.43"
    ):
        GRASS.dataset(theta=theta)
    theta[2, 0, 7] = 0.05
    with pytest.raises(DataError, match=r"at most the residual water content 0\.078"):
        GRASS.dataset(theta=theta)


def test_that_an_ensemble_says_what_does_not_fit():
    with pytest.raises(DeclarationError, match="exactly one of theta= and h="):
        GRASS.dataset()
    with pytest.raises(DataError, match="10 layers; got shape"):
        GRASS.dataset(h=np.zeros((2, 9)))
    with pytest.raises(DataError, match="n of shape"):
        GRASS.dataset(h=np.full((2, 10), -1.0), n=np.ones((3, 1)))


def test_that_labelled_and_bare_arrays_make_the_same_ensemble():
    Ks = np.array([1e-6, 2e-6])
    bare = GRASS.dataset(h=np.full((2, 1, 10), -1.0), Ks=Ks[:, None])
    labelled = GRASS.dataset(
        h=xr.DataArray(np.full((2, 10), -1.0), dims=("member", "layer")),
        Ks=xr.DataArray(Ks, dims="member"),
    )
    xr.testing.assert_identical(bare, labelled)
    np.testing.assert_allclose(bare["log10_Ks"].values[:, 0], np.log10(Ks))
    assert bare["log10_Ks"].attrs["units"] == "log10(m s-1)"
