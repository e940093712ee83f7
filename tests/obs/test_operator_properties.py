"""What every operator must do whatever the soil is like, on drawn soils, networks and units."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hydroda.obs import (
    BetweenNodes,
    Conventional,
    Cosmic,
    CosmicCounts,
    CosmicRayNeutron,
    CosmicSite,
    Disc,
    Discharge,
    Flux,
    GroundwaterLevel,
    HeadAtScreen,
    LatentHeat,
    LayerMean,
    LeftRule,
    NeutronCounts,
    Polygon,
    Rectangle,
    Revised,
    Sensor,
    SoilMoistureProbe,
    StorageAnomaly,
    footprint_soil,
    neutrons,
)
from hydroda.obs.neutrons import Weighting
from hydroda.obs.sampling import Footprint, Sampling
from hydroda.obs.sensors import predicted
from hydroda.units import convert
from tests.obs.soil import grid

HERE: dict[str, Any] = {"station": "a", "x": "0.9 km", "y": "80 m"}
SITE = CosmicSite(bulk_density="1.4 g/cm3", N=500.0, lattice_water="3 %")

moistures = st.lists(st.floats(0.02, 0.6), min_size=6, max_size=6)
thicknesses = st.lists(st.floats(0.005, 0.8), min_size=6, max_size=6)
samplings = st.one_of(
    st.just(BetweenNodes()),
    st.just(LayerMean()),
    st.floats(0.001, 2.0).map(lambda extent: LayerMean(f"{extent!r} m")),
)
weightings = st.one_of(
    st.just(Conventional(1e-12)),
    st.builds(
        lambda density, r, height: Revised(
            f"{density} g/cm3", f"{r} m", vegetation_height=f"{height} m"
        ),
        st.floats(0.6, 1.8),
        st.floats(0.0, 300.0),
        st.floats(0.0, 25.0),
    ),
)
footprints = st.one_of(
    st.none(),
    st.floats(1.0, 3000.0).map(lambda radius: Disc(f"{radius!r} m")),
    st.tuples(st.floats(1.0, 3000.0), st.floats(1.0, 3000.0)).map(
        lambda size: Rectangle(f"{size[0]!r} m", f"{size[1]!r} m")
    ),
)


def soil(thickness: list[float], *moisture: list[float]) -> xr.Dataset:
    """One column with a member per profile."""
    height = np.array(thickness)
    theta = np.array(moisture)[:, None]
    return xr.Dataset(
        {
            "theta": (("member", "column", "layer"), theta, {"units": "m3 m-3"}),
            "h": (("member", "column", "layer"), 10 * theta - 3, {"units": "m"}),
        },
        {
            "depth": ("layer", np.cumsum(height) - height / 2),
            "thickness": ("layer", height),
        },
    )


def faces(thickness: list[float]) -> tuple[np.ndarray, np.ndarray]:
    bottom = np.cumsum(thickness)
    return np.r_[0.0, bottom[:-1]], bottom


# --- linear where they should be ------------------------------------------------------------------


def linear_sensors() -> list[Sensor]:
    area = Rectangle("1.2 km", "900 m")
    return [
        SoilMoistureProbe(**HERE, depth="7 cm"),
        SoilMoistureProbe(**HERE, depth="7 cm", sampling=LayerMean("9 cm")),
        SoilMoistureProbe(**HERE, depth="2 cm", footprint=area),
        GroundwaterLevel(**HERE),
        GroundwaterLevel(**HERE, footprint=area),
        GroundwaterLevel(**HERE, level=HeadAtScreen(), screen="0.5 m", ground="50 m"),
        Flux(**HERE),
        LatentHeat(**HERE, footprint=area),
        Discharge(**HERE, variable="evapotranspiration", area="1 km2"),
        StorageAnomaly(**HERE, footprint=area, baseline="100 mm", variable="evapotranspiration"),
    ]


@pytest.mark.parametrize("sensor", linear_sensors(), ids=lambda sensor: type(sensor).__name__)
@given(share=st.floats(-2.0, 2.0))
def test_that_a_linear_operator_reads_the_mixture_of_states_as_that_of_readings(
    sensor: Sensor, share: float
) -> None:
    one, other = (grid(seed=seed) for seed in (1, 2))
    one, other = (data.assign(h=data["theta"].assign_attrs(units="m")) for data in (one, other))
    mixture = one.copy()
    for name in one.data_vars:
        mixture[name] = (share * one[name] + (1 - share) * other[name]).assign_attrs(
            one[name].attrs
        )
    expected = share * sensor.predict(one) + (1 - share) * sensor.predict(other)
    np.testing.assert_allclose(sensor.predict(mixture), expected, rtol=1e-9, atol=1e-9)


@given(moistures, thicknesses, samplings, st.floats(0.0, 1.0))
def test_that_a_probe_reads_what_its_weights_say(
    moisture: list[float], thickness: list[float], sampling: Sampling, where: float
) -> None:
    data = soil(thickness, moisture)
    probe = SoilMoistureProbe(station="a", depth=f"{where * sum(thickness)!r} m", sampling=sampling)
    weights = probe.weights(data)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(probe.predict(data), moisture @ weights, rtol=1e-12)
    assert min(moisture) - 1e-12 <= probe.predict(data)[0] <= max(moisture) + 1e-12


# --- weights --------------------------------------------------------------------------------------


@given(moistures, thicknesses, weightings)
def test_that_weights_of_layers_sum_to_one_and_give_the_mean(
    moisture: list[float], thickness: list[float], weighting: Weighting
) -> None:
    mean, reach, weights = weighting.average(np.array([moisture]), *faces(thickness))
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights[0] @ moisture, mean[0], rtol=1e-9)
    density = weights[0] / np.array(thickness)
    assert (np.diff(density) <= 1e-12 * density[0]).all()
    assert 0 < reach[0] < 2


@settings(max_examples=25)  # each new grid costs its nodes
@given(moistures, thicknesses, st.sampled_from([LeftRule("5 degree"), None]))
def test_that_weights_of_cosmic_sum_to_one_and_give_its_mean(
    moisture: list[float], thickness: list[float], rule: LeftRule | None
) -> None:
    cosmic = Cosmic(SITE, slice="5 mm") if rule is None else Cosmic(SITE, rule, "5 mm")
    profile = cosmic.profile([moisture], np.cumsum(thickness))
    np.testing.assert_allclose(profile.weights.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(profile.weights[0] @ moisture, profile.mean[0], rtol=1e-12)
    np.testing.assert_allclose(
        cosmic.counts([moisture], np.cumsum(thickness)), profile.counts, rtol=1e-9
    )


@given(footprints, st.floats(-200.0, 1200.0), st.floats(-200.0, 1200.0))
def test_that_shares_of_columns_sum_to_one(footprint: Footprint | None, x: float, y: float) -> None:
    sensor = GroundwaterLevel(station="a", x=f"{x!r} m", y=f"{y!r} m", footprint=footprint)
    numbers, shares = sensor.columns(grid())
    assert shares.min() > 0
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-12)
    assert sensor.column(grid()) in numbers


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.integers(3, 9), st.floats(0.1, 3.0))
def test_that_a_polygon_may_be_moved_and_begin_at_any_corner(
    x: float, y: float, corners: int, turn: float
) -> None:
    angle = turn + 2 * np.pi * np.arange(corners) / corners
    ring = [(x + 700 * np.cos(a), y + 700 * np.sin(a)) for a in angle]

    def polygon(points: list[tuple[float, float]]) -> Polygon:
        return Polygon(
            *(tuple(f"{float(c)!r} m" for c in axis) for axis in zip(*points, strict=True))
        )

    east, north = np.random.default_rng(3).uniform(-1000, 1000, (2, 50))
    one, other = polygon(ring), polygon(ring[2:] + ring[:2])
    assert one.centre == pytest.approx({"x": x, "y": y}, abs=1e-6)
    np.testing.assert_array_equal(one.shares(east, north), other.shares(east, north))
    inside = np.hypot(east, north) < 700 * np.cos(np.pi / corners) - 1e-6
    beyond = np.hypot(east, north) > 700 + 1e-6
    assert one.shares(east, north)[inside].all() and not one.shares(east, north)[beyond].any()


# --- counts against moisture ----------------------------------------------------------------------


def counters() -> list[Sensor]:
    counter = {"n0": "1500 h-1", "bulk_density": "1.4 g/cm3", "lattice_water": "1 %"}
    return [
        NeutronCounts(station="a", **counter),
        NeutronCounts(station="a", **counter, weighting=Conventional(1e-12)),
        CosmicCounts(station="a", operator=Cosmic(SITE, slice="5 mm")),
        CosmicCounts(station="a", operator=Cosmic(SITE, LeftRule("5 degree"), "5 mm")),
    ]


@pytest.mark.parametrize("sensor", counters(), ids=str)
@given(moisture=moistures, thickness=thicknesses, more=st.floats(1e-3, 0.3))
def test_that_a_wetter_soil_gives_fewer_counts(
    sensor: Sensor, moisture: list[float], thickness: list[float], more: float
) -> None:
    wetter = [theta + more for theta in moisture]
    dry, wet = sensor.predict(soil(thickness, moisture, wetter))
    assert wet < dry


@given(st.floats(0.02, 0.8), st.floats(0.0, 30.0), st.floats(1e-3, 0.1))
def test_that_the_transport_solution_falls_with_moisture(
    moisture: float, humidity: float, more: float
) -> None:
    curve = neutrons.TransportSolution().counts
    assert curve(moisture + more, humidity, 1000.0) < curve(moisture, humidity, 1000.0)


@given(st.floats(0.0, 0.7), st.floats(1.0, 25.0), st.floats(50.0, 3000.0))
def test_that_counts_and_moisture_go_round(moisture: float, humidity: float, n0: float) -> None:
    counts = neutrons.desilets_counts(moisture, n0, 0.02)
    back = neutrons.desilets_moisture(counts, n0, 0.02)
    np.testing.assert_allclose(back, moisture, rtol=1e-9, atol=1e-12)
    solution = neutrons.TransportSolution()
    counts = solution.counts(moisture + 0.01, humidity, n0)
    np.testing.assert_allclose(solution.moisture(counts, humidity, n0), moisture + 0.01, rtol=1e-9)


# --- units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["m3 m-3", "percent", "m"])
@given(value=st.floats(1e-6, 1e6))
def test_that_units_go_round(unit: str, value: float) -> None:
    other = {"m3 m-3": "percent", "percent": "m3 m-3", "m": "mm"}[unit]
    back = convert(convert(value, unit, other), other, unit)
    np.testing.assert_allclose(back, value, rtol=1e-14)


@given(moistures, thicknesses)
def test_that_the_unit_of_the_state_changes_no_reading(
    moisture: list[float], thickness: list[float]
) -> None:
    data = soil(thickness, moisture)
    percent = data.assign(theta=(100 * data["theta"]).assign_attrs(units="percent"))
    probe = SoilMoistureProbe(station="a", depth=f"{0.4 * sum(thickness)!r} m")
    for sensor in (probe, CosmicRayNeutron(station="a"), *counters()):
        np.testing.assert_allclose(sensor.predict(percent), sensor.predict(data), rtol=1e-9)


@given(st.floats(0.01, 5.0), st.sampled_from(["m", "cm", "mm", "km"]))
def test_that_the_unit_of_a_depth_changes_nothing(depth: float, unit: str) -> None:
    one = GroundwaterLevel(**HERE, screen=f"{depth!r} m")
    there = float(convert(depth, "m", unit))
    other = GroundwaterLevel(**HERE, screen=f"{there!r} {unit}")
    assert float(one.depth) == pytest.approx(float(other.depth), rel=1e-12)


# --- order, company and place ---------------------------------------------------------------------


def mixed_network() -> list[Sensor]:
    places = [
        {"station": str(k), "x": f"{x} m", "y": f"{y} m"}
        for k, (x, y) in enumerate((x, y) for x in (0, 500, 1000) for y in (20, 480))
    ]
    counter = {"n0": "1500 h-1", "bulk_density": "1.3 g/cm3"}
    kinds = [
        lambda p: SoilMoistureProbe(**p, depth="5 cm"),
        lambda p: SoilMoistureProbe(**p, depth="30 cm", sampling=LayerMean("20 cm")),
        lambda p: CosmicRayNeutron(**p),
        lambda p: CosmicRayNeutron(**p, weighting=Conventional()),
        lambda p: NeutronCounts(**p, **counter, footprint=Disc("600 m")),
        lambda p: CosmicCounts(**p, operator=Cosmic(replace(SITE, N=3.0 + float(p["station"])))),
        lambda p: CosmicCounts(**p, operator=Cosmic(SITE, LeftRule("10 degree"), "1 cm")),
        lambda p: GroundwaterLevel(**p),
        lambda p: Flux(**p),
    ]
    return [kind(place) for kind in kinds for place in places]


NETWORK = mixed_network()


@given(st.permutations(range(len(NETWORK))), st.integers(1, len(NETWORK)))
def test_that_sensors_together_read_the_same_bits_as_alone_in_any_order(
    order: list[int], count: int
) -> None:
    data = grid(members=5)
    chosen = [NETWORK[number] for number in order[:count]]
    together = predicted(chosen, data)
    for row, sensor in zip(together, chosen, strict=True):
        np.testing.assert_array_equal(row, sensor.predict(data))


@given(st.integers(1, 70), st.integers(0, 69), st.permutations(range(6)))
def test_that_a_member_has_the_same_bits_whoever_else_is_there(
    members: int, member: int, layers: list[int]
) -> None:
    data = grid(members=70)
    some = data.isel(member=slice(0, members))
    last = data.isel(member=[min(member, members - 1)])
    for sensor in NETWORK[:: len(NETWORK) // 9]:
        alone = sensor.predict(last)[0]
        assert sensor.predict(some)[min(member, members - 1)] == alone
        np.testing.assert_allclose(sensor.predict(last.isel(layer=layers))[0], alone, rtol=1e-12)


def test_that_columns_are_looked_for_anew_in_another_domain() -> None:
    near, wide = grid(), grid(spacing=900.0)
    assert NETWORK[5].column(near) == 7 and NETWORK[5].column(wide) == 4
    assert NETWORK[5].column(near) == 7


@settings(max_examples=10)
@given(st.permutations(range(12)), st.floats(0.0, 20.0))
def test_that_the_order_of_soil_samples_changes_nothing(order: list[int], humidity: float) -> None:
    rows = [(k, r, z) for k, r in enumerate((5.0, 60.0, 200.0)) for z in (0.025, 0.1, 0.2, 0.3)]
    frame = pd.DataFrame(rows, columns=["profile", "distance", "depth"])
    frame = frame.assign(
        moisture=0.1 + frame["distance"] / 2000 + frame["depth"] / 5,
        bulk_density=1400.0,
        lattice_water=0.01,
        organic_water=0.005,
    )
    one, other = footprint_soil(frame, humidity), footprint_soil(frame.iloc[order], humidity)
    assert one.moisture == pytest.approx(other.moisture, rel=1e-12)
