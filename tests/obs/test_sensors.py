"""Sensors: what they read, where they stand, how wrong they are, and what they refuse."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.obs import (
    BetweenNodes,
    Conventional,
    CosmicRayNeutron,
    Desilets,
    Disc,
    Discharge,
    Flux,
    Footprint,
    GroundwaterLevel,
    HeadAtScreen,
    LatentHeat,
    LayerMean,
    ModelSurface,
    NeutronCounts,
    PointSensor,
    Polygon,
    Rectangle,
    Revised,
    Sampling,
    Sensor,
    SoilMoistureProbe,
    StorageAnomaly,
    TransportSolution,
    profile,
)
from hydroda.obs.neutrons import desilets_counts
from hydroda.obs.sensors import predicted
from hydroda.sphere import great_circle
from tests.obs.soil import DEPTH, grid

HERE: dict[str, Any] = {"station": "a", "x": "0.9 km", "y": "80 m"}  # column 6
PROBE = SoilMoistureProbe(**HERE, depth="5 cm", sd="2 %")


# --- a sensor of one's own ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SnowPillow(Sensor):
    """Snow water equivalent, in eight lines."""

    quantity, unit, depth, bounds = "snow_water", "mm", 0.0, (0.0, 5000.0)

    def predict(self, ensemble: xr.Dataset) -> np.ndarray:
        return self.read(ensemble, "snow_water")


def test_that_a_sensor_of_eight_lines_reads_its_column_in_its_unit() -> None:
    snow = np.arange(36.0).reshape(4, 9)
    data = grid().assign(snow_water=(("member", "column"), snow, {"units": "cm"}))
    pillow = SnowPillow(**HERE, sd="5 mm")
    np.testing.assert_allclose(pillow.predict(data), 10 * snow[:, 6])
    assert pillow.effective_depth(data) == 0


def test_that_a_reading_has_the_same_bits_however_many_members_are_here() -> None:
    rng, thickness = np.random.default_rng(1), np.full(23, 0.05)
    data = xr.Dataset(
        {"theta": (("member", "column", "layer"), rng.uniform(0.1, 0.4, (33, 1, 23)))},
        {"depth": ("layer", np.cumsum(thickness) - 0.025), "thickness": ("layer", thickness)},
    )
    probe = SoilMoistureProbe(station="a", depth="60 cm", sampling=LayerMean("1.1 m"), sd="2 %")
    alone = [float(probe.predict(data.isel(member=[member]))[0]) for member in range(33)]
    assert probe.predict(data).tolist() == alone


def test_that_a_sensor_class_must_say_its_quantity() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Nameless(Sensor):
        unit, depth = "mm", 0.0

        def predict(self, ensemble: xr.Dataset) -> np.ndarray:
            return self.read(ensemble, "x")

    with pytest.raises(DeclarationError, match="class Nameless must say its quantity"):
        Nameless(station="a")


# --- places ---------------------------------------------------------------------------------------


def test_that_the_nearest_column_is_found_by_x_and_y_or_by_longitude_and_latitude() -> None:
    data = grid()
    assert PROBE.column(data) == 6
    lon, lat = float(data.lon[6]) + 1e-3, float(data.lat[6])
    by_degree = replace(PROBE, x=None, y=None, lon=lon, lat=lat)
    assert by_degree.column(data) == 6
    assert PROBE.place(data) == (900.0, 80.0)
    assert by_degree.place(data) == (1000.0, 0.0)


def test_that_a_station_outside_the_domain_is_refused_with_its_distance() -> None:
    far = replace(PROBE, x="3 km", y="0 m")
    message = (
        "SoilMoistureProbe 'a' lies outside the domain: its nearest column is 2000 m away, 500 m"
    )
    with pytest.raises(DeclarationError, match=message):
        far.column(grid())
    assert replace(far, within="2 km").column(grid()) == 6
    with pytest.raises(DeclarationError, match="outside the domain"):
        replace(PROBE, x=None, y=None, lon=7.0, lat=51.0).column(grid())


def test_that_a_station_needs_a_place_only_among_several_columns() -> None:
    nowhere = replace(PROBE, x=None, y=None)
    with pytest.raises(DeclarationError, match="needs x and y: the domain has 9 columns"):
        nowhere.predict(grid())
    one = grid().isel(column=[4])
    np.testing.assert_array_equal(nowhere.predict(one), PROBE.predict(one))
    assert nowhere.column(grid().isel(column=4).drop_vars(["x", "y"])) == 0


def test_that_columns_at_one_place_do_not_close_the_domain() -> None:
    twice = xr.concat([grid(), grid()], dim="column", coords="minimal")
    assert twice.sizes["column"] == 18
    assert PROBE.column(twice) == 6


def test_that_columns_without_places_are_refused() -> None:
    with pytest.raises(DeclarationError, match="has x and y, but the columns of the model lack"):
        PROBE.column(grid().drop_vars(["x", "y"]))


def test_that_places_must_be_whole() -> None:
    with pytest.raises(DeclarationError, match="has y but no x"):
        replace(PROBE, x=None)
    with pytest.raises(DeclarationError, match="needs both lon and lat"):
        replace(PROBE, lon=6.0)
    with pytest.raises(DeclarationError, match=r"lat of .* must lie in"):
        replace(PROBE, lon=6.0, lat=91.0)


def test_that_a_quarter_of_the_globe_is_ten_thousand_kilometres() -> None:
    assert great_circle(90.0, 0.0, 0.0, 0.0) == pytest.approx(10_007_543, rel=1e-6)
    assert great_circle(0.0, 90.0, 77.0, 0.0) == pytest.approx(10_007_543, rel=1e-6)


# --- errors ---------------------------------------------------------------------------------------


def test_that_parts_of_the_error_add_as_variances() -> None:
    sensor = replace(PROBE, sd="0.03 m3/m3", relative=0.2, representativeness="0.12 m3/m3")
    assert sensor.error(0.2) == pytest.approx(0.13)


def test_that_the_error_of_the_series_takes_the_place_of_the_instruments() -> None:
    sensor = replace(PROBE, representativeness="0.03 m3/m3")
    np.testing.assert_allclose(
        sensor.error([0.2, 0.2], [0.04, np.nan]), [0.05, np.hypot(0.02, 0.03)]
    )


def test_that_a_well_stands_for_its_cell_within_a_metre_unless_told() -> None:
    well = GroundwaterLevel(**HERE, sd="5 cm")
    assert well.error(3.0) == pytest.approx(np.hypot(0.05, 1.0))
    assert replace(well, representativeness=None).error(3.0) == pytest.approx(0.05)


def test_that_a_sensor_without_any_error_is_refused_when_it_is_needed() -> None:
    with pytest.raises(DeclarationError, match="needs an error: give sd='… m3 m-3'"):
        replace(PROBE, sd=None).error(0.2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sd": 0.02}, UnitError, "sd of SoilMoistureProbe 'a' needs a unit"),
        ({"sd": "2 cm"}, UnitError, "must be convertible to 'm3 m-3'; got 2 cm"),
        ({"sd": "0 %"}, DeclarationError, "sd of SoilMoistureProbe 'a' must be positive"),
        ({"relative": -0.1}, DeclarationError, "relative of .* must not be negative; got -0.1"),
        ({"depth": "5 kg"}, UnitError, "depth of SoilMoistureProbe 'a' must be convertible to 'm'"),
        ({"depth": "-5 cm"}, DeclarationError, "depth of .* must not be negative"),
        ({"every": 3}, UnitError, "every of SoilMoistureProbe 'a' needs a unit of time"),
    ],
)
def test_that_a_wrong_declaration_says_what_came_and_what_was_wanted(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        replace(PROBE, **change)


# --- probes ---------------------------------------------------------------------------------------


def test_that_a_probe_reads_a_linear_profile_exactly() -> None:
    data = grid()
    profile = 0.1 + 0.2 * data["depth"]
    linear = data.assign(theta=profile.broadcast_like(data["theta"]))
    linear["theta"].attrs["units"] = "m3 m-3"
    for depth in (0.01, 0.03, 0.05, 0.13, 0.6):
        probe = replace(PROBE, depth=f"{depth} m")
        np.testing.assert_allclose(probe.predict(linear), 0.1 + 0.2 * depth, rtol=1e-12)


def test_that_an_extent_gives_the_mean_of_the_layers_it_covers() -> None:
    probe = replace(
        PROBE, depth="10 cm", sampling=LayerMean("10 cm")
    )  # 5 to 15 cm: one layer and half another
    np.testing.assert_allclose(probe.weights(grid()), [0, 0, 0.5, 0.5, 0, 0], atol=1e-12)
    at_top = replace(
        PROBE, depth="1 cm", sampling=LayerMean("8 cm")
    )  # 0 to 5 cm: cut at the surface
    np.testing.assert_allclose(at_top.weights(grid()), [0.4, 0.6, 0, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("depth", ["0 cm", "1 cm", "4.2 cm", "60 cm", "80 cm"])
@pytest.mark.parametrize("sampling", [BetweenNodes(), LayerMean("5 cm"), LayerMean()])
def test_that_weights_of_a_probe_sum_to_one_and_give_its_reading(
    depth: str, sampling: Sampling
) -> None:
    data = grid()
    probe = replace(PROBE, depth=depth, sampling=sampling)
    weights = probe.weights(data)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(data.theta.values[:, 6] @ weights, probe.predict(data))


def test_that_the_order_of_layers_changes_nothing() -> None:
    data, upside_down = grid(), grid().isel(layer=slice(None, None, -1))
    counter = NeutronCounts(**HERE, n0="1500 h-1", bulk_density="1.4 g/cm3", relative=0.01)
    for sensor in (
        PROBE,
        replace(PROBE, sampling=LayerMean("7 cm")),
        CosmicRayNeutron(**HERE),
        counter,
    ):
        np.testing.assert_allclose(sensor.predict(data), sensor.predict(upside_down), rtol=1e-12)
        assert sensor.effective_depth(data) == pytest.approx(sensor.effective_depth(upside_down))


def test_that_a_probe_below_the_soil_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"stands below the soil of the model, 0\.8 m deep"):
        replace(PROBE, depth="90 cm").predict(grid())
    with pytest.raises(DeclarationError, match="needs the coordinate 'depth'"):
        PROBE.predict(grid().drop_vars("depth"))


def test_that_a_variable_the_model_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(DeclarationError, match="reads 'wetness', which the model lacks; it has"):
        replace(PROBE, variable="wetness").predict(grid())


def test_that_a_variable_of_another_dimension_is_refused() -> None:
    with pytest.raises(UnitError, match="water_table_depth for SoilMoistureProbe 'a' must be conv"):
        replace(PROBE, variable="water_table_depth").predict(grid())


# --- cosmic rays ----------------------------------------------------------------------------------


def test_that_uniform_soil_reads_as_it_is_under_every_weighting() -> None:
    data = grid()
    data["theta"][:] = np.array([0.05, 0.15, 0.25, 0.45])[:, None, None]
    for weighting in (Conventional(), Revised()):
        sensor = CosmicRayNeutron(**HERE, weighting=weighting)
        np.testing.assert_allclose(sensor.predict(data), [0.05, 0.15, 0.25, 0.45])


def test_that_wet_soil_is_seen_less_deep() -> None:
    data = grid()
    data["theta"][:] = np.array([0.05, 0.15, 0.25, 0.45])[:, None, None]
    for weighting in (Conventional(), Revised()):
        sensor = CosmicRayNeutron(**HERE, weighting=weighting)
        assert (np.diff(sensor.average(data).depth) < 0).all()
        deep = sensor.effective_depth(data.isel(member=[0]))
        assert 0 < sensor.effective_depth(data.isel(member=[3])) < deep < 0.4


def test_that_counts_follow_desilets_curve_of_the_same_mean() -> None:
    data = grid()
    settings = {"lattice_water": "0.01 kg/kg", "organic_water": "1 %"}
    sensor = NeutronCounts(
        **HERE, n0="1500 h-1", bulk_density="1.4 g/cm3", relative=0.01, **settings
    )
    moisture = CosmicRayNeutron(**HERE).predict(data)
    np.testing.assert_allclose(sensor.predict(data), desilets_counts(moisture / 1.4, 1500.0, 0.02))
    assert (np.argsort(sensor.predict(data)) == np.argsort(-moisture)).all()


def test_that_counts_follow_the_transport_solution_at_their_humidity() -> None:
    data, curve = grid(), TransportSolution()
    sensor = NeutronCounts(
        **HERE, n0="2400 h-1", bulk_density="1.4 g/cm3", lattice_water="1 %", curve=curve,
        humidity="7 g/m3", relative=0.01,
    )  # fmt: skip
    water = CosmicRayNeutron(**HERE).predict(data) / 1.4 + 0.01
    np.testing.assert_allclose(sensor.predict(data), curve.counts(water, 7.0, 2400.0), rtol=1e-12)
    other = replace(sensor, curve=Desilets())
    together = predicted([sensor, other, sensor], data)
    assert np.array_equal(together[1], other.predict(data))
    assert np.array_equal(together[[0, 2]], [sensor.predict(data)] * 2)


def test_that_a_cosmic_ray_sensor_needs_the_thickness_of_the_layers() -> None:
    with pytest.raises(DeclarationError, match="needs the coordinate 'thickness'"):
        CosmicRayNeutron(**HERE).predict(grid().drop_vars("thickness"))


# --- wells ----------------------------------------------------------------------------------------


def test_that_a_well_reads_each_members_own_table_as_depth_or_elevation() -> None:
    data = grid()
    table = data.water_table_depth.values[:, 6]
    well = GroundwaterLevel(**HERE, sd="5 cm")
    np.testing.assert_array_equal(well.predict(data), table)
    np.testing.assert_allclose(replace(well, ground="66 m").predict(data), 66 - table)
    np.testing.assert_allclose(replace(well, ground=ModelSurface()).predict(data), 106 - table)


def test_that_a_member_without_a_table_has_it_at_the_bottom() -> None:
    data = grid()
    data["water_table_depth"][1, 6] = np.inf
    assert GroundwaterLevel(**HERE).predict(data)[1] == pytest.approx(DEPTH[-1] + 0.2)


def test_that_a_well_has_a_depth_only_through_its_screen() -> None:
    assert np.isnan(GroundwaterLevel(**HERE).effective_depth(grid()))
    assert GroundwaterLevel(**HERE, screen="7 m").effective_depth(grid()) == 7


def test_that_the_model_surface_needs_an_elevation() -> None:
    well = GroundwaterLevel(**HERE, ground=ModelSurface())
    with pytest.raises(DeclarationError, match="the model needs a coordinate 'elevation'"):
        well.predict(grid().drop_vars("elevation"))


# --- fluxes and points ----------------------------------------------------------------------------


def test_that_a_flux_is_per_day_whatever_the_interval_and_only_validates() -> None:
    data = grid()
    flux, summed = Flux(**HERE), data.evapotranspiration.values[:, 6]
    np.testing.assert_allclose(flux.predict(data), summed)
    np.testing.assert_allclose(
        flux.predict(data.assign_attrs(interval_seconds=21600.0)), 4 * summed
    )
    assert flux.validates_only
    with pytest.raises(DataError, match="needs the length of the forecast interval"):
        flux.predict(data.drop_attrs())


def test_that_a_point_sensor_reads_a_toy_model() -> None:
    values = np.random.default_rng(3).normal(size=(5, 40))
    toy = xr.Dataset({"x": (("member", "column"), values)})
    toy = toy.rename(x="height").assign_coords(x=("column", np.arange(40.0)))
    sensor = PointSensor(station="7", x="7 m", quantity="height", unit="", sd="1")
    np.testing.assert_array_equal(sensor.predict(toy), values[:, 7])
    assert np.isnan(sensor.effective_depth(toy))
    assert sensor.weights(toy) is None
    assert sensor.place(toy)[0] == 7 and np.isnan(sensor.place(toy)[1])


def test_that_a_point_sensor_in_layers_reads_its_depth() -> None:
    point = PointSensor(**HERE, quantity="theta", unit="m3 m-3", sd="1 %")
    with pytest.raises(DeclarationError, match="needs a depth: 'theta' has layers"):
        point.predict(grid())
    np.testing.assert_array_equal(
        replace(point, depth="5 cm").predict(grid()), PROBE.predict(grid())
    )


def test_that_a_sensor_can_be_replaced_printed_and_compared() -> None:
    assert replace(PROBE, depth="0.05 m") == PROBE
    assert replace(PROBE, depth="20 cm").depth == pytest.approx(0.2)
    assert "sd='0.02 m3 m-3'" in repr(PROBE)


def test_that_a_sensor_on_a_transect_needs_no_y():
    sensor = SoilMoistureProbe(station="P", x="480 m", depth="10 cm")
    assert sensor.place(grid().isel(column=slice(0, None, 3))) == (480.0, 0.0)


# --- footprints -----------------------------------------------------------------------------------


def pixel(**change: Any) -> SoilMoistureProbe:
    """A satellite's top 5 cm over the four columns in the south-west of the grid."""
    given: dict[str, Any] = {"station": "pixel", "x": "250 m", "y": "250 m", "depth": "2.5 cm"}
    given |= {"sampling": LayerMean("5 cm"), "footprint": Rectangle("800 m", "800 m")}
    return SoilMoistureProbe(**given | change)


def test_that_a_pixel_reads_the_mean_of_its_columns() -> None:
    data, at_points = grid(), pixel(footprint=None)
    corners = [replace(at_points, x=f"{x} m", y=f"{y} m") for x in (0, 500) for y in (0, 500)]
    expected = np.mean([corner.predict(data) for corner in corners], axis=0)
    np.testing.assert_allclose(pixel().predict(data), expected, rtol=1e-14)
    numbers, shares = pixel().columns(data)
    assert numbers.tolist() == [0, 1, 3, 4] and shares.tolist() == [0.25] * 4


def test_that_rectangle_disc_and_polygon_over_the_same_columns_are_the_same() -> None:
    data = grid()
    polygon = Polygon(
        x=("-0.1 km", "0.6 km", "0.6 km", "-0.1 km"), y=("-0.1 km", "-100 m") + ("0.6 km",) * 2
    )
    others = [
        pixel(footprint=Disc("360 m")),
        pixel(footprint=polygon),
        pixel(footprint=polygon, x=None, y=None),
        pixel(
            footprint=Polygon(
                lon=tuple(6 + np.array([-1, 6, 6, -1]) / 700), lat=(50.99, 50.99, 51.005, 51.005)
            ),
            x=None,
            y=None,
        ),
    ]
    for other in others:
        np.testing.assert_array_equal(other.predict(data), pixel().predict(data))
    assert others[2].place(data) == pytest.approx((250.0, 250.0))


def test_that_larger_columns_weigh_more() -> None:
    area = np.array([1.0, 1.0, 9.0, 1.0, 5.0, 9.0, 9.0, 9.0, 9.0])
    data = grid().assign_coords(area=("column", area, {"units": "m2"}))
    assert pixel().columns(data)[1].tolist() == [0.125, 0.125, 0.125, 0.625]


def test_that_a_column_on_the_edge_of_two_pixels_counts_half_in_each() -> None:
    west = pixel(x="125 m", y="500 m", footprint=Rectangle("750 m", "2 km"))
    assert west.columns(grid())[1] == pytest.approx(np.repeat([2 / 9, 1 / 9], 3))


def test_that_a_footprint_between_columns_reads_the_nearest_and_far_away_is_refused() -> None:
    small = pixel(x="210 m", y="230 m", footprint=Disc("10 m"))
    np.testing.assert_array_equal(
        small.predict(grid()), replace(small, footprint=None).predict(grid())
    )
    with pytest.raises(DeclarationError, match="lies outside the domain"):
        pixel(x="5 km", footprint=Disc("100 m")).predict(grid())
    with pytest.raises(DeclarationError, match="needs x and y: the domain has 9 columns"):
        pixel(x=None, y=None).predict(grid())


def test_that_a_footprint_stands_in_the_localization_at_its_middle() -> None:
    data = grid()
    by_degree = pixel(x=None, y=None, lon=6 + 260 / 70_000, lat=51 + 250 / 111_000)
    assert by_degree.columns(data)[0].tolist() == [0, 1, 3, 4]
    assert by_degree.place(data) == (250.0, 250.0)
    assert by_degree.column(data) in (0, 1, 3, 4)


def test_that_a_polygon_across_the_date_line_is_small() -> None:
    data = grid()
    data = data.assign_coords(lon=("column", (data.lon.values - 6) * 100 + 179.5))
    data["lon"] = (data.lon + 180) % 360 - 180
    line = Polygon(lon=(179.0, -179.5, -179.5, 179.0), lat=(50.9, 50.9, 51.1, 51.1))
    sensor = pixel(x=None, y=None, footprint=line)
    assert sensor.columns(data)[0].tolist() == [0, 1, 2, 3, 4, 5]


@dataclass(frozen=True)
class Beam(Footprint):
    """An antenna's pattern, in five lines."""

    width: float

    def shares(self, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        return np.exp(-(east**2 + north**2) / self.width**2)


def test_that_a_footprint_of_ones_own_weighs_as_it_says() -> None:
    data = grid()
    sensor = pixel(x="0 m", y="0 m", footprint=Beam(500.0))
    shares = sensor.columns(data)[1]
    assert shares[1] / shares[0] == pytest.approx(np.exp(-1))
    assert shares[8] / shares[0] == pytest.approx(np.exp(-8))


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: Disc("0 m"), DeclarationError, "radius of Disc must be positive"),
        (lambda: Disc("2 kg"), UnitError, "radius of Disc must be convertible to 'm'"),
        (lambda: Rectangle("2 km", "-1 km"), DeclarationError, "height of Rectangle must be pos"),
        (lambda: LayerMean("0 cm"), DeclarationError, "extent of LayerMean must be positive"),
        (lambda: Polygon(lon=(6.0, 7.0), lat=(51.0, 52.0)), DeclarationError, "three corners or"),
        (lambda: Polygon(lon=(6.0, 7.0, 8.0)), DeclarationError, "as many x as y, or lon as lat"),
        (
            lambda: Polygon(lon=(6.0, 7.0, 8.0), lat=(50.0, 51.0, 52.0)),
            DeclarationError,
            "enclose no area",
        ),
    ],
)
def test_that_a_footprint_that_cannot_be_is_refused(
    declare: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        declare()


# --- storage, discharge, heat, heads --------------------------------------------------------------


def test_that_a_storage_anomaly_is_the_mean_water_less_its_baseline() -> None:
    water = np.arange(36.0).reshape(4, 9)
    data = grid().assign(water=(("member", "column"), water, {"units": "cm"}))
    whole = Rectangle("10 km", "10 km")
    grace = StorageAnomaly(**HERE, footprint=whole, baseline="100 mm", sd="20 mm")
    np.testing.assert_allclose(grace.predict(data), 10 * water.mean(axis=1) - 100, rtol=1e-14)
    assert np.isnan(grace.effective_depth(data))


def test_that_discharge_is_read_at_its_cell_or_shed_by_its_area() -> None:
    flow, runoff = np.arange(36.0).reshape(4, 9), np.full((4, 9), 8.64)
    data = grid().assign(
        discharge=(("member", "column"), flow, {"units": "L s-1"}),
        runoff=(("member", "column"), runoff, {"units": "mm"}),
    )
    np.testing.assert_allclose(Discharge(**HERE).predict(data), flow[:, 6] / 1000)
    gauge = Discharge(**HERE, variable="runoff", area="3 km2", footprint=Disc("1 km"))
    np.testing.assert_allclose(gauge.predict(data), 0.3)  # 8.64 mm/d are 0.1 m3/s/km2


def test_that_latent_heat_is_evapotranspiration_in_watts() -> None:
    data = grid()
    heat = LatentHeat(**HERE).predict(data)
    np.testing.assert_allclose(heat, 28.356481481 * Flux(**HERE).predict(data))
    warm = LatentHeat(**HERE, vaporization="2.43 MJ/kg").predict(data)
    np.testing.assert_allclose(warm / heat, 2.43 / 2.45)
    assert LatentHeat.validates_only


def heads(levels: np.ndarray) -> xr.Dataset:
    """The grid with the head of still water below `levels` (member,) [m]."""
    data = grid()
    h = np.broadcast_to(data.depth.values - levels[:, None, None], data.theta.shape)
    return data.assign(h=(("member", "column", "layer"), h.copy(), {"units": "m"}))


@pytest.mark.parametrize("sampling", [BetweenNodes(), LayerMean("30 cm"), LayerMean()])
def test_that_in_still_water_the_head_at_any_screen_is_the_table(sampling: Sampling) -> None:
    levels = np.array([0.3, 0.5, 0.6, 2.0])
    well = GroundwaterLevel(**HERE, level=HeadAtScreen(sampling))
    for screen in ("50 cm", "0.62 m", "75 cm"):
        there = replace(well, screen=screen)
        np.testing.assert_allclose(there.predict(heads(levels)), levels, rtol=1e-12)
        elevation = replace(there, ground=ModelSurface()).predict(heads(levels))
        np.testing.assert_allclose(elevation, 106 - levels, rtol=1e-12)


def test_that_a_confined_head_lifts_the_level_at_its_screen_alone() -> None:
    data = heads(np.full(4, 0.5))
    data["h"][..., -1] += 0.2
    level = HeadAtScreen(LayerMean())
    deep = GroundwaterLevel(**HERE, screen="0.7 m", level=level)
    np.testing.assert_allclose(deep.predict(data), 0.3)
    np.testing.assert_allclose(replace(deep, screen="0.3 m").predict(data), 0.5)


def test_that_a_head_needs_a_screen_within_the_soil() -> None:
    well = GroundwaterLevel(**HERE, level=HeadAtScreen())
    with pytest.raises(DeclarationError, match="needs its screen"):
        well.predict(heads(np.ones(4)))
    with pytest.raises(DeclarationError, match="stands below the soil of the model"):
        replace(well, screen="20 m").predict(heads(np.ones(4)))


def test_that_a_profile_is_a_probe_at_each_depth() -> None:
    probes = profile(PROBE, ("5 cm", "20 cm", "0.5 m"))
    assert [float(probe.depth) for probe in probes] == [0.05, 0.2, 0.5]
    assert probes[0] == PROBE
