from dataclasses import replace

import numba
import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import ForcingWindow
from hydroda.models import terrestrial
from hydroda.models.boundaries import (
    FixedFlux,
    FixedHead,
    FixedLevel,
    GravityDrainage,
    SeepageFace,
    Side,
    Well,
)
from hydroda.models.grid import Grid
from hydroda.models.kernels.flow import curves
from hydroda.models.land import Upstream
from hydroda.models.retention import VanGenuchten
from hydroda.models.roots import UniformRoots
from hydroda.models.terrestrial import (
    Covered,
    DiffusiveWave,
    EvaporatingSurface,
    FlowSteps,
    Still,
    TerrestrialSystem,
    perched_table_depth,
)
from hydroda.studies import flow_problems as problems

START = np.datetime64("2016-04-01", "ns")
HOUR = np.timedelta64(1, "h")
SLOPE = Grid((3, 8), "20 m", "20 m", ("0.1 m", "0.2 m", "0.3 m", "0.6 m", "1.2 m"), slope_x=-0.03)
HILL = TerrestrialSystem(SLOPE)


def weather(hours, rain=0.0, evaporation=0.0):
    values = {
        name: np.array(
            np.broadcast_to(np.atleast_2d(value), (np.atleast_2d(value).shape[0], hours))
        )
        for name, value in (("rain", rain), ("potential_evapotranspiration", evaporation))
    }
    return ForcingWindow(START + np.arange(hours) * HOUR, 3600.0, values)


def run(model, ensemble, window):
    return model.forecast(ensemble, window, START, START + window.times.size * HOUR)


def varied(model, members=1, seed=0, depth=1.2):
    """Hydrostatic over a table that undulates, with a K_s of its own in every cell."""
    rng = np.random.default_rng(seed)
    shape = (members, model.grid.columns, 1)
    table = depth + 0.3 * rng.normal(size=shape)
    h = np.broadcast_to(model.z, (*shape[:2], model.grid.layers)) - table
    return model.dataset(h=h, log10_Ks=rng.normal(-5.0, 0.4, h.shape))


def closure(model, states, start):
    """Largest gap of the budget of a column over what it holds, and of the whole run."""
    worst, before = 0.0, start
    for state in states:
        gap = state["water"] - before["water"] - model.budget.net(state)
        worst = max(worst, float(np.abs(gap / before["water"]).max()))
        before = state
    net = sum(model.budget.net(state) for state in states).sum()
    kept = (states[-1]["water"] - start["water"]).sum()
    return worst, float(abs(kept - net) / start["water"].sum())


# ---------------------------------------------------------------------------- against references


def test_that_parflows_face_conductivity_gives_parflows_field(shared):
    problem = problems.heterogeneous(shared("reference/parflow/heterogeneous_16x16x32.npz"))
    rain = 3.6e6 * problem.rain
    after = run(problem.model, problem.start, weather(24, rain))
    field = problem.reference["pressure_head_24h"]
    np.testing.assert_allclose(after["h"].values[0], field, atol=1e-6)
    worst, whole = closure(problem.model, [after], problem.start)
    assert worst < 1e-6
    assert whole < 1e-8


@pytest.mark.parametrize(("cells", "bound"), [(60, 2e-3), (24, 5e-3)])
def test_that_infiltration_into_dry_soil_meets_the_fine_solution(cells, bound):
    """Celia et al. 1990; ParFlow misses by 3.4 and 4.0 %."""
    problem = problems.celia(cells)
    coarse = replace(problem.model, steps=replace(problem.model.steps, largest="120 s"))
    after = problems.advanced(coarse, problem.start, problem.times[0])
    gained = (after["water"] - problem.start["water"]).item()
    assert gained == pytest.approx(problem.reference["infiltrated"], rel=bound)
    assert after["boundary_inflow"].item() == pytest.approx(gained, abs=1e-6)
    # A front without overshoot.
    assert (np.diff(after["h"].values[0, 0]) < 1e-9).all()


def test_that_infiltration_into_sand_meets_the_fine_solution():
    """Miller et al. 1998 on 5 cm; ParFlow on 1.25 cm misses by 0.3 %."""
    problem = problems.miller(200)
    model = replace(problem.model, steps=replace(problem.model.steps, largest="60 s"))
    after = problems.advanced(model, problem.start, problem.times[0])
    gained = (after["water"] - problem.start["water"]).item()
    assert gained == pytest.approx(problem.reference["infiltrated"], rel=2e-3)


def srivastava_error(cells):
    problem = problems.srivastava_yeh(cells)
    above, errors = 100.0 * (1.0 - problem.model.z), []
    for state, exact in zip(problem.run(), problem.reference.values(), strict=True):
        h = 100.0 * state["h"].values[0, 0]
        for place, value in zip((10, 30, 50, 70, 90), exact, strict=True):
            near = np.argsort(np.abs(above - place))[:4]
            errors.append(abs(np.polyval(np.polyfit(above[near] - place, h[near], 3), 0.0) - value))
    return max(errors)


def test_that_the_error_against_the_exact_transient_falls_by_four_on_half_the_grid():
    coarse, fine = srivastava_error(20), srivastava_error(40)
    assert fine < 0.12
    assert 3.0 < coarse / fine < 5.5


def test_that_a_dry_cube_is_wetted_as_by_the_exact_solution():
    """Tracy 2006: in exponential soil, e^(alpha h) - e^(alpha h_r) is linear."""
    heights = np.array([3.81, 7.62, 11.43, 14.478])
    published = {
        0.1: (-15.2400, -15.2068, -11.1842, -1.7496),
        1.0: (-12.2951, -8.8599, -4.6320, -0.9475),
        1e3: (-11.6345, -8.4274, -4.5075, -0.9353),
    }
    for days, values in published.items():
        np.testing.assert_allclose(problems.tracy_exact(heights, days), values, atol=6e-5)
    errors = []
    for cells in (6, 12):
        problem = problems.tracy(cells, days=(1.0, 30.0), step="2 h")
        grid, z = problem.model.grid, problems.TRACY - problem.model.z
        x, y = (np.pi * place / problems.TRACY for place in grid.places)
        low = np.exp(-0.164 * problems.TRACY)
        for state, days in zip(problem.run(), (1.0, 30.0), strict=True):
            middle = np.exp(0.164 * problems.tracy_exact(z, days)) - low
            exact = low + middle * (np.sin(x) * np.sin(y))[:, None]
            found = np.exp(0.164 * state["h"].values[0])
            errors.append(np.sqrt(np.mean((found - exact) ** 2)))
    # Of second order at rest; after a day steps have a part in it. The scale of e^(alpha h) is 1.
    assert errors[2] < 0.5 * errors[0]
    assert errors[3] < 0.35 * errors[1]
    assert max(errors[2:]) < 0.01


def test_that_a_pumped_aquifer_is_drawn_down_as_by_theis():
    problem = problems.theis(61, step="30 s")
    x, y = problem.model.grid.places
    r = np.hypot(x - x.mean(), y - y.mean())
    here = (r > 60.0) & (r < 300.0)
    for state, seconds in zip(problem.run(), problem.times, strict=True):
        drawdown = 50.0 - state["h"].values[0, :, 0]
        np.testing.assert_allclose(
            drawdown[here], problems.theis_exact(r[here], seconds), atol=0.012
        )


def test_that_recharge_makes_the_mound_of_hantush():
    problem = problems.hantush(31)
    after = problem.run()[-1]
    x, y = problem.model.grid.places
    row = np.abs(y - y.mean()) < 1.0
    distance = x[row] - x.mean()
    rise = 4.0 - after["water_table_depth"].values[0, row]
    near = np.abs(distance) < 120.0
    exact = problems.hantush_exact(distance[near], problem.times[-1])
    # The exact one knows neither a capillary fringe nor gradients that change the thickness.
    np.testing.assert_allclose(rise[near], exact, atol=0.06 * exact.max())


# ---------------------------------------------------------------------------------- over the land


def test_that_a_plane_sheds_rain_as_the_exact_kinematic_wave():
    """ParFlow on the same ten cells: 0.0065 m2/min."""
    problem = problems.parking_lot(10, "6 s")
    states = problem.run()
    flow = 60.0 * problems.outflow(states)
    exact = 60.0 * problems.parking_lot_exact(problem.times)
    assert np.sqrt(np.mean((flow - exact) ** 2)) < 0.0065
    worst, whole = closure(problem.model, states, problem.start)
    assert worst < 1e-6
    assert whole < 1e-8


def test_that_a_v_comes_to_equilibrium_with_the_rain():
    problem = problems.tilted_v()
    flow = problems.outflow(problem.run())
    assert flow[17] == pytest.approx(problem.reference["equilibrium"], rel=1e-3)
    assert flow[-1] < 0.1 * flow[17]


def test_that_a_plane_over_soil_lies_between_parflow_and_its_refinement(shared):
    """Infiltration excess on 0.2 m; ParFlow's peak is 12.2 m3/min there and 16.6 on 1.25 cm."""
    problem = problems.maxwell_plane()
    states = problem.run()
    peak = 60.0 * problems.outflow(states).max()
    assert 12.19 < peak < 16.60
    worst, whole = closure(problem.model, states, problem.start)
    assert worst < 1e-6
    assert whole < 1e-8


def test_that_saturation_excess_is_parflows():
    problem = problems.maxwell_plane("6.94e-4 m/min", table=0.5)
    flow = 60.0 * problems.outflow(problem.run())
    assert flow.max() == pytest.approx(18.800, rel=0.01)


def test_that_a_diffusive_wave_on_a_steep_plane_is_the_kinematic_one():
    kinematic = problems.parking_lot(10, "30 s")
    steep = replace(kinematic.model.grid, slope_x=-0.05)
    model = replace(kinematic.model, grid=steep)
    one, two = (
        problems.advanced(each, kinematic.start, 1200.0, 1.4e-5)["pond"].values
        for each in (model, replace(model, overland=DiffusiveWave()))
    )
    np.testing.assert_allclose(two[0, :-1], one[0, :-1], rtol=0.02)


def test_that_a_diffusive_wave_levels_a_pit():
    grid = Grid(
        (1, 9), "10 m", "10 m", ("0.1 m",), elevation=0.01 * np.abs(np.arange(9) - 4.0)[None]
    )
    model = problems._paved(grid, overland=DiffusiveWave(), boundaries=())
    start = model.dataset(h=np.full((1, 1, 1), 0.005))
    after = problems.advanced(model, start, 4.0 * 3600.0)
    depth = after["pond"].values[0] / 1000.0
    level = depth + grid.heights
    deep = depth > 2e-3
    assert deep.sum() >= 3
    assert np.ptp(level[deep]) < 1e-3
    assert after["water"].sum().item() == pytest.approx(start["water"].sum().item(), rel=1e-8)


def test_that_what_flows_over_a_dam_at_last_is_the_rain_behind_it():
    """Whatever the shape of the surface: backwater before the wall, free fall after it."""
    heights = 0.02 * np.arange(12.0)[::-1]
    heights[8] += 0.05
    grid = Grid((1, 12), "10 m", "10 m", ("0.1 m",), elevation=heights[None])
    model = problems._paved(grid, overland=DiffusiveWave())
    start = model.dataset(h=np.zeros((1, 1, 1)))
    after = problems.advanced(model, start, 6.0 * 3600.0, 1e-5)
    assert after["pond"].values[0, 7] > 30.0  # mm, the height of the wall over it
    behind = 1e-5 * 100.0 * np.arange(1.0, 13.0)
    np.testing.assert_allclose(after["discharge"].values[0], behind, rtol=1e-4)
    assert after["edge_discharge"].sum().item() == pytest.approx(behind[-1], rel=1e-4)


# ------------------------------------------------------------------------------ at rest, and closed


def smooth(model):
    """Part of the faces to the east and to the north that go by flux potentials."""
    soil, ks = model._soil(model.dataset(h=np.full((1, 1, 1), -1.0)), 0)
    bits = model._ground(soil, ks).smooth
    return tuple(np.count_nonzero(bits & bit) / bits.size if bits.size else 0.0 for bit in (1, 2))


def test_that_water_goes_sideways_by_potentials_where_columns_lie_level_in_one_soil():
    def part(slope_x=0.0, **soil):
        grid = replace(SLOPE, slope_x=slope_x)
        return smooth(replace(HILL, grid=grid, soil=replace(HILL.soil, **soil)))

    whole = 7 / 8, 2 / 3  # but for those in the last column, and in the last row
    np.testing.assert_allclose(part(), whole)
    np.testing.assert_allclose(part(2e-4), whole)
    # Down a slope it is the upstream conductivity, across it potentials still serve.
    np.testing.assert_allclose(part(-0.03), (0.0, 2 / 3))
    assert smooth(replace(HILL, flux=Upstream())) == (0.0, 0.0)
    other = np.repeat([3.6, 2.0], 4)
    model = replace(HILL, grid=replace(SLOPE, slope_x=0.0))
    start = model.dataset(h=np.full((1, 1, 1), -1.0), alpha=np.tile(other, 3)[None])
    bits = model._ground(*model._soil(start, 0)).smooth.reshape(3, 8, 5)
    assert ((bits & 1).any(axis=(0, 2)) == [1, 1, 1, 0, 1, 1, 1, 0]).all()


@pytest.mark.parametrize("slope", [0.0, 2e-4])
@pytest.mark.parametrize("flux", [HILL.flux, Upstream()])
def test_that_a_wet_block_spreads_without_new_extremes(flux, slope):
    """In layers without water from above: no total head beyond those at the start."""
    grid = Grid((12, 13), "0.5 m", "0.5 m", ("0.5 m",), slope_x=slope)
    model = TerrestrialSystem(grid, flux=flux, overland=Covered(), specific_storage="0 1/m")
    wet = np.zeros((12, 13), bool)
    wet[4:9, 3:8] = True
    h = np.where(wet.ravel(), -0.01, -8.0)
    rng = np.random.default_rng(12)
    start = model.dataset(h=h[None, :, None], log10_Ks=rng.normal(-5.0, 0.5, (1, grid.columns, 1)))
    head = h + grid.heights
    for _ in range(6):
        start = run(model, start, weather(4))
        now = start["h"].values[0, :, 0] + grid.heights
        assert now.min() > head.min() - 1e-6
        assert now.max() < head.max() + 1e-6
        head = now
    assert (now[wet.ravel()] < -0.05).all()


@pytest.mark.parametrize("flux", [HILL.flux, Upstream()])
@pytest.mark.parametrize("high", [0.8, 0.004])
def test_that_still_water_stays_still(flux, high):
    """A level table under a hilly surface, in soils that differ from cell to cell."""
    height = np.random.default_rng(1).uniform(0.0, high, (3, 8))
    model = replace(HILL, grid=replace(SLOPE, elevation=height), flux=flux, overland=Still())
    grid = model.grid
    table = 1.0 + grid.heights - grid.heights.min()
    start = model.dataset(
        h=(grid.z - table[:, None])[None],
        log10_Ks=np.random.default_rng(2).normal(-5.0, 0.5, (1, grid.columns, grid.layers)),
    )
    after = run(model, start, weather(48))
    np.testing.assert_allclose(after["h"].values, start["h"].values, atol=1e-7)
    np.testing.assert_allclose(after["water_table_depth"].values[0], table, atol=1e-7)


CASES = {
    "showers": (HILL, 1.2, 6.0, 0.1),
    "level": (replace(HILL, grid=replace(SLOPE, slope_x=2e-4)), 1.2, 6.0, 0.1),
    "flood": (replace(HILL, overland=DiffusiveWave()), 0.3, 40.0, 0.0),
    "drought": (HILL, 2.2, 0.0, 0.6),
    "steep": (replace(HILL, grid=replace(SLOPE, slope_x=-0.6, slope_y=0.3)), 1.0, 20.0, 0.2),
    "drained": (replace(HILL, boundaries=(GravityDrainage(),)), 1.5, 5.0, 0.2),
    "beside water": (
        replace(HILL, boundaries=(FixedLevel(Side.EAST, "0.8 m"), SeepageFace(Side.WEST))),
        0.6,
        3.0,
        0.1,
    ),
    "fed": (replace(HILL, boundaries=(FixedFlux(Side.WEST, "1e-6 m/s"),)), 1.2, 2.0, 0.1),
    "pumped": (
        replace(HILL, boundaries=(Well("50 m", "30 m", "1 m", "2.4 m", "-1e-3 m^3/s"),)),
        0.6,
        1.0,
        0.1,
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_that_water_closes_in_every_step_and_over_the_run(name):
    model, depth, rain, evaporation = CASES[name]
    start = varied(model, depth=depth, seed=len(name))
    states, now = [], start
    for hour in range(12):
        now = run(model, now, weather(1, rain if hour in (2, 3, 7) else 0.0, evaporation))
        assert np.isfinite(now["h"].values).all(), now.attrs["failures"]
        states.append(now)
    worst, whole = closure(model, states, start)
    assert worst < 1e-6
    assert whole < 1e-8
    # What one column gives to another, the other gains.
    assert abs(sum(float(state["inflow"].sum()) for state in states)) < 1e-9
    np.testing.assert_allclose(states[2]["rain"], rain, rtol=1e-12)


def test_that_hours_in_one_forecast_are_hours_one_after_the_other():
    start = varied(HILL)
    rain = np.r_[3.0, 0.0, 8.0, 0.0]
    at_once = run(HILL, start, weather(4, rain))
    now = start
    for each in rain:
        now = run(HILL, now, weather(1, each))
    np.testing.assert_allclose(now["h"], at_once["h"], atol=1e-6)


def test_that_evaporation_stops_in_dry_soil():
    model = replace(HILL, overland=Still(), surface=EvaporatingSurface(0.5, UniformRoots("0.6 m")))
    start = model.dataset(h=np.full((1, 1, 1), -20.0))
    after = run(model, start, weather(24 * 30, evaporation=0.5))
    last = run(model, after, weather(24, evaporation=0.5))
    assert after["h"].values.min() > -150.1
    assert 0.0 < float(after["transpiration"].mean()) < 0.5 * 0.5 * 720
    assert float(last["evaporation"].mean()) < 0.3 * 0.5 * 12


# -------------------------------------------------------------------------------- the domain


def test_that_what_lies_outside_the_mask_changes_nothing():
    mask = np.zeros((5, 8), bool)
    mask[1:4] = True
    wide = replace(HILL, grid=replace(SLOPE, shape=(5, 8), active=mask))
    start = varied(HILL)
    window = weather(6, 5.0)
    inside = run(HILL, start, window)
    outside = run(
        wide, wide.dataset(h=start["h"].values, log10_Ks=start["log10_Ks"].values), window
    )
    np.testing.assert_array_equal(inside["h"], outside["h"])


def test_that_turning_the_grid_turns_the_flow():
    """x for y: rows become columns."""
    turned = replace(HILL, grid=Grid((8, 3), "20 m", "20 m", SLOPE.thickness, slope_y=-0.03))
    start = varied(HILL)

    def turn(values):
        return values.reshape(1, 3, 8, -1).transpose(0, 2, 1, 3).reshape(1, 24, -1)

    other = turned.dataset(h=turn(start["h"].values), log10_Ks=turn(start["log10_Ks"].values))
    a, b = run(HILL, start, weather(6, 8.0)), run(turned, other, weather(6, 8.0))
    np.testing.assert_allclose(turn(a["h"].values), b["h"].values, atol=1e-6)


def test_that_water_gathers_downhill_and_leaves_at_the_foot():
    start = varied(HILL, depth=0.3)
    after = run(HILL, start, weather(12, 10.0))
    leaving = after["runoff"].values[0].reshape(3, 8)
    assert (leaving[:, -1] > 10.0).all()
    np.testing.assert_array_equal(leaving[:, :-1], 0.0)
    assert float(after["edge_discharge"].sum()) > 0.0


def test_that_a_fixed_head_above_drives_flow_at_the_saturated_conductivity():
    model = replace(
        HILL,
        grid=replace(SLOPE, slope_x=0.0),
        overland=Covered(),
        boundaries=(FixedHead(Side.TOP, "0 m"), FixedHead(Side.BOTTOM, "0 m")),
    )
    start = model.dataset(h=np.full((1, 1, 1), -0.1), log10_Ks=np.full((1, 1, 1), -5.0))
    after = run(model, run(model, start, weather(100)), weather(1))
    np.testing.assert_allclose(after["h"], 0.0, atol=1e-6)
    assert float(np.abs(after["boundary_inflow"]).max()) < 1e-3


def test_that_a_dry_well_gives_nothing():
    well = Well("50 m", "30 m", "0 m", "0.2 m", "-1e-2 m^3/s")
    model = replace(HILL, boundaries=(well,))
    after = run(model, varied(model, depth=2.0), weather(3))
    assert float(np.abs(after["boundary_inflow"]).max()) == 0.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Well("50 m", "30 m", "5 m", "6 m", "1e-3 m^3/s").edges(SLOPE), "below the grid"),
        (lambda: Well("50 m", "30 m", "2 m", "1 m", "1e-3 m^3/s"), "0 <= top < bottom"),
        (
            lambda: Well("500 m", "30 m", "0 m", "1 m", "1e-3 m^3/s").edges(SLOPE),
            "no active column",
        ),
        (lambda: SeepageFace(Side.TOP).edges(SLOPE), "vertical side"),
        (lambda: FixedHead(Side.WEST, np.zeros(4)).edges(SLOPE), "15 values"),
        (lambda: EvaporatingSurface(full="-200 m"), "full > dry"),
        (lambda: replace(HILL, lateral=0.0), "lateral is"),
    ],
)
def test_that_choices_that_cannot_be_are_refused(make, words):
    with pytest.raises(DeclarationError, match=words):
        make()


# -------------------------------------------------------------------------- members and failures


def test_that_threads_and_other_members_change_no_bit(monkeypatch):
    monkeypatch.setattr(terrestrial, "WORTH_THREADS", 1)
    model = replace(HILL, grid=Grid((30, 30), "20 m", "20 m", ("0.1 m",) * 4, slope_x=-0.03))
    # Few steps: each of their passes wakes the threads, which takes long on a busy machine.
    ensemble = varied(model, 3, depth=2.0)
    window = weather(1, 0.5)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = run(model, ensemble, window)
        numba.set_num_threads(min(2, threads))
        two = run(model, ensemble, window)
        alone = run(model, ensemble.isel(member=[2]), window)
    finally:
        numba.set_num_threads(threads)
    xr.testing.assert_identical(one.drop_attrs(), two.drop_attrs())
    for name in one:
        np.testing.assert_array_equal(one[name].values[2], alone[name].values[0])


def test_that_a_forecast_goes_on_from_what_was_stored(tmp_path):
    start = varied(HILL, 2)
    first = run(HILL, start, weather(5, 4.0))
    first.to_netcdf(tmp_path / "state.nc")
    with xr.open_dataset(tmp_path / "state.nc") as stored:
        again = run(HILL, stored.load(), weather(5, 1.0))
    once = run(HILL, first, weather(5, 1.0))
    for name in once:
        np.testing.assert_array_equal(once[name].values, again[name].values)


def test_that_a_member_without_a_solution_is_nan_and_says_where_and_why():
    start = varied(HILL, 2)
    h = start["h"].values.copy()
    h[1, 5, 2] = np.nan
    after = run(HILL, start.assign(h=start["h"].copy(data=h)), weather(2, 1.0))
    assert np.isnan(after["h"].values[1]).all()
    assert np.isfinite(after["h"].values[0]).all()
    assert "member 1, step 0: column 5, layer 2" in after.attrs["failures"]
    assert "not a number" in after.attrs["failures"]


def test_that_contents_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="theta of member 0, column 3, layer 1 is"):
        theta = np.full((1, 24, 5), 0.3)
        theta[0, 3, 1] = 0.9
        HILL.dataset(theta=theta)
    with pytest.raises(DataError, match="24 columns"):
        HILL.dataset(h=np.zeros((1, 7, 5)))
    with pytest.raises(DeclarationError, match="exactly one"):
        HILL.dataset()


# --------------------------------------------------------------------------------- an analysis


def test_that_heads_follow_contents_and_contents_heads():
    start = varied(HILL, 2)
    h = start["h"].values
    lower = start.assign(h=start["h"].copy(data=h - 0.2))
    kept, added = HILL.reconcile(lower, ("h",))
    np.testing.assert_allclose(kept["theta"], HILL._contents(start, h - 0.2))
    assert float(np.abs(added).max()) < 1e-9
    back, _ = HILL.reconcile(kept.assign(theta=start["theta"]), ("theta",))
    dry = start["h"].values < -0.05
    np.testing.assert_allclose(back["h"].values[dry], h[dry], rtol=1e-6)


def test_that_new_parameters_keep_the_water():
    start = varied(HILL, 2, depth=3.0)
    other = start.assign(alpha=1.5 * start["alpha"], n=start["n"] + 0.1, log10_Ks=start["log10_Ks"])
    kept, added = HILL.reconcile(other, ("alpha", "n"))
    np.testing.assert_allclose(kept["theta"], start["theta"], atol=1e-9)
    assert not np.allclose(kept["h"], start["h"])
    assert float(np.abs(added).max()) < 1e-6


def test_that_a_new_roughness_changes_the_flood():
    model = HILL
    rough = run(model, model.dataset(h=np.full((1, 1, 1), 0.0), manning=[0.2]), weather(1, 30.0))
    smooth = run(model, model.dataset(h=np.full((1, 1, 1), 0.0), manning=[0.01]), weather(1, 30.0))
    assert float(rough["pond"].sum()) > 2.0 * float(smooth["pond"].sum())


def test_that_a_perched_table_is_told_apart():
    z = np.array([0.5, 1.5, 2.5, 3.5, 4.5])
    h = np.array([[-0.5, 0.3, -1.0, 0.2, 1.2], [-3.0, -2.0, -1.0, 0.1, 1.1]])
    np.testing.assert_allclose(perched_table_depth(h, z), [1.2, np.nan])


def test_that_soils_of_few_and_of_many_kinds_flow():
    rng = np.random.default_rng(3)
    shape = (1, 24, 5)
    start = HILL.dataset(
        h=np.broadcast_to(HILL.z - 1.0, shape),
        n=rng.uniform(1.2, 2.6, shape),
        alpha=rng.uniform(0.8, 8.0, shape),
        log10_Ks=rng.uniform(-7.0, -4.5, shape),
    )
    after = run(HILL, start, weather(24, np.r_[np.full(6, 4.0), np.zeros(18)], 0.1))
    assert np.isfinite(after["h"].values).all()
    assert float(np.abs(after["budget_error"]).max()) < 1e-6


def test_that_more_kinds_of_soil_than_the_table_has_rows_lie_between_its_rows():
    def potentials(n):
        raw = np.repeat([[0.06, 0.43, 1e-6, 1.1, 1.5, 0.5]], n.size, axis=0)
        raw[:, 4] = n
        soil = terrestrial._soil_of(HILL.soil, raw, np.full(n.size, 1e-5), 0.0)
        out = np.zeros((4, 5, n.size))
        for values, h in zip(out, (-0.01, -0.3, -3.0, -100.0), strict=True):
            curves.curves(HILL.soil.token, soil, np.full(n.size, h), True, values)
        return out[:, 4]

    n = np.linspace(1.06, 2.9, 2 * 500)
    exact = np.concatenate([potentials(n[:500]), potentials(n[500:])], axis=1)
    np.testing.assert_allclose(potentials(n), exact, rtol=1e-5)


def test_that_refined_steps_are_smaller():
    finer = HILL.refined()
    assert finer.steps == FlowSteps().refined()
    assert finer != HILL
    assert VanGenuchten is type(finer.soil)


def test_that_cycles_over_levels_solve_for_cells_as_wide_as_thick():
    """Sweeps alone need fifty iterations there."""
    grid = Grid((16, 16), "0.5 m", "0.5 m", ("0.5 m",) * 12, slope_x=0.05)
    model = TerrestrialSystem(grid, flux=Upstream(), steps=FlowSteps(tolerance="1e-10 m"))
    start = varied(model, depth=2.0)
    merged = run(model, start, weather(6, 2.0))
    counts = dict(part.split("=") for part in merged.attrs["solver"].split())
    assert int(counts["cycles"]) > 0
    assert int(counts["krylov"]) < 8 * int(counts["newton"])
    closer = replace(model, steps=replace(model.steps, linear=1e-9))
    np.testing.assert_allclose(run(closer, start, weather(6, 2.0))["h"], merged["h"], atol=1e-7)
