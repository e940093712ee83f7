"""Heads and contents after an analysis, beside the same rules written out for whole arrays."""

from dataclasses import replace

import numba
import numpy as np
import pytest

from hydroda.models.columns import parameters, raw_parameters, water_table_depth
from hydroda.models.grid import Grid
from hydroda.models.kernels.order import agreement
from hydroda.models.order import DRIEST, UNCHANGED, WETTEST, Profile, heads_in_order, soil_in_order
from hydroda.models.terrestrial import Compressible, Covered, TerrestrialSystem, perched_table_depth
from tests.models.test_flow_kernels import BROOKS, CLAPP, CLAY, GARDNER, LOAM, SAND
from tests.models.test_land_surface import hillslope
from tests.models.test_land_surface import start as land_start

LAYERS = ("0.1 m", "0.2 m", "0.3 m", "0.6 m", "1.2 m", "2 m", "3 m")
# More cells than a block of the kernel has, and columns that do not fill the last one.
SLOPE = Grid((9, 19), "20 m", "20 m", LAYERS, slope_x=-0.03)
CHANGES = (
    ("h",), ("theta",), ("h", "theta"), ("h", "log10_Ks"), ("theta", "log10_Ks"), ("log10_Ks",),
    ("theta_s",), ("ice",), ("theta", "ice"), ("h", "theta", "temperature"), ("snow",), (),
)  # fmt: skip


def slowly(model, given, changed):
    """What `reconcile` gives for heads, contents, ice, temperature and added water, in numpy."""
    h, theta = given["h"].values.copy(), given["theta"].values.copy()
    if "h" in changed and "theta" not in changed:
        theta = model._contents(given, h)
    lost = (h > 0.0) & (theta < model._contents(given, h) - UNCHANGED) & ("theta" in changed)
    lost[..., 0] = False
    before = held(model, given, np.where(lost, 0.0, h), theta)
    after = given
    if "ice" in given:
        n, values = given["ice"].shape[-1], parameters(model.soil, given)
        raw = raw_parameters(model.soil, given, model.grid.layers)[:, :, :n]
        porosity = np.broadcast_to(values["theta_s"], theta.shape)[..., :n]
        profile = Profile(
            theta[..., :n], given["ice"].values, h[..., :n], given["temperature"].values
        )
        found = soil_in_order(model.soil, raw, porosity, profile, changed)
        h[..., :n], theta[..., :n] = found.h, found.theta
        after = after.assign(
            ice=given["ice"].copy(data=found.ice),
            temperature=given["temperature"].copy(data=found.temperature),
        )
    if not {"theta", "ice", *model.soil.parameters}.isdisjoint(changed):
        full = np.array(np.broadcast_to(parameters(model.soil, after)["theta_s"], theta.shape))
        if "ice" in after:
            for m in range(len(full)):
                full[m] *= model._open(after, m).reshape(full.shape[1:])
        contents = lambda heads: model._contents(after, heads)  # noqa: E731
        heads = lambda contents: model._heads(after, contents)  # noqa: E731
        h, theta = heads_in_order(h, theta, full, contents, heads, changed)
    after = after.assign(h=after["h"].copy(data=h), theta=after["theta"].copy(data=theta))
    return after, held(model, after, h, theta) - before


def held(model, ensemble, h, theta):
    """Water [mm] of the columns, from the curve and what pressure stores."""
    fitting, water = model._states(ensemble, h)
    column = ((water - fitting + theta) * model.grid.dz).sum(axis=-1)
    pond = np.maximum(h[..., 0] - model.overland.offset(model.grid), 0.0)
    return 1000.0 * (column + pond) + model.surface.held(ensemble)


def analysed(model, seed, members=3):
    """Members whose heads, contents and parameters an analysis has thrown about."""
    rng = np.random.default_rng(seed)
    shape = (members, model.grid.columns, model.grid.layers)
    table = rng.uniform(-0.3, 9.0, (*shape[:2], 1))
    start = model.dataset(h=model.z - table, log10_Ks=rng.normal(-5.0, 0.4, shape))
    moved = rng.random(shape) < 0.4
    h = start["h"].values + np.where(moved, rng.normal(0.0, 2.0, shape), 0.0)
    theta = start["theta"].values + np.where(moved, rng.normal(0.0, 0.1, shape), 0.0)
    return start.assign(h=start["h"].copy(data=h), theta=start["theta"].copy(data=theta))


def only(given, start, changed):
    """The start, of which only what was changed is taken from `given`."""
    return start.assign({name: given[name] for name in changed if name in given})


SOILS = (LOAM, SAND, CLAY, BROOKS, CLAPP, GARDNER)


def compared(model, given, changed):
    """Whether the kernel gives what whole arrays give."""
    found, added = model.reconcile(given, changed)
    expected, water = slowly(model, given, changed)
    np.testing.assert_allclose(found["theta"], expected["theta"], rtol=0.0, atol=2e-9)
    # A content near theta_s or theta_r hardly knows its head.
    full = np.broadcast_to(parameters(model.soil, given)["theta_s"], found["h"].shape)
    low = parameters(model.soil, given).get("theta_r", np.zeros(1))
    part = (expected["theta"].values - low) / (full - low)
    known = (part > 1e-5) & (expected["h"].values < -0.02) | (expected["h"].values >= 0.0)
    np.testing.assert_allclose(found["h"].values[known], expected["h"].values[known], rtol=1e-6)
    for name in ("ice", "temperature"):
        if name in found:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    np.testing.assert_allclose(added, water, rtol=0.0, atol=1e-4)
    np.testing.assert_allclose(found["water"], model.water(found), rtol=1e-12)
    np.testing.assert_array_equal(
        found["water_table_depth"], water_table_depth(found["h"].values, model.z, model.grid.dz)
    )
    np.testing.assert_array_equal(
        found["perched_table_depth"], perched_table_depth(found["h"].values, model.z)
    )
    return found


@pytest.mark.parametrize("soil", SOILS, ids=lambda soil: type(soil).__name__)
@pytest.mark.parametrize("changed", CHANGES[:6], ids=" ".join)
def test_that_one_sweep_gives_what_whole_arrays_give(soil, changed):
    model = TerrestrialSystem(SLOPE, soil)
    given = analysed(model, 1)
    rng = np.random.default_rng(7)
    start = model.dataset(h=given["h"].values + rng.normal(0.0, 0.1, given["h"].shape))
    compared(model, only(given, start, changed), changed)


@pytest.mark.parametrize("choice", [{"storage": Compressible()}, {"overland": Covered()}])
def test_that_the_sweep_knows_how_pressure_stores_water(choice):
    model = TerrestrialSystem(SLOPE, specific_storage="1e-3 1/m", **choice)
    given = analysed(model, 2)
    for changed in (("h", "theta"), ("theta",), ("h",)):
        compared(model, given, changed)


@pytest.mark.parametrize("changed", CHANGES, ids=" ".join)
def test_that_ice_and_warmth_come_with_the_sweep(changed):
    model = hillslope()
    start = land_start(model, "280 K", members=3)
    rng = np.random.default_rng(5)
    shape = start["ice"].shape
    frost = rng.random(shape) < 0.5
    ice = np.where(frost, rng.uniform(-0.05, 0.6, shape), 0.0)
    kept = np.clip(ice, 0.0, 0.4)
    cold = start.assign(
        ice=start["ice"].copy(data=kept),
        temperature=start["temperature"].copy(data=np.where(frost, 272.0, 274.0)),
    )
    cold = cold.assign(theta=cold["theta"].copy(data=model._contents(cold, cold["h"].values)))
    noise = {name: rng.normal(0.0, size, cold[name].shape) for name, size in
             (("h", 1.0), ("theta", 0.08), ("theta_s", 0.01), ("log10_Ks", 0.2))}  # fmt: skip
    wild = cold.assign({n: cold[n].copy(data=cold[n].values + v) for n, v in noise.items()})
    wild = wild.assign(ice=cold["ice"].copy(data=ice))
    wild = wild.assign(temperature=cold["temperature"] + rng.normal(0.0, 3.0, shape))
    compared(model, only(wild, cold, changed), changed)


def test_that_what_was_given_stays_and_what_fits_comes_back_bit_for_bit():
    model = hillslope()
    start = land_start(model, "280 K", members=2)
    for changed in (("theta",), ("h",), ("theta", "h"), ("log10_Ks",)):
        before = start.copy(deep=True)
        after, added = model.reconcile(start, changed)
        assert start.identical(before)
        assert (added.values == 0.0).all()
        for name in ("h", "theta", "ice", "temperature"):
            np.testing.assert_array_equal(after[name].values, start[name].values)


def test_that_a_member_is_put_in_order_alike_alone_and_on_any_number_of_threads():
    model = TerrestrialSystem(replace(SLOPE, shape=(40, 60)))
    given = analysed(model, 4, members=4)
    before = numba.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            numba.set_num_threads(min(threads, before))
            found.append(model.reconcile(given, ("theta", "h"))[0])
    finally:
        numba.set_num_threads(before)
    alone = model.reconcile(given.isel(member=[2]), ("theta", "h"))[0]
    for name in ("h", "theta", "water", "water_table_depth"):
        np.testing.assert_array_equal(found[0][name].values, found[1][name].values)
        np.testing.assert_array_equal(found[0][name].values[2:3], alone[name].values)


def test_that_bounds_are_those_of_the_columns():
    assert (agreement.DRIEST, agreement.WETTEST, agreement.UNCHANGED) == (
        DRIEST,
        WETTEST,
        UNCHANGED,
    )
