import numpy as np
import pytest

from hydroda.errors import DeclarationError
from hydroda.forcing.generator import MONGOLIAN_STEPPE, Climate, WeatherGenerator
from hydroda.rng import Streams

LATITUDE, LONGITUDE = np.array([46.0, 46.1, 46.5]), np.array([106.2, 106.2, 107.0])
HEIGHT = np.array([1400.0, 1400.0, 1300.0])
YEARS = 8


def made(seed=1, years=1, **options):
    period = "2001-01-01", f"{2001 + years}-01-01"
    generator = WeatherGenerator(**options)
    return generator.forcing(LATITUDE, LONGITUDE, HEIGHT, period, Streams(seed)).data


@pytest.fixture(scope="module")
def long_record():
    return made(years=YEARS)


def by_month(series):
    return series.groupby("time.month").mean().values


def test_that_a_long_record_has_the_normals_of_its_climate(long_record):
    rain = long_record["rain"].mean("column")
    yearly = float(rain.sum()) / YEARS
    # The scatter of a year is a fifth; that of the mean of eight some 8 %.
    assert yearly == pytest.approx(sum(MONGOLIAN_STEPPE.rain), rel=0.2)
    summer = rain.where(rain["time.month"].isin([6, 7, 8]), drop=True)
    assert float(summer.sum()) / YEARS == pytest.approx(106.0, rel=0.25)
    warmth = by_month(long_record["air_temperature"][:, 0]) - 273.15
    assert np.abs(warmth - MONGOLIAN_STEPPE.temperature).max() < 2.5
    assert np.corrcoef(warmth, MONGOLIAN_STEPPE.temperature)[0, 1] > 0.99


def test_that_days_are_bright_and_warm_and_nights_neither(long_record):
    day = long_record.isel(column=0).sel(time="2001-07")
    hour = (day["time.hour"] + LONGITUDE[0] / 15) % 24
    night, noon = (hour > 23) | (hour < 3), (hour > 11) & (hour < 14)
    assert float(day["shortwave"].where(night).max()) == 0.0
    assert float(day["shortwave"].where(noon).mean()) > 500
    swing = day["air_temperature"].where(noon).mean() - day["air_temperature"].where(night).mean()
    assert 5 < float(swing) < 14


def test_that_near_columns_share_more_showers_than_far_ones(long_record):
    wet = long_record["rain"].resample(time="1D").sum().values > 0
    near, far = np.mean(wet[:, 0] & ~wet[:, 1]), np.mean(wet[:, 0] & ~wet[:, 2])
    assert 0 < near < 0.7 * far


def test_that_it_is_colder_at_height_by_the_lapse_rate(long_record):
    mean = long_record["air_temperature"].mean("time")
    assert float(mean[2] - mean[0]) == pytest.approx(0.65, abs=0.1)


def test_that_the_seed_and_nothing_else_decides():
    assert made(seed=3).identical(made(seed=3))
    assert not made(seed=3)["rain"].equals(made(seed=4)["rain"])


def test_that_a_climate_has_twelve_months_and_dry_days():
    normals = {name: getattr(MONGOLIAN_STEPPE, name) for name in ("temperature", "rain", "wind")}
    others = {"daily_range": (10,) * 12, "vapour": (5,) * 12, "cloud": (0.4,) * 12}
    with pytest.raises(DeclarationError, match="rainy_days needs 12 months; got 2"):
        Climate(**normals, **others, rainy_days=(3, 4), elevation=0.0)
    with pytest.raises(DeclarationError, match="leave a tenth of each month dry"):
        Climate(**normals, **others, rainy_days=(31,) * 12, elevation=0.0)
