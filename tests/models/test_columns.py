import numpy as np
import pytest

from hydroda.errors import DeclarationError, UnitError
from hydroda.models import CLM4Column, Grid, SoilColumn, TerrestrialSystem, clm4

SLOPE = TerrestrialSystem(Grid((1, 3), "5 m", "5 m", ("0.1 m",) * 4, slope_x=0.02))
COLUMN = SoilColumn(thickness=("0.1 m",) * 4)


@pytest.mark.parametrize("model", [SLOPE, COLUMN])
def test_that_an_ensemble_takes_amounts_with_their_units(model):
    ensemble = model.dataset(h=np.full((2, 4), -1.0), Ks="8.64 cm/day", alpha="0.02 1/cm")
    np.testing.assert_allclose(ensemble["log10_Ks"], -6.0)
    np.testing.assert_allclose(ensemble["alpha"], 2.0)


def test_that_land_columns_take_amounts_with_their_units():
    column = CLM4Column("40 degree", "0 degree", (clm4("c3 grass"),), sand="40 %", clay="20 %")
    ensemble = column.dataset(theta=np.full((1, 10), 0.3), Ks="8.64 cm/day", temperature="290 K")
    np.testing.assert_allclose(ensemble["log10_Ks"], -6.0)


@pytest.mark.parametrize("model", [SLOPE, COLUMN])
def test_that_wrong_units_and_unknown_names_are_told(model):
    h = np.full((1, 4), -1.0)
    with pytest.raises(UnitError, match="Ks must be convertible to 'm/s'; got 1 m"):
        model.dataset(h=h, Ks="1 m")
    with pytest.raises(DeclarationError, match="no variable 'nothing'"):
        model.dataset(h=h, nothing="1 m")
