import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DeclarationError
from hydroda.models.base import Budget, no_water, steps_between

START = np.datetime64("2016-01-01", "ns")


def test_that_the_net_of_a_budget_adds_gains_and_takes_losses():
    forecast = xr.Dataset(
        {name: (("member", "column"), [[value]]) for name, value in
         {"water": 9.0, "rain": 5.0, "runoff": 1.0, "drainage": 0.5}.items()}
    )  # fmt: skip
    assert Budget("water", ("rain",), ("runoff", "drainage")).net(forecast).item() == 3.5
    assert Budget("water", (), ()).net(forecast).item() == 0.0


def test_that_steps_are_counted_and_must_fit():
    hour = np.timedelta64(1, "h")
    assert steps_between(START, START + 24 * hour, 6 * hour) == 4
    with pytest.raises(DeclarationError, match="no whole number of model steps"):
        steps_between(START, START + 25 * hour, 6 * hour)


def test_that_no_water_has_the_shape_of_the_columns():
    ensemble = xr.Dataset({"u": (("member", "column"), np.ones((3, 2)))})
    assert no_water(ensemble).shape == (3, 2)
    assert not no_water(ensemble).any()
