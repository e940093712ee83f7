"""Weather that drives a model: checked series, their completion, their perturbation."""

from hydroda.forcing.completion import (
    Clip,
    CloudyLongwave,
    Completion,
    Constant,
    DewPointFromMinimum,
    Interpolate,
    Record,
    SameDayOfOtherYears,
    Site,
    StandardPressure,
    TemperatureRangeShortwave,
)
from hydroda.forcing.generator import MONGOLIAN_STEPPE, Climate, WeatherGenerator
from hydroda.forcing.noise import Additive, ForcingNoise, Multiplicative, PerturbedForcing
from hydroda.forcing.series import Forcing, ForcingWindow
from hydroda.forcing.weather import (
    METEOROLOGY,
    Label,
    Weather,
    weather_dataset,
    weather_file,
    weather_table,
)

__all__ = [
    "METEOROLOGY",
    "MONGOLIAN_STEPPE",
    "Additive",
    "Climate",
    "Clip",
    "CloudyLongwave",
    "Completion",
    "Constant",
    "DewPointFromMinimum",
    "Forcing",
    "ForcingNoise",
    "ForcingWindow",
    "Interpolate",
    "Label",
    "Multiplicative",
    "PerturbedForcing",
    "Record",
    "SameDayOfOtherYears",
    "Site",
    "StandardPressure",
    "TemperatureRangeShortwave",
    "Weather",
    "WeatherGenerator",
    "weather_dataset",
    "weather_file",
    "weather_table",
]
