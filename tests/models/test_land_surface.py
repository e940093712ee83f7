"""The land surface on top of three-dimensional flow."""

from dataclasses import replace

import numba
import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.forcing import ForcingWindow
from hydroda.models.boundaries import GravityDrainage
from hydroda.models.grid import Grid
from hydroda.models.kernels.column import VAPORISATION
from hydroda.models.land import FreeDrainage
from hydroda.models.land_column import LandColumn
from hydroda.models.land_surface import LandSurface
from hydroda.models.plants import clm4
from hydroda.models.retention import VanGenuchten
from hydroda.models.runoff import NoRunoff
from hydroda.models.terrestrial import Still, TerrestrialSystem

HOUR = np.timedelta64(3600 * 10**9, "ns")
THICKNESS = np.array([0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
SOIL = VanGenuchten("0.05 m3/m3", "0.43 m3/m3", "2 1/m", 1.5, "20 cm/day")
PLACE = {
    "latitude": "50 degree",
    "longitude": "6 degree",
    "plants": (clm4("c3 grass"), clm4("needleleaf evergreen temperate tree")),
    "sand": "40 percent",
    "clay": "20 percent",
}


def metres(values):
    return tuple(f"{value} m" for value in values)


def weather(days, warmth, start, rain=2.0, seed=1):
    """Hours with showers in one of twenty, sun, and air about `warmth` [K]."""
    rng = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    daylight = np.maximum(np.sin(2.0 * np.pi * ((hours % 24) - 6) / 24), 0.0)
    showers = np.where(rng.random(hours.size) < 0.05, rng.exponential(rain, hours.size), 0.0)
    values = {
        "rain": showers,
        "shortwave": 600.0 * daylight,
        "longwave": np.full(hours.size, 5.67e-8 * 0.8 * warmth**4),
        "air_temperature": warmth + 6.0 * daylight - 3.0,
        "relative_humidity": np.full(hours.size, 0.6),
        "wind_speed": np.full(hours.size, 2.5),
        "pressure": np.full(hours.size, 1e5),
    }
    times = np.datetime64(start, "ns") + hours * HOUR
    return ForcingWindow(times, 3600.0, {name: value[None] for name, value in values.items()})


def through(model, ensemble, window):
    return model.forecast(ensemble, window, window.times[0], window.times[-1] + HOUR)


def hillslope(**options):
    """Six columns down to a stream, 14 layers, ten of them the land's."""
    thickness = metres([*THICKNESS, 0.7, 1.0, 1.5, 2.0])
    grid = Grid((1, 6), "20 m", "20 m", thickness, slope_x=0.05)
    return TerrestrialSystem(grid, SOIL, LandSurface(**PLACE), **options)


def start(model, warmth, members=1, table=2.5):
    h = np.broadcast_to(table * -1.0 + model.z, (members, model.grid.columns, model.z.size))
    plant = np.arange(model.grid.columns) % 2
    spread = np.linspace(0.0, 0.3, members)[:, None, None]
    return model.dataset(h=h - spread, temperature=warmth, plant=plant)


SEASONS = {
    "summer": (295.0, "2001-07-01"),
    "spring": (283.0, "2001-04-01"),
    "frost": (268.0, "2001-01-10"),
}


@pytest.fixture(scope="module", params=SEASONS)
def season(request):
    """A hillslope before and after a fortnight of a season."""
    warmth, day = SEASONS[request.param]
    model, window = hillslope(), weather(14, warmth, day, rain=4.0)
    before = start(model, f"{warmth + 1.0} K")
    return model, before, through(model, before, window), window


def test_that_water_closes_in_every_column_of_a_slope(season):
    model, before, after, window = season
    assert "failures" not in after.attrs
    gained = after["water"] - before["water"] - model.budget.net(after)
    assert np.abs(gained.values).max() < 1e-6
    assert np.abs(after["budget_error"].values).max() < 1e-6
    np.testing.assert_allclose(after["rain"].values, window.values["rain"].sum(), rtol=1e-12)
    np.testing.assert_allclose(model.water(after).values, after["water"].values, rtol=1e-13)


def test_that_energy_closes_in_every_step(season):
    _, _, after, window = season
    assert after["energy_error"].values.max() < 1e-3
    liquid = (after["evaporation"] + after["transpiration"] - after["sublimation"]).values
    latent = after["latent_heat"].values * window.times.size * 3600.0
    # What was ice takes the heat of fusion too.
    np.testing.assert_array_less(VAPORISATION * liquid - 1.0, latent + 1.0)


def test_that_frost_makes_ice_that_thaws_again_without_loss_of_water():
    model = hillslope()
    cold, warm = (
        weather(10, 262.0, "2001-01-10", rain=0.0),
        weather(20, 290.0, "2001-03-20", rain=0.0),
    )
    frozen = through(model, start(model, "274 K"), cold)
    assert (frozen["ice"].values[..., 0] > 0.1).all()
    thawed = through(model, frozen, warm)
    assert (thawed["ice"].values[..., 0] == 0.0).all()
    for state in (frozen, thawed):
        assert np.abs(state["budget_error"].values).max() < 1e-6


def test_that_frozen_ground_lets_less_water_in():
    model = hillslope(overland=Still())
    window = weather(1, 272.0, "2001-02-01", rain=0.0)
    rainy = replace(window, values=window.values | {"rain": np.full((1, 24), 1.0)})
    rainy = replace(rainy, values=rainy.values | {"air_temperature": np.full((1, 24), 276.0)})
    soaked = 0.42 * np.ones((1, 6, model.z.size))
    ponds = [
        through(model, model.dataset(theta=soaked, temperature=warmth), rainy)["pond"].values.mean()
        for warmth in ("268 K", "278 K")
    ]
    assert ponds[0] > ponds[1] + 1.0


@pytest.mark.parametrize("name", ["summer", "spring"])
def test_that_a_lone_column_is_the_land_column(name):
    """The same parts over the same soil: fluxes agree as far as the solvers of water do."""
    warmth, day = SEASONS[name]
    window = weather(20, warmth, day)
    z = np.cumsum(THICKNESS) - 0.5 * THICKNESS
    column = LandColumn(
        **PLACE,
        soil=SOIL,
        thickness=metres(THICKNESS),
        depths=metres(z),
        runoff=NoRunoff(),
        bottom=FreeDrainage(),
    )
    grid = Grid((1, 1), "100 m", "100 m", metres(THICKNESS))
    system = TerrestrialSystem(
        grid, SOIL, LandSurface(**PLACE), overland=Still(), boundaries=(GravityDrainage(),)
    )
    theta = np.full((1, 1, 10), 0.3)
    begun = [model.dataset(theta=theta, temperature=f"{warmth} K") for model in (column, system)]
    alone, under = (through(m, e, window) for m, e in zip((column, system), begun, strict=True))
    for flux in ("net_radiation", "sensible_heat", "latent_heat"):
        np.testing.assert_allclose(under[flux].values, alone[flux].values, atol=0.5, rtol=0.01)
    evaporated = (under["evaporation"] + under["transpiration"]).values
    np.testing.assert_allclose(evaporated, alone["evapotranspiration"].values, rtol=0.01)
    np.testing.assert_allclose(under["temperature"].values, alone["temperature"].values, atol=0.05)
    np.testing.assert_allclose(under["theta"].values, alone["theta"].values, atol=0.003)
    np.testing.assert_allclose(under["water"].values, alone["water"].values, rtol=0.002)


def test_that_two_threads_give_the_bits_of_one():
    model, window = hillslope(), weather(3, 283.0, "2001-04-01")
    before = start(model, "280 K", members=3)
    threads = numba.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
            found.append(through(model, before, window))
    finally:
        numba.set_num_threads(threads)
    xr.testing.assert_identical(found[0].drop_attrs(), found[1].drop_attrs())


def test_that_members_do_not_know_each_other():
    model, window = hillslope(), weather(2, 283.0, "2001-04-01")
    together = start(model, "280 K", members=3)
    after = through(model, together, window)
    alone = through(model, together.isel(member=[1]), window)
    for name in ("h", "temperature", "canopy_water", "latent_heat"):
        np.testing.assert_array_equal(after[name].values[1], alone[name].values[0])


def test_that_a_dry_slope_gives_no_more_than_it_has():
    model = hillslope()
    h = np.full((1, 6, model.z.size), -140.0)
    before = model.dataset(h=h, temperature="300 K")
    after = through(model, before, weather(20, 303.0, "2001-07-01", rain=0.0))
    assert "failures" not in after.attrs
    assert (after["h"].values > -1001.0).all()
    assert after["transpiration"].values.max() < 2.0
    assert np.abs(after["budget_error"].values).max() < 1e-6
    assert after["energy_error"].values.max() < 1e-3


def test_that_an_analysis_of_ice_snow_and_moisture_is_put_in_order(season):
    model, _, after, _ = season
    changed = ("theta", "ice", "snow", "canopy_water")
    n = after["ice"].shape[-1]
    rng = np.random.default_rng(3)
    analysed = after.assign(
        theta=after["theta"] + 0.02 * rng.normal(size=after["theta"].shape),
        ice=after["ice"] + 0.05 * rng.normal(size=after["ice"].shape),
        snow=after["snow"] - 1.0,
        canopy_water=after["canopy_water"] - 0.1,
    )
    ordered, added = model.reconcile(analysed, changed)
    gain = model.water(ordered) - model.water(analysed)
    # Water under a pressure that the analysis took away was not cut; nothing else differs.
    free = analysed["h"].copy(deep=True)
    free[..., 1:] = np.minimum(free[..., 1:], 0.0)
    pressed = model.water(analysed) - model.water(analysed.assign(h=free))
    freed = (added - gain).values
    assert (freed >= -1e-9).all()
    assert (freed <= pressed.values + 1e-9).all()
    assert (ordered["ice"].values >= 0.0).all() and (ordered["snow"].values >= 0.0).all()
    full = ordered["theta"].values[..., :n] + ordered["ice"].values
    assert (full <= 0.43 + 1e-9).all()
    assert (ordered["temperature"].values[ordered["ice"].values > 0.0] <= 273.15).all()
    again = through(model, ordered, weather(1, 280.0, "2001-03-01"))
    assert np.abs(again["budget_error"].values).max() < 1e-6


def test_that_what_no_analysis_changed_stays_bit_for_bit(season):
    model, _, after, _ = season
    ordered, added = model.reconcile(after, ())
    assert (added.values == 0.0).all()
    for name in ("h", "theta", "ice", "snow"):
        np.testing.assert_array_equal(ordered[name].values, after[name].values)


def test_that_the_start_needs_a_temperature_and_the_forecast_weather():
    model = hillslope()
    with pytest.raises(DeclarationError, match="temperature="):
        model.dataset(h=np.full((1, 6, 14), -1.0))
    window = weather(1, 283.0, "2001-04-01")
    poor = replace(window, values={"rain": window.values["rain"]})
    with pytest.raises(DataError, match="needs forcing"):
        through(model, start(model, "280 K"), poor)


def test_that_land_layers_are_layers_where_they_are_all():
    model = hillslope()
    assert start(model, "280 K")["ice"].dims == ("member", "column", "land_layer")
    whole = replace(model, surface=replace(model.surface, layers=30))
    assert start(whole, "280 K")["ice"].dims == ("member", "column", "layer")
