"""Humidity, radiation and reference evapotranspiration from weather data.

Pure functions of numpy arrays that broadcast. Units are those of the forcing inside hydroda:
temperature [K], vapour and air pressure [Pa], humidity as a fraction [1], radiation [W m-2], wind
[m s-1]; water comes back in mm. Equation numbers are those of FAO-56: Allen, Pereira, Raes & Smith
(1998), Crop evapotranspiration, FAO Irrigation and Drainage Paper 56, ISBN 92-5-104219-5. Its
coefficients are per kPa, degC and MJ; they are converted here, once.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hydroda.errors import DeclarationError

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array  # numbers or arrays that broadcast against each other

FREEZING = 273.15  # [K]
STEFAN_BOLTZMANN = 4.903e-9 * 1e6 / 86400  # [W m-2 K-4], as FAO-56 rounds it
SOLAR_CONSTANT = 0.0820 * 1e6 / 60  # [W m-2], as FAO-56 rounds it
MJ_PER_DAY = 1e6 / 86400  # one MJ m-2 day-1 [W m-2]
LATENT_HEAT = 2.45e6  # [J kg-1]
VAPOUR_GAS_CONSTANT = 461.5  # [J kg-1 K-1]
INLAND, COASTAL = 0.16, 0.19  # k_Rs of Eq. 50 [K-0.5]
REFERENCE_ALBEDO = 0.23
REFERENCE_WIND = 2.0  # [m s-1] at 2 m, FAO-56 chapter 3, "Missing wind speed data"


# ----------------------------------------------------------------------------------------- humidity


def saturation_vapour_pressure(temperature: Values) -> Array:
    """Saturation vapour pressure over water [Pa] at a temperature [K] (FAO-56 Eq. 11)."""
    celsius = temperature - FREEZING
    return np.asarray(610.8 * np.exp(17.27 * celsius / (celsius + 237.3)))


def saturation_slope(temperature: Values) -> Array:
    """Slope of the saturation vapour pressure [Pa K-1] at a temperature [K] (FAO-56 Eq. 13)."""
    celsius = temperature - FREEZING
    return np.asarray(4098.0 * saturation_vapour_pressure(temperature) / (celsius + 237.3) ** 2)


def vapour_pressure(temperature: Values, relative_humidity: Values) -> Array:
    """Vapour pressure [Pa] from temperature [K] and relative humidity [1] (FAO-56 Eq. 54)."""
    return saturation_vapour_pressure(temperature) * relative_humidity


def specific_humidity(temperature: Values, relative_humidity: Values, pressure: Values) -> Array:
    """Specific humidity [kg kg-1] from temperature [K], relative humidity [1] and pressure [Pa]."""
    vapour = vapour_pressure(temperature, relative_humidity)
    return np.asarray(0.622 * vapour / (pressure - 0.378 * vapour))


def dew_point(vapour_pressure: Values) -> Array:
    """Temperature [K] at which a vapour pressure [Pa] saturates (inverse of FAO-56 Eq. 11)."""
    logarithm = np.log(vapour_pressure / 610.8)
    return np.asarray(237.3 * logarithm / (17.27 - logarithm) + FREEZING)


def absolute_humidity(temperature: Values, relative_humidity: Values) -> Array:
    """Absolute humidity [g m-3] from temperature [K] and relative humidity [1]."""
    pressure = vapour_pressure(temperature, relative_humidity)
    return np.asarray(1000 * pressure / (VAPOUR_GAS_CONSTANT * temperature))


def relative_humidity(temperature: Values, absolute_humidity: Values) -> Array:
    """Relative humidity [1] from temperature [K] and absolute humidity [g m-3]."""
    pressure = absolute_humidity * VAPOUR_GAS_CONSTANT * temperature / 1000
    return np.asarray(pressure / saturation_vapour_pressure(temperature))


# -------------------------------------------------------------------------------- pressure and wind


def pressure_at(elevation: Values) -> Array:
    """Air pressure [Pa] at an elevation [m] in a standard atmosphere (FAO-56 Eq. 7)."""
    return np.asarray(101300.0 * ((293 - 0.0065 * elevation) / 293) ** 5.26)


def psychrometric_constant(pressure: Values) -> Array:
    """Psychrometric constant [Pa K-1] at an air pressure [Pa] (FAO-56 Eq. 8)."""
    return np.asarray(0.665e-3 * pressure)


def wind_at_2m(wind_speed: Values, height: Values) -> Array:
    """Wind speed at 2 m [m s-1] from that at a height [m] over grass (FAO-56 Eq. 47)."""
    return wind_speed * 4.87 / np.log(67.8 * height - 5.42)


# ---------------------------------------------------------------------------------------- astronomy


def inverse_sun_distance(day_of_year: Values) -> Array:
    """Inverse relative distance of earth and sun [1] (FAO-56 Eq. 23)."""
    return np.asarray(1 + 0.033 * np.cos(2 * np.pi / 365 * day_of_year))


def solar_declination(day_of_year: Values) -> Array:
    """Solar declination [rad] (FAO-56 Eq. 24)."""
    return np.asarray(0.409 * np.sin(2 * np.pi / 365 * day_of_year - 1.39))


def sunset_hour_angle(latitude: Values, day_of_year: Values) -> Array:
    """Hour angle of sunset [rad] at a latitude [degree north] (FAO-56 Eq. 25).

    Zero in the polar night, pi in the polar day.
    """
    tangent = np.tan(np.deg2rad(latitude)) * np.tan(solar_declination(day_of_year))
    return np.asarray(np.arccos(np.clip(-tangent, -1, 1)))


def daylight_hours(latitude: Values, day_of_year: Values) -> Array:
    """Hours between sunrise and sunset [h] (FAO-56 Eq. 34)."""
    return np.asarray(24 / np.pi * sunset_hour_angle(latitude, day_of_year))


def daily_extraterrestrial_radiation(latitude: Values, day_of_year: Values) -> Array:
    """Radiation above the air on a plane, mean of a day [W m-2] (FAO-56 Eq. 21)."""
    sunset = sunset_hour_angle(latitude, day_of_year)
    return _sun_between(latitude, day_of_year, -sunset, sunset) / (2 * np.pi)


def extraterrestrial_radiation(
    start: NDArray[np.datetime64], step_seconds: float, latitude: Values, longitude: Values
) -> Array:
    """Mean radiation above the air [W m-2] over intervals of at most a day (FAO-56 Eq. 28 to 33).

    `start` datetime64 in UTC, labels of the start of each interval; longitude [degree east]. Eq. 28
    is integrated between sunrise and sunset only, so the intervals with either are exact and the 24
    hours of a day sum to Eq. 21. The day of the year is that of the interval's centre in local mean
    solar time.
    """
    day, turns = _daylight(start, step_seconds, latitude, longitude)
    energy = sum(_sun_between(latitude, day, first, last) for first, last in turns)
    return np.asarray(np.maximum(energy / (2 * np.pi * step_seconds / 86400), 0.0))


def cosine_of_zenith(
    start: NDArray[np.datetime64], step_seconds: float, latitude: Values, longitude: Values
) -> Array:
    """Cosine of the solar zenith angle, mean of the time that the sun is up [1]; 0 where it is not.

    `start` datetime64 in UTC, labels of the start of each interval of at most a day; longitude
    [degree east]. The mean over daylight keeps the sun of an hour with sunrise from standing too
    low (Hogan & Hirahara 2016, 10.1002/2015GL066868).
    """
    day, turns = _daylight(start, step_seconds, latitude, longitude)
    above = sum(_sun_between(latitude, day, first, last) for first, last in turns)
    above = above / (SOLAR_CONSTANT * inverse_sun_distance(day))
    light = sum(last - first for first, last in turns)
    lit = light > 1e-9
    return np.where(lit, np.maximum(above, 0.0) / np.where(lit, light, 1.0), 0.0)


def _daylight(
    start: NDArray[np.datetime64], step_seconds: float, latitude: Values, longitude: Values
) -> tuple[Array, list[tuple[Array, Array]]]:
    """Day of the year, and hour angles [rad] between which intervals have daylight."""
    if not 0 < step_seconds <= 86400:
        raise DeclarationError(f"step_seconds must be in (0, 86400] s; got {step_seconds}")
    to_middle = np.asarray(240 * longitude + step_seconds / 2)  # the sun turns a degree in 240 s
    day, hour = _solar_clock(start, to_middle)
    noon_angle = np.pi / 12 * (hour - 12)
    half = np.pi * step_seconds / 86400
    sunset = sunset_hour_angle(latitude, day)
    # where the sun stays up all day, an interval across midnight meets it on either side
    return day, [
        (
            np.clip(noon_angle - half + turn, -sunset, sunset),
            np.clip(noon_angle + half + turn, -sunset, sunset),
        )
        for turn in (-2 * np.pi, 0.0, 2 * np.pi)
    ]


def _sun_between(latitude: Values, day_of_year: Values, first: Values, last: Values) -> Array:
    """Radiation [W m-2 rad] integrated over an hour angle [rad]: the bracket of Eq. 21 and 28."""
    phi, declination = np.deg2rad(latitude), solar_declination(day_of_year)
    steady = (last - first) * np.sin(phi) * np.sin(declination)
    swing = np.cos(phi) * np.cos(declination) * (np.sin(last) - np.sin(first))
    return np.asarray(SOLAR_CONSTANT * inverse_sun_distance(day_of_year) * (steady + swing))


def _solar_clock(time: NDArray[np.datetime64], ahead_seconds: Array) -> tuple[Array, Array]:
    """Day of the year and true solar time [h], `ahead_seconds` of UTC (FAO-56 Eq. 31 to 33)."""
    local = time + (ahead_seconds * 1e9).astype("timedelta64[ns]")
    midnight = local.astype("datetime64[D]")
    day = (midnight - local.astype("datetime64[Y]")).astype("timedelta64[D]").astype(float) + 1
    angle = 2 * np.pi * (day - 81) / 364
    equation_of_time = 0.1645 * np.sin(2 * angle) - 0.1255 * np.cos(angle) - 0.025 * np.sin(angle)
    return day, (local - midnight) / np.timedelta64(3600 * 10**9, "ns") + equation_of_time


# ---------------------------------------------------------------------------------------- radiation


def clear_sky_shortwave(extraterrestrial: Values, elevation: Values = 0.0) -> Array:
    """Shortwave under a clear sky [W m-2] at an elevation [m] (FAO-56 Eq. 37)."""
    return np.asarray((0.75 + 2e-5 * elevation) * extraterrestrial)


def shortwave_from_sunshine(
    extraterrestrial: Values, relative_sunshine: Values, a: float = 0.25, b: float = 0.50
) -> Array:
    """Shortwave [W m-2] from the sunny fraction of the daylight (FAO-56 Eq. 35, Angstrom)."""
    return np.asarray((a + b * relative_sunshine) * extraterrestrial)


def shortwave_from_temperature_range(
    extraterrestrial: Values,
    maximum: Values,
    minimum: Values,
    elevation: Values = 0.0,
    coefficient: float = INLAND,
) -> Array:
    """Shortwave [W m-2] from the temperature range of a day [K] (FAO-56 Eq. 50, Hargreaves).

    `coefficient` is k_Rs: INLAND 0.16 or COASTAL 0.19 [K-0.5]. With the extraterrestrial radiation
    of an hour and the temperature range of its day this spreads the day's sum over the hours in
    proportion to it. Not above clear sky.
    """
    span = np.maximum(maximum - minimum, 0.0)
    estimate = coefficient * np.sqrt(span) * extraterrestrial
    return np.minimum(estimate, clear_sky_shortwave(extraterrestrial, elevation))


def incoming_longwave(
    temperature: Values, vapour_pressure: Values, clearness: Values = 1.0
) -> Array:
    """Longwave of the sky [W m-2] from temperature [K], vapour pressure [Pa], clearness Rs/Rso.

    Clear-sky emissivity of Brutsaert (1975), 10.1029/WR011i005p00742 [e in hPa, T in K], with the
    cloud fraction 1 - Rs/Rso radiating as a black body, Crawford & Duchon (1999),
    10.1175/1520-0450(1999)038<0474:AIPFEE>2.0.CO;2.
    """
    clear = 1.24 * (vapour_pressure / 100 / temperature) ** (1 / 7)
    cloud = 1 - np.clip(clearness, 0.0, 1.0)
    return np.asarray(
        (cloud + (1 - cloud) * np.minimum(clear, 1)) * STEFAN_BOLTZMANN * temperature**4
    )


def net_shortwave(shortwave: Values, albedo: Values = REFERENCE_ALBEDO) -> Array:
    """Absorbed shortwave [W m-2] (FAO-56 Eq. 38)."""
    return np.asarray((1 - albedo) * shortwave)


def net_longwave_loss(
    maximum: Values, minimum: Values, vapour_pressure: Values, clearness: Values
) -> Array:
    """Net outgoing longwave [W m-2] from the extreme temperatures [K] (FAO-56 Eq. 39).

    For an hour both temperatures are its mean. `vapour_pressure` [Pa], `clearness` Rs/Rso [1].
    """
    emission = STEFAN_BOLTZMANN * (maximum**4 + minimum**4) / 2
    humidity = 0.34 - 0.14 * np.sqrt(vapour_pressure / 1000)
    return np.asarray(emission * humidity * (1.35 * np.minimum(clearness, 1.0) - 0.35))


def net_longwave(longwave: Values, temperature: Values, emissivity: float = 0.98) -> Array:
    """Net incoming longwave [W m-2] of a surface [K] under a sky of known longwave [W m-2]."""
    return np.asarray(emissivity * (longwave - STEFAN_BOLTZMANN * temperature**4))


# ------------------------------------------------------------------------------- evapotranspiration


def reference_evapotranspiration(
    air_temperature: Values,
    relative_humidity: Values,
    wind_speed: Values,
    shortwave: Values,
    pressure: Values,
    step_seconds: float,
    *,
    longwave: Values | None = None,
    clearness: Values | None = None,
    albedo: Values = REFERENCE_ALBEDO,
    condensation: bool = False,
) -> Array:
    """Evapotranspiration of reference grass [mm per step] in steps of an hour (FAO-56 Eq. 53).

    Temperature [K], humidity [1], wind at 2 m [m s-1], shortwave [W m-2], pressure [Pa]. Net
    longwave comes from `longwave` [W m-2] where it is known, else from `clearness` Rs/Rso [1] by
    Eq. 39. The ground takes 0.1 of the net radiation by day and 0.5 by night (Eq. 45, 46). Dew is
    negative: it counts with `condensation`, else it is zero.
    """
    humidity = vapour_pressure(air_temperature, relative_humidity)
    if longwave is not None and clearness is None:
        sky = net_longwave(longwave, air_temperature)
    elif clearness is not None and longwave is None:
        sky = -net_longwave_loss(air_temperature, air_temperature, humidity, clearness)
    else:
        raise DeclarationError(
            "reference_evapotranspiration needs exactly one of "
            "longwave= [W m-2] and clearness= Rs/Rso [1]"
        )
    net = net_shortwave(shortwave, albedo) + sky
    available = np.where(np.greater(shortwave, 0), 0.9, 0.5) * net
    deficit = saturation_vapour_pressure(air_temperature) - humidity
    turbulence = 24 * 37 * wind_speed  # Eq. 53 rounds 900 / 24 to 37
    rate = _combination(air_temperature, available, deficit, turbulence, wind_speed, pressure)
    return (rate if condensation else np.maximum(rate, 0.0)) * (step_seconds / 86400)


def daily_reference_evapotranspiration(
    maximum: Values,
    minimum: Values,
    vapour_pressure: Values,
    wind_speed: Values,
    net_radiation: Values,
    pressure: Values,
    ground_heat: Values = 0.0,
) -> Array:
    """Evapotranspiration of reference grass [mm per day] (FAO-56 Eq. 6).

    Highest and lowest temperature [K], vapour pressure [Pa], wind at 2 m [m s-1], net radiation and
    ground heat [W m-2], air pressure [Pa].
    """
    mean = (maximum + minimum) / 2
    saturation = (saturation_vapour_pressure(maximum) + saturation_vapour_pressure(minimum)) / 2
    available = net_radiation - ground_heat
    return _combination(
        mean, available, saturation - vapour_pressure, 900 * wind_speed, wind_speed, pressure
    )


def _combination(
    temperature: Values,
    available: Values,
    deficit: Values,
    turbulence: Values,
    wind: Values,
    pressure: Values,
) -> Array:
    """FAO Penman-Monteith rate [mm per day] from energy [W m-2] and deficit [Pa] (Eq. 6, 53)."""
    slope, gamma = saturation_slope(temperature), psychrometric_constant(pressure)
    kelvin = temperature - FREEZING + 273  # FAO-56 rounds here
    radiative = slope * available * 86400 / LATENT_HEAT
    aerodynamic = gamma * turbulence / kelvin * deficit / 1000
    return np.asarray((radiative + aerodynamic) / (slope + gamma * (1 + 0.34 * wind)))
