from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.forcing import ForcingWindow
from hydroda.models import SoilColumn
from hydroda.models.kernels import runoff, soil, water
from hydroda.models.kernels.column import AQUIFER, ICE, LIQ, POND, ROWS, SCALARS, SNOW, TABLE
from hydroda.models.kernels.column import H as HEAD
from hydroda.models.kernels.profile import SAME
from hydroda.models.land import Atmosphere, FreeDrainage, Upstream, Vegetation
from hydroda.models.retention import ClappHornberger, Gardner, VanGenuchten

MM, HOUR = 1000.0, 3600.0
LOAM = ClappHornberger("0.43 m3/m3", "-0.3 m", 5.0, "5e-6 m/s")
SIMTOP = runoff.Simtop(0.38, 0.5, 2.5, 5.5e-3, 3.0)
TOPMODEL = runoff.Topmodel(0.3, 1.0, 0.04, 1e-5, 0.0906, 0.2891, 2.2961)
AQUIFER_BELOW = runoff.Aquifer(25.0, 0.2)
NO_RUNOFF, BEDROCK, BY_POTENTIAL = runoff.NoRunoff(), runoff.ZeroFlux(), soil.FluxPotential()


def clm() -> water.Layers:
    """The ten layers of the Common Land Model; nodes are not in their middles."""
    z = 0.025 * np.expm1(0.5 * (np.arange(1, 11) - 0.5))
    faces = np.concatenate([[0.0], 0.5 * (z[1:] + z[:-1]), [z[-1] + 0.5 * (z[-1] - z[-2])]])
    return water.layers(np.diff(faces), z)


def even(count: int, thickness: float) -> water.Layers:
    dz = np.full(count, thickness)
    return water.layers(dz, np.cumsum(dz) - 0.5 * dz)


class Plot(NamedTuple):
    """A column, its state and its choices, for steps from Python."""

    soil: water.Soil
    layers: water.Layers
    numbers: water.Numbers
    form: NamedTuple
    bottom: NamedTuple
    x: np.ndarray
    s: np.ndarray
    work: water.Rows
    porosity: np.ndarray

    def step(self, supply=0.0, evaporation=0.0, uptake=None, seconds=HOUR):
        """Supply and demand in kg m-2 s-1; gives what moved, and the water that appeared."""
        roots = np.zeros(self.layers.dz.size) if uptake is None else uptake
        before = self.stored()
        moved = water.soil_water(
            self.soil, self.layers, self.numbers, self.form, self.bottom, self.x, self.s,
            self.work, supply, evaporation, roots, seconds,
        )  # fmt: skip
        out = moved.evaporation + moved.transpiration + moved.surface + moved.subsurface
        return moved, self.stored() - before - supply * seconds + out + moved.drainage

    def stored(self):
        return self.x[LIQ].sum() + self.s[POND] + self.s[AQUIFER]

    @property
    def h(self):
        return self.x[HEAD, SNOW:]

    @property
    def theta(self):
        return self.x[LIQ, SNOW:] / (MM * self.layers.dz)


def plot(
    retention=LOAM,
    h=-1.0,
    layers=None,
    form=NO_RUNOFF,
    bottom=BEDROCK,
    ice=0.0,
    scheme=BY_POTENTIAL,
    ponding=0.0,
    aquifer=0.0,
    porosity=None,
):
    layers = clm() if layers is None else layers
    n = layers.dz.size
    numbers = water.Numbers(-150.0, -1000.0, ponding, 1e-5, 6.0, 1.0, 1e-5, 30)
    stacked = retention.stack(retention.values())
    raw = np.array(np.broadcast_to(stacked, (n, stacked.shape[-1])), order="C")
    if porosity is not None:
        raw[:, 1] = porosity
    here = water.soil(retention.token, scheme, layers, numbers, raw)
    x, s = np.zeros((ROWS, SNOW + n)), np.zeros(SCALARS)
    heads, filled = np.broadcast_to(h, n), np.broadcast_to(ice, n)
    content = np.array([water.content_of(here, i, heads[i]) for i in range(n)])
    opened = np.maximum(1.0 - filled, water.LEAST_OPEN)
    x[HEAD, SNOW:] = heads
    x[LIQ, SNOW:] = MM * layers.dz * (opened * content + 1e-5 * np.maximum(heads, 0.0))
    x[ICE, SNOW:] = MM * layers.dz * raw[:, 1] * filled
    s[AQUIFER] = aquifer
    return Plot(here, layers, numbers, form, bottom, x, s, water.rows(n), raw[:, 1])


# ----------------------------------------------------------------------------------- conservation


def random_soil(rng, layers):
    """One soil, one but for porosity, or another in every layer; of either curve."""
    shape = (layers,) if rng.random() < 0.4 else ()

    def drawn(low, high):
        return rng.uniform(low, high, shape)

    if rng.random() < 0.5:
        kind, given = ClappHornberger, (
            drawn(0.3, 0.6), -(10.0 ** drawn(-1.5, 0.0)), drawn(2.5, 12.0), 10.0 ** drawn(-7, -4),
        )  # fmt: skip
    else:
        kind, given = VanGenuchten, (
            drawn(0.0, 0.1), drawn(0.3, 0.6), 10.0 ** drawn(-0.5, 1.2), drawn(1.08, 2.8),
            10.0 ** drawn(-7, -4),
        )  # fmt: skip
    return kind(*(np.asarray(value) for value in given))


CHOICES = (
    (runoff.NoRunoff(), runoff.FreeDrainage(), 0.0),
    (TOPMODEL, runoff.ZeroFlux(), 0.0),
    (SIMTOP, AQUIFER_BELOW, 4950.0),
)


def random_plot(rng):
    geometric = np.geomspace(0.02, rng.uniform(0.1, 3.0), 10)
    grids = (clm(), even(10, rng.uniform(0.02, 0.6)))
    grids += (water.layers(geometric, np.cumsum(geometric) - 0.5 * geometric),)
    layers = grids[rng.integers(3)]
    form, bottom, full = CHOICES[rng.integers(3)]
    wet, dry = layers.z + 0.01, np.full(10, -(10.0 ** rng.uniform(0.0, 3.0)))
    start = (wet, dry, layers.z - rng.uniform(0.5, 4.0), -(10.0 ** rng.uniform(-1.0, 2.0, 10)))
    frozen = rng.uniform(0.0, 0.95, 10) * (rng.random(10) < 0.6) * (rng.random() < 0.5)
    return plot(
        random_soil(rng, 10), start[rng.integers(4)], layers, form, bottom, frozen,
        ponding=rng.choice([0.0, 5.0, 50.0]), aquifer=rng.choice([0.0, 1.0, 1.01]) * full,
        porosity=rng.uniform(0.3, 0.6, 10) if rng.random() < 0.3 else None,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_that_water_is_closed_in_storms_drought_and_frost(seed):
    rng = np.random.default_rng(seed)
    column = random_plot(rng)
    roots = rng.dirichlet(np.ones(10))
    for _ in range(24):
        supply = rng.gamma(0.5, 20.0) / HOUR if rng.random() < 0.3 else 0.0
        demand = rng.uniform(0.0, 3e-4) * (rng.random() < 0.6)
        if rng.random() < 0.2:  # the heat of the soil freezes or melts a part
            part = rng.uniform(-0.3, 0.3, 10)
            frozen = part * np.where(part > 0.0, column.x[LIQ, SNOW:], column.x[ICE, SNOW:])
            column.x[LIQ, SNOW:] -= frozen
            column.x[ICE, SNOW:] += frozen
        uptake = roots * demand
        moved, appeared = column.step(supply, demand, uptake)
        assert moved.steps > 0
        assert abs(appeared) < 1e-9
        assert (column.x[LIQ, SNOW:] >= 0.0).all()
        assert -1e-12 <= moved.evaporation <= demand * HOUR + 1e-9
        assert (uptake >= 0.0).all() and (uptake <= roots * demand + 1e-12).all()
        assert uptake.sum() * HOUR == pytest.approx(moved.transpiration, abs=1e-12)
        assert moved.surface >= moved.excess >= 0.0 and moved.subsurface >= -1e-12
        assert 0.0 <= column.s[POND] <= column.numbers.ponding
        assert 0.0 <= column.s[AQUIFER] <= 5000.0 + 1e-9


# ---------------------------------------------------------------------------------- known solutions


@pytest.mark.parametrize(
    ("retention", "flux", "scheme", "thickness"),
    [
        (Gardner("0.06 m3/m3", "0.4 m3/m3", "2 1/m", "1 cm/h"), None, soil.FluxPotential(), 0.1),
        (VanGenuchten("0.078 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "24.96 cm/day"),
         Upstream(), soil.Upstream(), 0.2),
    ],
)  # fmt: skip
def test_that_a_column_without_ice_is_that_of_the_soil_column(retention, flux, scheme, thickness):
    layers = even(10, thickness)
    choices = {} if flux is None else {"flux": flux}
    model = SoilColumn(
        tuple(f"{d} m" for d in layers.dz), retention, Vegetation(leaf_area_index=0.0),
        top=Atmosphere(dry="-1000 m"), bottom=FreeDrainage(), **choices,
    )  # fmt: skip
    rng = np.random.default_rng(4)
    rain = np.repeat(rng.gamma(0.3, 3.0, 6), 8)
    demand = 0.2 * np.maximum(np.sin(np.arange(48) / 24 * 2 * np.pi), 0.0)
    start = np.datetime64("2020-06-01", "ns")
    times = start + np.arange(48) * np.timedelta64(1, "h")
    window = ForcingWindow(
        times,
        HOUR,
        {
            "rain": rain[None],
            "air_temperature": np.full((1, 48), 290.0),
            "potential_evapotranspiration": demand[None],
        },
    )
    ensemble = model.dataset(h=np.full((1, 1, 10), -1.0))
    after = model.forecast(ensemble, window, start, start + np.timedelta64(48, "h"))
    column = plot(retention, -1.0, layers, bottom=runoff.FreeDrainage(), scheme=scheme)
    sums = np.zeros(3)
    for hour in range(48):
        moved, _ = column.step(rain[hour] / HOUR, demand[hour] / HOUR)
        sums += moved.evaporation, moved.surface, moved.drainage
    np.testing.assert_allclose(column.theta, after["theta"].values[0, 0], atol=1e-6)
    for got, name in zip(sums, ("evapotranspiration", "runoff", "drainage"), strict=True):
        assert got == pytest.approx(float(after[name][0, 0]), abs=2e-4), name


def test_that_steady_rain_ends_in_flow_by_gravity():
    column = plot(bottom=runoff.FreeDrainage())
    rain = 1e-4
    for _ in range(24 * 150):
        moved, _ = column.step(rain)
    assert moved.drainage == pytest.approx(rain * HOUR, rel=1e-6)
    # In the middle of the fine layers, and at the bottom, K(h) is the rain.
    conductivity = LOAM.conductivity(column.h)
    np.testing.assert_allclose(MM * conductivity[[0, 1, 2, 9]], rain, rtol=1e-3)


@pytest.mark.parametrize("retention", [LOAM, VanGenuchten(
    "0.06 m3/m3", "0.43 m3/m3", np.linspace(1.0, 4.0, 10), np.linspace(2.0, 1.3, 10), "3e-6 m/s"
)], ids=["even", "unlike layers"])  # fmt: skip
@pytest.mark.parametrize("table", [1.0, 3.0, 6.0])
def test_that_a_hydrostatic_column_over_an_aquifer_keeps_still(retention, table):
    layers = clm()
    full = 200.0 * 25.0
    aquifer = min(full, full - 200.0 * (table - layers.depth))
    column = plot(retention, layers.z - table, layers, bottom=AQUIFER_BELOW, aquifer=aquifer)
    for _ in range(24):
        moved, appeared = column.step()
        assert abs(moved.recharge) < 1e-6
        assert abs(appeared) < 1e-9
    np.testing.assert_allclose(column.h, layers.z - table, atol=1e-4)
    assert column.s[TABLE] == pytest.approx(table, abs=1e-4)


def test_that_an_aquifer_gives_water_back_to_a_dry_column():
    column = plot(h=-20.0, bottom=AQUIFER_BELOW, aquifer=4900.0)
    before = column.s[AQUIFER]
    moved, _ = column.step(seconds=24 * HOUR)
    assert moved.recharge < -0.1
    assert column.s[AQUIFER] == pytest.approx(before + moved.recharge)
    assert column.s[TABLE] == pytest.approx(
        column.layers.depth + (5000.0 - column.s[AQUIFER]) / 200
    )


def test_that_a_full_aquifer_lets_the_table_rise_into_the_column():
    column = plot(h=-0.8, bottom=AQUIFER_BELOW, aquifer=4999.0)
    for _ in range(24 * 20):
        moved, _ = column.step(3e-4)
    assert column.s[AQUIFER] == pytest.approx(5000.0)
    assert column.s[TABLE] < column.layers.depth - 0.5
    assert moved.recharge == pytest.approx(0.0, abs=1e-9)


# --------------------------------------------------------------------------------------------- ice


@pytest.mark.parametrize("part", [0.1, 0.5])
def test_that_ice_hinders_flow_by_its_part_of_the_pores(part):
    warm = plot(h=-0.5, layers=even(4, 0.1), bottom=runoff.FreeDrainage())
    cold = plot(h=-0.5, layers=even(4, 0.1), bottom=runoff.FreeDrainage(), ice=part)
    free, hindered = (column.step(seconds=1.0)[0].drainage for column in (warm, cold))
    assert hindered == pytest.approx(free * 10.0 ** (-6.0 * part), rel=1e-3)


def test_that_ice_in_part_of_the_layers_hinders_by_the_mean_of_both():
    layers = even(2, 0.1)
    column = plot(h=[-0.5, -5.0], layers=layers, ice=[0.4, 0.0])
    warm = plot(h=[-0.5, -5.0], layers=layers)
    flows = []
    for one in (column, warm):
        before = one.x[LIQ, SNOW + 1]
        one.step(seconds=0.01)
        flows.append(one.x[LIQ, SNOW + 1] - before)
    assert flows[0] == pytest.approx(flows[1] * 10.0 ** (-6.0 * 0.2), rel=1e-3)


def test_that_heads_follow_what_freezes_between_steps():
    """Half of the pores freeze: what is left stands as in a soil of half the porosity."""
    column = plot(h=-1.0, layers=even(5, 0.2))
    frozen = 0.2 * column.x[LIQ, SNOW:]
    column.x[LIQ, SNOW:] -= frozen
    column.x[ICE, SNOW:] += frozen
    column.step(seconds=1e-3)
    opened = 1.0 - column.x[ICE, SNOW:] / (MM * 0.2 * 0.43)
    np.testing.assert_allclose(LOAM.theta(column.h), column.theta / opened, atol=1e-6)


def test_that_rain_on_deeply_frozen_saturated_ground_runs_off():
    column = plot(h=0.01, ice=0.9)
    moved, _ = column.step(1e-3)
    assert moved.surface > 0.999 * 1e-3 * HOUR


# --------------------------------------------------------------------------------- roots and ground


@pytest.mark.parametrize("form", [runoff.NoRunoff(), TOPMODEL])
def test_that_roots_leave_the_wilting_content(form):
    column = plot(h=-50.0, form=form)
    wilting = float(LOAM.theta(-150.0))
    roots = np.full(10, 3e-5)
    missed = column.numbers.tolerance / (MM * column.layers.dz)  # water off the heads' by Newton
    for _ in range(24 * 60):
        uptake = roots.copy()
        column.step(uptake=uptake)
        assert (column.theta + missed > wilting)[uptake > 0.0].all()
    # What little is missing has gone down by gravity.
    assert wilting - 1e-4 < column.theta.min() < wilting + 0.003
    assert uptake.sum() < 0.02 * roots.sum()


def test_that_the_ground_dries_no_further_than_to_the_air():
    column = plot(h=-5.0)
    for _ in range(24 * 60):
        moved, _ = column.step(evaporation=3e-4)
    assert (column.h > -1000.0).all()
    assert 0.0 <= moved.evaporation < 0.1 * 3e-4 * HOUR


@pytest.mark.parametrize("ponding", [0.0, 20.0])
def test_that_more_rain_than_the_ground_takes_stands_or_runs_off(ponding):
    column = plot(h=-2.0, ponding=ponding)
    moved, _ = column.step(0.05)
    assert column.s[POND] == ponding
    assert moved.surface == moved.excess == pytest.approx(180.0 - moved.infiltration - ponding)
    later, _ = column.step(0.0, 1e-4)
    assert column.s[POND] < ponding or ponding == 0.0
    assert later.surface == 0.0


def test_that_layers_of_another_porosity_alone_need_no_interface():
    layers = clm()
    column = plot(h=layers.z - 4.0, layers=layers, porosity=np.linspace(0.35, 0.5, 10))
    assert (column.soil.g[SAME, 1:] == 1.0).all()
    column.step()
    np.testing.assert_allclose(column.h, layers.z - 4.0, atol=1e-6)


# ------------------------------------------------------------------------------------------- runoff


def shed(form, column, table, seconds=1e-6):
    """Saturated part, what streams draw from the aquifer and from layers [kg m-2 s-1]."""
    column.step(seconds=1e-9)  # fills the rows
    r = column.work.r
    place = runoff.Place(column.layers.depth, column.soil.c, column.soil.g, column.x, table)
    rates = runoff.shed(form, column.bottom, place, r, seconds)
    conductivity = LOAM.conductivity(column.h)
    layers = r[runoff.STREAMS, :-1] + r[runoff.PERMEABLE, :-1] * conductivity
    return rates.saturated, MM * rates.base, MM * layers


def test_that_simtop_has_the_numbers_of_clm4():
    column = plot(bottom=AQUIFER_BELOW, form=SIMTOP, aquifer=4000.0)
    saturated, base, layers = shed(SIMTOP, column, 4.0)
    assert saturated == pytest.approx(0.38 * np.exp(-0.5 * 0.5 * 4.0))
    assert base == pytest.approx(5.5e-3 * np.exp(-2.5 * 4.0))
    assert (layers == 0.0).all()


def test_that_simtop_drains_saturated_layers_below_a_table_in_the_column():
    layers = clm()
    column = plot(h=layers.z - 1.0, bottom=AQUIFER_BELOW, form=SIMTOP, aquifer=5000.0)
    saturated, base, drawn = shed(SIMTOP, column, 1.0)
    assert saturated == pytest.approx(0.38 * np.exp(-0.25))
    assert base == 0.0
    assert drawn.sum() == pytest.approx(5.5e-3 * np.exp(-2.5))
    top = layers.z - layers.up
    below = np.clip(layers.z + layers.down - np.maximum(top, 1.0), 0.0, None)
    np.testing.assert_allclose(drawn / drawn.sum(), below / below.sum())


def test_that_ice_seals_the_ground_in_simtop():
    """Frozen part of an area with half of its water frozen, alpha 3: (e^-1.5 - e^-3)/(1 - e^-3)."""
    column = plot(h=0.0, bottom=AQUIFER_BELOW, form=SIMTOP, ice=0.5, aquifer=4000.0)
    sealed = (np.exp(-1.5) - np.exp(-3.0)) / (1.0 - np.exp(-3.0))
    saturated, base, _ = shed(SIMTOP, column, 4.0)
    assert saturated == pytest.approx((1.0 - sealed) * 0.38 * np.exp(-1.0) + sealed, rel=1e-6)
    assert base == pytest.approx((1.0 - sealed) * 5.5e-3 * np.exp(-10.0), rel=1e-6)


def test_that_topmodel_has_the_numbers_of_the_common_land_model():
    """An evenly wet soil: f = 0.3 exp(-z_w), runoff f + (1 - f) w^4, base flow with w^(2 b + 3)."""
    column = plot(h=-1.0, form=TOPMODEL)
    saturated, base, drawn = shed(TOPMODEL, column, 5.0)
    w = float(LOAM.theta(-1.0)) / 0.43
    decline = np.exp(-column.layers.depth * (1.0 - w))
    f = 0.3 * decline
    assert saturated == pytest.approx(f + (1.0 - f) * w**4)
    assert base == 0.0
    expected = (1.0 - f) * 0.04 * w**13.0 + f * 1e-5 * decline
    assert drawn.sum() == pytest.approx(expected)
    assert (drawn[:4] == 0.0).all() and drawn[4] < 1e-3 * drawn[5]
    assert drawn[9] < 1e-3 * drawn[8]


@pytest.mark.parametrize("form", [TOPMODEL, SIMTOP], ids=["topmodel", "simtop"])
def test_that_streams_get_what_layers_and_aquifer_lose(form):
    column = plot(h=-0.4, bottom=AQUIFER_BELOW, form=form, aquifer=4900.0)
    before = column.stored()
    moved, _ = column.step()
    assert moved.subsurface > 0.0
    assert before - column.stored() == pytest.approx(moved.subsurface)


def test_that_the_flux_over_thick_layers_is_monotonic_and_still_at_rest():
    def cell(h):
        return h, *(
            float(f(h)) for f in (LOAM.conductivity, LOAM.conductivity_slope, LOAM.flux_potential)
        )

    heads = np.concatenate([-np.geomspace(100.0, 1e-3, 25), [0.0, 0.3]])
    for dz in (0.05, 1.0, 20.0):
        for a in heads:
            for b in heads:
                _, by_a, by_b = soil.face(soil.Coarse(), dz, cell(a), cell(b))
                assert by_a >= -1e-18 and by_b <= 1e-18
            at_rest = soil.face(soil.Coarse(), dz, cell(a), cell(a + dz))[0]
            assert abs(at_rest) < 1e-9 * float(LOAM.conductivity(a + dz)) / dz
