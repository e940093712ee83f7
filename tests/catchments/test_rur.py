"""The Rur catchment: the figures of Li et al., water that finds its way, and files in its place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.catchments import RurCatchment
from hydroda.catchments.rur.climate import HOUR, POTENTIAL, Anchors, made_weather
from hydroda.catchments.rur.drains import Drains, OpenSurface
from hydroda.catchments.rur.files import points, terrain_from
from hydroda.catchments.rur.ground import (
    PLANTS,
    SOIL_LAYERS,
    LandUse,
    SoilNoise,
    drawn_soils,
    northern,
    parts,
)
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.projection import UTM32, TransverseMercator
from hydroda.catchments.rur.soil import hydraulics
from hydroda.catchments.rur.spinup import (
    BALANCED,
    BOUNDED,
    LENGTHS,
    SpinUp,
    balance_table,
    head_of_flow,
    mean_recharge,
    steady_levels,
)
from hydroda.catchments.rur.spread import SpreadForcing
from hydroda.catchments.rur.stations import CRNS, TABLE_1, TOWERS
from hydroda.catchments.rur.terrain import LAYERS, drained, made_terrain
from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import METEOROLOGY
from hydroda.forcing.weather import WEATHER
from hydroda.models.boundaries import Well
from hydroda.models.grid import Grid
from hydroda.models.land_surface import LandSurface
from hydroda.models.retention import rosetta
from hydroda.models.terrestrial import EvaporatingSurface

SURFACE = EvaporatingSurface(covered=0.7)
START, NEXT = np.datetime64("2016-06-01", "ns"), np.datetime64("2016-06-02", "ns")


@pytest.fixture(scope="module")
def rur():
    """Cells of 4 km under a cheap surface."""
    return RurCatchment(
        cell="4 km", members=2, surface=SURFACE, period=("2016-06-01", "2016-06-02")
    )


@pytest.fixture(scope="module")
def forcing(rur):
    return rur.read_forcing()


# ------------------------------------------------------------------------------- the plane


def test_that_the_projection_is_that_of_the_epsg():
    # Guidance note 7-2, example of transverse Mercator: the British grid.
    british = TransverseMercator(
        -2.0, 49.0, 0.9996012717, 400e3, -100e3, 6377563.396, 1 / 299.32496, ""
    )
    x, y = british.plane(0.5, 50.5)
    assert abs(x - 577274.99) < 0.02
    assert abs(y - 69740.50) < 0.02


def test_that_a_place_comes_back_from_the_plane():
    longitude, latitude = np.array([5.9, 6.3, 12.0]), np.array([50.4, 50.9, 51.2])
    back = UTM32.sphere(*UTM32.plane(longitude, latitude))
    np.testing.assert_allclose(back, (longitude, latitude), atol=1e-10)


# ----------------------------------------------------------------------------- the terrain


def test_that_the_catchment_has_the_size_and_the_heights_of_the_paper():
    terrain = made_terrain(1)
    assert terrain.mask.shape == (162, 100)
    assert terrain.area == 2354e6
    assert terrain.heights.max() == pytest.approx(690.0)
    assert terrain.heights.min() == pytest.approx(15.0)
    high = terrain.heights > 500.0
    assert terrain.places[1][high].max() < terrain.places[1].mean()


def test_that_there_are_25_growing_layers_to_100_m_and_ten_to_3_m():
    thickness = np.array(LAYERS)
    assert thickness.size == 25
    assert thickness.sum() == pytest.approx(100.0)
    assert thickness[:SOIL_LAYERS].sum() == pytest.approx(3.0)
    assert (np.diff(thickness) > 0.0).all()


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_that_all_water_comes_to_the_outlet_downhill(factor):
    terrain = made_terrain(1).coarsened(factor)
    here = np.arange(terrain.heights.size)
    stays = np.flatnonzero(terrain.receiver == here)
    assert stays.tolist() == [terrain.grid.number[terrain.outlet]]
    assert (np.delete(terrain.heights[terrain.receiver] - terrain.heights, stays) < 0.0).all()
    assert terrain.drained.max() == terrain.area


def test_that_the_rim_lets_water_out_at_the_mouth_only():
    terrain = made_terrain(1)
    west, east, south, north = terrain.grid.beside.T
    heights = terrain.heights
    outlet = terrain.grid.number[terrain.outlet]
    for outside, behind in ((west, east), (east, west), (south, north), (north, south)):
        rim = np.flatnonzero((outside < 0) & (behind >= 0))
        lower = rim[heights[rim] < heights[behind[rim]]]
        assert set(lower.tolist()) <= {int(outlet)}


def test_that_a_bar_is_cut_through_and_not_filled_behind():
    plane = np.tile(np.arange(9.0)[:, None] * 10.0, (1, 9))
    plane[4], plane[4, 5] = 500.0, 480.0  # a wall with a notch
    open_way = drained(plane, np.ones((9, 9), bool), 100.0, 0.0, 0.0)
    inner = slice(1, 8)
    assert (open_way.elevation[4, [1, 2, 3, 4, 6, 7]] == 500.0).all()
    assert open_way.elevation[4, 5] < 50.0
    # What lies behind the wall stays where it is, but for the way to the notch.
    assert (open_way.elevation[5:8, inner] <= plane[5:8, inner]).all()
    assert (open_way.elevation[5:8, inner] > plane[5:8, inner] - 1.0).all()
    assert (open_way.receiver == np.arange(81)).sum() == 1


def test_that_another_place_is_another_catchment_of_the_same_figures():
    one, other = made_terrain(1), made_terrain(2)
    assert other.area == one.area
    assert (one.heights.max(), one.heights.min()) == (other.heights.max(), other.heights.min())
    assert not np.array_equal(one.elevation, other.elevation)


# ------------------------------------------------------------------------------ the ground


def test_that_forest_covers_the_south_and_crops_and_grass_the_north(rur):
    fine = replace(rur, cell="500 m")
    north = northern(fine.terrain.places[1]) > 0.5
    forest = np.isin(fine.ground.use, [LandUse.BROADLEAF, LandUse.NEEDLELEAF])
    fields = np.isin(fine.ground.use, [LandUse.CROP, LandUse.GRASS])
    assert forest[~north].mean() > 0.5 > forest[north].mean()
    assert fields[north].mean() > 0.8
    assert (fine.ground.use == LandUse.MINE).any()
    # Loose sediment lets through a hundred times what bedrock does.
    assert fine.ground.log10_Ks[north].min() - fine.ground.log10_Ks[~north].mean() > 1.5


def test_that_land_use_and_height_of_the_stations_are_those_of_table_1(rur):
    fine = replace(rur, cell="500 m")
    x, y = fine.terrain.places
    for one in CRNS:
        cell = int(np.argmin(np.hypot(x - one.x, y - one.y)))
        assert abs(fine.terrain.heights[cell] - one.altitude) < 50.0
        assert PLANTS[fine.ground.use[cell]].name.split()[-1] in {
            "crop": ("crop",),
            "grassland": ("grass",),
        }.get(one.land_use, ("tree",))


def test_that_the_polynomial_says_what_rosetta_says():
    # Of silt above 85 % the networks themselves are rough: alpha is then up to 15 % off.
    rng = np.random.default_rng(0)
    sand, clay = rng.uniform(2, 90, 90), rng.uniform(2, 50, 90)
    clay, density = np.minimum(clay, 98 - sand), rng.uniform(1.0, 1.6, 90)
    some = sand + clay > 15
    sand, clay, density = sand[some], clay[some], density[some]
    exact = rosetta(sand, 100 - sand - clay, clay, density).values()
    ours = hydraulics(sand, clay, density)
    # Rosetta's own standard deviations are 0.01 in theta_s and 0.1 in log10 K_s.
    for name, off in {"theta_r": 5e-4, "theta_s": 1e-3, "log10_Ks": 0.03, "n": 0.02}.items():
        assert np.abs(ours[name] - exact[name]).max() < off
    assert np.abs(np.log10(ours["alpha"] / exact["alpha"])).max() < 0.02


def test_that_texture_stays_within_its_bounds():
    sand, clay = parts(np.array([-5.0, 80.0, 99.0, 40.0]), np.array([20.0, 40.0, 30.0, 20.0]))
    assert (sand >= 0).all()
    assert (clay >= 0).all()
    assert (sand + clay <= 100.0 + 1e-12).all()
    assert (sand[3], clay[3]) == (40.0, 20.0)


def test_that_texture_has_the_variogram_of_the_paper():
    # Of 16 fields over a square of 200 km: spherical, 50 %2, 12.5 km.
    x, y = np.meshgrid(*2 * (np.arange(0.0, 200e3, 3.125e3),))
    noise, rng = SoilNoise(), np.random.default_rng(3)
    draws = [noise.residuals(rng, x.ravel(), y.ravel()) for _ in range(8)]
    fields = np.array(draws).reshape(-1, *x.shape)
    assert (fields**2).mean() == pytest.approx(50.0, rel=0.08)
    for steps, part in ((2, 0.6875), (4, 1.0), (6, 1.0)):
        found = 0.5 * ((fields[..., steps:] - fields[..., :-steps]) ** 2).mean()
        assert found == pytest.approx(50.0 * part, rel=0.08)


def test_that_members_differ_by_texture_and_one_shift_of_their_aquifers(rur):
    one, other = (rur.prior(np.random.default_rng(seed), 1) for seed in (1, 2))
    deep = (other["log10_Ks"] - one["log10_Ks"]).values[0, :, SOIL_LAYERS:]
    assert np.ptp(deep) < 1e-12
    assert 0.0 < abs(deep[0, 0]) <= 1.0
    assert np.ptp((other["log10_Ks"] - one["log10_Ks"]).values[0, :, 0]) > 0.05
    assert (one["theta_s"].values[..., SOIL_LAYERS:] == 0.15).all()


def test_that_water_is_at_rest_under_the_first_table(rur):
    state = rur.prior(np.random.default_rng(1), 1)
    np.testing.assert_allclose(state["water_table_depth"].values[0], rur.ground.table, atol=1e-9)
    total = state["h"].values[0] - rur.model.z
    wet = rur.model.z > rur.ground.table[:, None]
    np.testing.assert_allclose(np.where(wet, total + rur.ground.table[:, None], 0.0), 0, atol=1e-9)


# ----------------------------------------------------------------------------- the weather


def test_that_the_climate_is_that_of_the_paper(rur, forcing):
    mean = made_weather(rur.place, forcing.end).mean("time")
    at = forcing.spread.over({str(n): mean[n].values[None, None] for n in mean})
    height = rur.terrain.heights
    warmth = at["air_temperature"][0, 0] - 273.15
    assert warmth[height > 500].mean() == pytest.approx(7.0, abs=0.5)
    assert warmth[height < 120].mean() == pytest.approx(10.0, abs=0.3)
    rain, potential = (8766 * at[name][0, 0] for name in ("rain", POTENTIAL))
    assert 640 < rain.min() < 720
    assert 1100 < rain.max() < 1310
    assert 440 < potential.min() < 520
    assert 810 < potential.max() < 860
    assert np.corrcoef(rain, height)[0, 1] > 0.8
    assert np.corrcoef(potential, height)[0, 1] < -0.8


def test_that_potential_evapotranspiration_follows_from_the_other_weather(rur):
    weather = made_weather(rur.place, np.datetime64("2019-01-01", "ns"))
    annual = 8766 * weather[POTENTIAL].mean("time").values
    np.testing.assert_allclose(annual, Anchors.of().means.potential, rtol=0.01)
    assert (np.diff(annual.reshape(5, 3).mean(axis=1)) > 0).all()  # from south to north


def test_that_days_are_wet_or_dry_and_warm_at_noon(rur):
    weather = made_weather(rur.place, np.datetime64("2019-01-01", "ns"))
    daily = weather["rain"].values.reshape(-1, 24, 15).sum(axis=1)
    assert 0.25 < (daily > 1.0).mean() < 0.45
    hour = (weather["time"].dt.hour.values[:, None] == np.arange(24)).argmax(axis=1)
    warmth = [weather["air_temperature"].values[hour == h].mean() for h in range(24)]
    assert 12 <= int(np.argmax(warmth)) <= 15
    summer = weather["time"].dt.month.isin([6, 7, 8]).values
    assert weather["rain"].values[summer].max() > weather["rain"].values[~summer].max()


def test_that_the_same_hours_come_whatever_period_is_asked_for(rur):
    short, long = (
        made_weather(rur.place, np.datetime64(end, "ns")) for end in ("2017-01-01", "2019-01-01")
    )
    assert short.identical(long)
    late = replace(rur, period=("2018-03-01", "2018-03-02")).read_forcing()
    early = rur.read_forcing()
    for name, values in early.between(START, NEXT).values.items():
        np.testing.assert_array_equal(values, late.between(START, NEXT)[name])


def test_that_every_column_has_possible_weather_and_little_is_held(rur, forcing):
    window = forcing.between(START, NEXT)
    assert set(METEOROLOGY) <= set(window.values)
    for name, values in window.values.items():
        assert values.shape == (1, 24, rur.terrain.heights.size)
        low, high = WEATHER[name].natural
        assert (values >= low).all()
        assert (values <= high).all()
    held = sum(array.nbytes for array in forcing._arrays.values())
    assert held < 60e6
    assert forcing.data.sizes["column"] == 15


# ------------------------------------------------------------------- instruments and screening


def test_that_the_instruments_are_those_of_the_paper(rur):
    network = rur.read_network()
    probes = network.select("soil_moisture").sensors
    assert len(TABLE_1) == 13
    assert len(probes) == 12
    assert {float(p.sd) for p in probes} == {0.03}
    assert [one.name for one in TOWERS] == ["Rollesbroich", "Selhausen", "Wüstebach"]
    wells = network.select("groundwater_level")
    assert len(wells.assimilated) == 78
    assert len(wells.validation) == 465
    network.check(rur.prior(np.random.default_rng(0), 1))


def test_that_the_screening_leaves_as_many_wells_as_in_the_paper(rur):
    chosen = rur.chosen_wells
    left = chosen.counts.set_index("step")["left"]
    assert left["Monthly"] == 616
    assert left["one per cell"] == 78 + 465
    assert left["assimilated"] == 78
    river = rur.finest.to_stream
    x, y = rur.finest.places
    places = chosen.records.stations
    for name, place in places.iterrows():
        cell = int(np.argmin(np.hypot(x - place["x"], y - place["y"])))
        if name not in chosen.screened.withheld:
            assert river[cell] > 1.5 * rur.finest.cell


# ---------------------------------------------------------------------------- settings and files


def test_that_the_model_follows_the_settings_but_not_over_ones_own(rur):
    assert replace(rur, cell="2 km").model.grid.shape == (41, 25)
    own = replace(rur.model, lateral=3.0)
    assert replace(rur, model=own, members=5).model is own
    assert replace(rur, surface=None).model.surface.plants == PLANTS
    with pytest.raises(DeclarationError, match="cell must be 500 m, 1 km"):
        replace(rur, cell="3 km")


@pytest.fixture
def dem(tmp_path):
    """A tilted plane of 12 x 8 points, 1 km apart, with a pit."""
    x, y = 300e3 + 1e3 * np.arange(8), 5600e3 + 1e3 * np.arange(12)
    z = 200.0 - 5.0 * np.arange(12)[:, None] + 3.0 * np.abs(np.arange(8) - 3.5)
    z[5, 4] -= 60.0
    path = tmp_path / "dem.nc"
    fields = {"elevation": (("y", "x"), z), "log10_Ks": (("y", "x"), 0 * z - 5.0)}
    xr.Dataset(fields, {"x": x, "y": y}).to_netcdf(path)
    return str(path)


def test_that_heights_soils_and_aquifers_come_from_files(dem, tmp_path):
    soil = tmp_path / "soil.csv"
    places = points(dem, "elevation")
    places.assign(sand=40.0, clay=20.0, bulk_density=1.3).to_csv(soil, index=False)
    use = tmp_path / "use.csv"
    places.assign(land_use="Grass").to_csv(use, index=False)
    mine = RurCatchment(
        cell="1 km", dem=dem, soil=str(soil), aquifer=dem, land_use=str(use), surface=SURFACE
    )
    assert mine.model.grid.columns == 96
    assert (mine.terrain.receiver == np.arange(96)).sum() == 1
    assert (mine.ground.sand == 40.0).all()
    assert (mine.ground.density == 1.3).all()
    assert (mine.ground.log10_Ks == -5.0).all()
    assert (mine.ground.use == LandUse.GRASS).all()


def test_that_a_file_that_was_written_anew_is_read_anew(dem):
    settings = {"cell": "1 km", "dem": dem, "surface": SURFACE}
    first = RurCatchment(**settings).terrain
    assert RurCatchment(**settings).terrain is first
    with xr.open_dataset(dem) as opened:
        higher = opened.load() + 10.0
    Path(dem).unlink()
    higher.to_netcdf(dem)
    again = RurCatchment(**settings)
    np.testing.assert_allclose(again.terrain.heights, first.heights + 10.0)
    assert again.model.grid is again.terrain.grid


def test_that_towers_of_the_paper_stand_in_its_own_catchment_alone(dem, tmp_path):
    x, y = 304e3, 5606e3
    probes = _records(
        tmp_path / "crns.csv", "soil_moisture", "m3 m-3", ["Mine"], 0.3, {"Mine": (x, y)}
    )
    places = {f"well{n}": (300e3 + 1e3 * n, y) for n in range(8)}
    wells = _records(tmp_path / "wells.csv", "groundwater_level", "m", places, 3.5, places)
    own = RurCatchment(
        cell="1 km", dem=dem, crns=probes, wells=wells, surface=SURFACE,
        period=("2016-01-01", "2016-02-01"),
    )  # fmt: skip
    assert {s.quantity for s in own.read_network().sensors} == {
        "soil_moisture", "groundwater_level",
    }  # fmt: skip
    fluxes = _records(
        tmp_path / "et.csv", "evapotranspiration", "mm/day", ["Mast"], 2.0, {"Mast": (x, y)}
    )
    towers = replace(own, fluxes=fluxes).read_network().select("evapotranspiration").sensors
    assert [(one.station, float(one.x), float(one.y)) for one in towers] == [("Mast", x, y)]


def test_that_longitude_and_latitude_are_places_too(dem, tmp_path):
    frame = points(dem, "elevation")
    lon, lat = UTM32.sphere(frame["x"], frame["y"])
    path = tmp_path / "dem.csv"
    frame.assign(lon=lon, lat=lat)[["lon", "lat", "elevation"]].to_csv(path, index=False)
    one, other = terrain_from(dem, 1000.0), terrain_from(str(path), 1000.0)
    np.testing.assert_allclose(one.heights, other.heights, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dem": "nowhere.nc"}, "there is no file nowhere.nc"),
        ({"dem": "DEM", "cell": "500 m"}, "points of .* lie 1000 m apart, cells are to be 500 m"),
        ({"aquifer": "DEM"}, "leaves .* columns without a value"),
        ({"soil": "DEM"}, "lacks sand, clay; it has"),
    ],
)
def test_that_a_file_that_does_not_fit_is_refused_in_words(dem, fields, words):
    given = {name: dem if value == "DEM" else value for name, value in fields.items()}
    with pytest.raises(DataError, match=words):
        _ = RurCatchment(**{"cell": "4 km", "surface": SURFACE} | given).ground


def test_that_impossible_values_are_named_with_their_place(dem, tmp_path):
    path = tmp_path / "soil.csv"
    points(dem, "elevation").assign(sand=140.0, clay=20.0).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"sand of .* must lie in 0..100 %; got 140 at x = "):
        _ = RurCatchment(cell="1 km", dem=dem, soil=str(path), surface=SURFACE).ground


def _weather_file(path, hours=48, **changes):
    weather = made_weather(1, np.datetime64("2019-01-01", "ns")).isel(time=slice(0, hours))
    lat, lon = np.array([50.5, 50.8, 51.1]), np.array([6.1, 6.5])
    fields = {
        name: (("time", "latitude", "longitude"),
               weather[name].values[:, :6].reshape(hours, 3, 2), weather[name].attrs)
        for name in METEOROLOGY
    }  # fmt: skip
    coords = {"time": weather["time"], "latitude": lat, "longitude": lon} | changes
    xr.Dataset(fields, coords).to_netcdf(path)
    return str(path)


def test_that_weather_from_a_file_is_that_of_the_nearest_point(tmp_path, rur):
    path = _weather_file(tmp_path / "weather.nc")
    given = replace(rur, forcing=path, period=("2015-01-01", "2015-01-02")).read_forcing()
    assert isinstance(given, SpreadForcing)
    assert given.data.sizes["column"] <= 6
    window = given.between(given.start, given.start + 24 * HOUR)
    longitude, latitude = rur.terrain.geographic
    with xr.open_dataset(path) as file:
        for column in (0, longitude.size - 1):
            near = file.sel(
                latitude=latitude[column], longitude=longitude[column], method="nearest"
            )
            np.testing.assert_allclose(
                window["air_temperature"][0, :, column],
                near["air_temperature"].values[:24],
            )


def test_that_weather_of_elsewhere_is_refused(tmp_path, rur):
    path = _weather_file(tmp_path / "far.nc", latitude=np.array([40.5, 40.8, 41.1]))
    with pytest.raises(DataError, match="does not cover the catchment"):
        replace(rur, forcing=path).read_forcing()


def _records(path, quantity, unit, stations, value, places=None):
    times = pd.date_range("2016-01-01", periods=36, freq="MS") + pd.Timedelta(14, "D")
    lines = [f"time,station,{quantity}", f"UTC,,{unit}"]
    lines += [f"{t:%Y-%m-%dT%H:%M:%SZ},{s},{value}" for s in stations for t in times]
    path.write_text("\n".join(lines) + "\n")
    if places is not None:
        rows = [f"{s},{x},{y}" for s, (x, y) in places.items()]
        beside = path.with_name(path.name.removesuffix(".csv") + ".stations.csv")
        beside.write_text("\n".join(["station,x,y", ",m,m", *rows]) + "\n")
    return str(path)


def test_that_measured_wells_and_probes_make_a_network_with_data(tmp_path, rur):
    crns = _records(
        tmp_path / "crns.csv", "soil_moisture", "m3 m-3",
        ["Kall", "Rollesbroich1", "Rollesbroich2"], 0.3,
    )  # fmt: skip
    x, y = (values[::40] for values in rur.finest.places)
    places = {f"well{n}": (x[n], y[n]) for n in range(20)}
    wells = _records(tmp_path / "wells.csv", "groundwater_level", "m", places, 3.5, places)
    measured = replace(rur, wells=wells, crns=crns)
    network = measured.read_network()
    assert network.data is not None
    assert [s.station for s in network.select("soil_moisture").sensors] == ["Kall", "Rollesbroich"]
    chosen = measured.chosen_wells
    assert chosen.counts["left"].iloc[0] == 20
    with pytest.raises(DataError, match="wells= is measured and crns= is made"):
        replace(rur, wells=wells).read_network()
    with pytest.raises(DataError, match="has no groundwater_level; it has soil_moisture"):
        _ = replace(rur, wells=crns).chosen_wells


def test_that_a_probe_without_a_place_is_refused(tmp_path, rur):
    path = _records(tmp_path / "crns.csv", "soil_moisture", "m3 m-3", ["Elsewhere"], 0.3)
    with pytest.raises(DataError, match="has no place for station 'Elsewhere'"):
        replace(rur, crns=path).read_network()


# ------------------------------------------------------------------------------------- nature


def test_that_nature_differs_by_what_it_lists_and_keeps_the_sums_of_rain(rur, forcing):
    nature = Nature(rain_sd=0.1)
    other = nature.of(rur)
    window, given = other.forcing.between(START, NEXT), forcing.between(START, NEXT)
    kept = np.setdiff1d(list(given.values), ["rain", "air_temperature"])
    for name in kept:
        np.testing.assert_array_equal(window[name], given[name])
    factor = other.forcing.spread.rain
    assert factor.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(
        window["rain"].sum(axis=1), given["rain"].sum(axis=1) * factor, rtol=1e-9, atol=1e-12
    )
    listed = nature.ingredients(rur).set_index("ingredient")["amount"]
    wells = [b for b in other.model.boundaries if isinstance(b, Well)]
    assert listed["pumping wells"] == len(wells) > 0
    assert listed["pumped in all"] == pytest.approx(-sum(float(w.rate) for w in wells))
    deep = other.prior(np.random.default_rng(1), 1)["log10_Ks"].values[0, :, -1]
    inside = [np.std((deep - rur.ground.log10_Ks)[rur.ground.unit == u]) for u in (0, 3)]
    assert min(inside) > 0.15


def test_that_nature_without_differences_is_the_ensembles_own(rur, forcing):
    same = Nature(aquifer_sd=0.0, mine="0 m3/s", waterworks="0 m3/s", lai=1.0, stomata=1.0,
                  rain_sd=0.0, warmth_sd="0 K", missed=0.0).of(rur)  # fmt: skip
    assert same.boundaries == ()
    for name, values in same.forcing.between(START, NEXT).values.items():
        np.testing.assert_allclose(values, forcing.between(START, NEXT)[name], rtol=1e-12)
    one, other = (each.prior(np.random.default_rng(4), 1) for each in (rur, same))
    assert one.identical(other)


def test_that_nature_has_other_leaves_where_there_are_any(rur):
    leafy = replace(rur, surface=None)
    assert isinstance(leafy.model.surface, LandSurface)
    changed = Nature(lai=0.5, stomata=2.0).of(leafy).model.surface.plants[0]
    plant = leafy.model.surface.plants[0]
    np.testing.assert_allclose(changed.leaves.lai, 0.5 * np.array(plant.leaves.lai))
    assert changed.slope == 2.0 * plant.slope


def test_that_what_rosetta_misses_changes_the_porosity_of_soils_alone(rur):
    draws = [
        drawn_soils(rur.ground, rur.terrain, SoilNoise(porosity_sd=sd), np.random.default_rng(3))
        for sd in (0.0, 0.06)
    ]
    one, other = (soils.values for soils in draws)
    moved = other["theta_s"] - one["theta_s"]
    assert 0.02 < moved[:, :SOIL_LAYERS].std() < 0.10
    np.testing.assert_array_equal(moved[:, SOIL_LAYERS:], 0.0)
    for name in ("log10_Ks", "alpha", "n", "theta_r"):
        np.testing.assert_array_equal(one[name], other[name])


# -------------------------------------------------------------------------------------- spin-up


def test_that_drains_carry_off_what_hooghoudt_says():
    drains, grid = Drains("2 m", "40 m", "2 m"), Grid((1, 3), "4 km", "4 km", ("1 m",) * 5)
    edges = drains.edges(grid)
    assert drains.factor == pytest.approx(8 * 2 / 40**2)
    assert edges.column.tolist() == [0, 1, 2]
    # At rest under a table at 2 m the centre of its layer, at 1.5 m, has the head -0.5 m.
    assert (edges.layer[0], edges.head[0]) == (1, pytest.approx(-0.5))
    assert OpenSurface().edges(grid).layer.tolist() == [0, 0, 0]


def test_that_levels_in_balance_pass_all_recharge_on_to_the_outlet():
    n, gain, k, dx = 6, 2e-9, 1e-5, 500.0
    grid = Grid((1, n), f"{dx} m", f"{dx} m", ("2 m",) * 50)
    ground, ks = np.full(n, 300.0), np.full((n, 50), k)
    surface = ground.copy()
    surface[0] = 240.0  # a stream 60 m below the plain
    level = steady_levels(grid, surface, ground, ks, np.full(n, gain))
    thick = np.minimum(level - 200.0, 100.0)
    passed = k * thick[1:] * np.diff(level) / dx**2
    np.testing.assert_allclose(passed, gain * np.arange(n - 1, 0, -1), rtol=2e-3)
    assert level[0] == 240.0


def test_that_no_level_in_balance_stands_above_the_ground():
    grid = Grid((3, 3), "500 m", "500 m", ("2 m",) * 10)
    ground = np.arange(9.0) * 5.0 + 100.0
    tight = np.full((9, 10), 1e-9)
    np.testing.assert_array_equal(
        steady_levels(grid, ground, ground, tight, np.full(9, 1e-8)), ground
    )


def test_that_recharge_goes_down_by_gravity_at_the_head_that_is_found():
    flow, k = np.array([1e-9, 1e-8, 5e-8]), np.full(3, 1e-6)
    alpha, n = np.array([1.0, 2.0, 3.0]), np.array([1.3, 1.6, 2.5])
    head = head_of_flow(flow, k, alpha, n)
    m = 1.0 - 1.0 / n
    s = (1.0 + (alpha * -head) ** n) ** -m
    found = k * np.sqrt(s) * (1.0 - (1.0 - s ** (1.0 / m)) ** m) ** 2
    np.testing.assert_allclose(found, flow, rtol=1e-6)
    # Soil that cannot pass it on is nearly full.
    assert head_of_flow(np.array([1e-5]), k[:1], alpha[:1], n[:1])[0] > -0.5


def test_that_mean_recharge_is_what_rain_leaves(rur):
    recharge = mean_recharge(rur) * 1000 * 86400 * 365.25
    x, y = rur.terrain.places
    assert recharge.shape == x.shape
    assert 0.0 < recharge.min() < recharge.max() < 1000.0
    south = y < 5610e3
    assert recharge[south].mean() > 2.0 * recharge[y > 5640e3].mean()


@pytest.mark.parametrize(
    "tolerance, ended, years", [("1 m", BALANCED, sum(LENGTHS[:4])), ("1e-9 mm", BOUNDED, 2.0)]
)
def test_that_the_ground_is_spun_up_until_balanced_or_out_of_years(rur, tolerance, ended, years):
    _, found = SpinUp(years=2.0, repeats=0, tolerance=tolerance).of(rur, [0])
    (balance,) = found
    assert (balance.phase, balance.ended, balance.member) == ("ground", ended, "0")
    assert balance.years == pytest.approx(years)
    assert 0.0 < balance.change < 20.0


def test_that_a_spin_up_is_kept_and_read_again(rur, tmp_path):
    short = SpinUp(years=0.03, repeats=2, lead="1 D")
    data, found = short.of(rur, [0, 1], tmp_path)
    again, told = short.of(rur, [0, 1], tmp_path)
    assert told == found
    assert len(list(tmp_path.iterdir())) == 1
    for name in data:
        np.testing.assert_array_equal(data[name].values, again[name].values)
    assert [b.phase for b in found] == ["ground", "ground", "coupled", "coupled"]
    assert found[2].years == pytest.approx(2 / 365.25)
    table = balance_table(found)
    assert table["members"].tolist() == [2, 2]
    # A member does not depend on the others.
    alone, _ = short.of(rur, [1])
    np.testing.assert_array_equal(alone["h"].values[0], data["h"].values[1])


def test_that_the_key_of_a_spin_up_knows_what_it_depends_on(rur):
    short = SpinUp(years=1.0, repeats=1, lead="1 D")
    key = short.key(rur, [0, 1])
    others = [
        short.key(rur, [0, 2]),
        SpinUp(years=2.0, repeats=1, lead="1 D").key(rur, [0, 1]),
        *(short.key(replace(rur, **change), [0, 1]) for change in (
            {"seed": 2}, {"place": 2}, {"soils": SoilNoise(shift=0.4)}, {"noise": None},
            {"period": ("2016-06-03", "2016-06-05")}, {"boundaries": (Drains(),)},
            {"surface": EvaporatingSurface(covered=0.5)},
        )),
    ]  # fmt: skip
    assert len({key, *others}) == 1 + len(others)
    same = replace(rur, updates=(), members=5, assimilate_until="2016-06-01T12:00")
    assert short.key(same, [0, 1]) == key


def test_that_a_spin_up_key_changes_with_the_code(rur, monkeypatch):
    short = SpinUp(years=1.0, repeats=1, lead="1 D")
    before = short.key(rur, [0])
    monkeypatch.setattr("hydroda.catchments.rur.spinup.code", lambda *_: "other code")
    assert short.key(rur, [0]) != before
