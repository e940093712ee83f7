import numpy as np
import pytest
import xarray as xr

from hydroda.ensemble import Ensemble
from hydroda.errors import DeclarationError
from hydroda.zone import (
    Everywhere,
    Saturated,
    SaturatedInEachMember,
    SaturatedInEveryMember,
    Unsaturated,
)


@pytest.fixture
def ensemble():
    """Two members of two columns; the first column's tables stand at 0.5 and 1.5 m."""
    table = xr.DataArray([[0.5, np.nan], [1.5, 2.5]], dims=("member", "column"))
    data = xr.Dataset(
        {"water_table_depth": table}, coords={"depth": ("layer", [0.25, 1.0, 2.0, 3.0])}
    )
    return Ensemble(data, 2)


def test_that_the_saturated_zone_lies_under_the_shallowest_table(ensemble):
    # the member without a table counts as dry: the other one has the shallowest
    mask = Saturated().mask(ensemble)
    assert mask.dims == ("column", "layer")
    assert mask.values[0].tolist() == [False, True, True, True]
    assert mask.values[1].tolist() == [False, False, False, True]


def test_that_the_unsaturated_zone_is_the_rest(ensemble):
    assert np.array_equal(Unsaturated().mask(ensemble), ~Saturated().mask(ensemble))


def test_that_the_other_masks_follow_the_deepest_or_each_table(ensemble):
    assert SaturatedInEveryMember().mask(ensemble).values[0].tolist() == [False, False, True, True]
    each = SaturatedInEachMember().mask(ensemble)
    assert each.dims == ("member", "column", "layer")
    assert each.values[:, 0].tolist() == [[False, True, True, True], [False, False, True, True]]
    assert each.values[0, 1].tolist() == [False] * 4


def test_that_everywhere_is_everywhere(ensemble):
    assert bool(Everywhere().mask(ensemble).all())


def test_that_a_model_without_a_table_has_no_saturated_zone(ensemble):
    with pytest.raises(DeclarationError, match="water_table_depth"):
        Saturated().mask(ensemble.holding(ensemble.data.drop_vars("water_table_depth")))
