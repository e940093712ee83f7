import numpy as np
import pytest

from hydroda.errors import DeclarationError
from hydroda.models import soil_heat
from hydroda.models.kernels import heat
from hydroda.models.kernels.column import FREEZING
from hydroda.models.soil_heat import CoteKonrad, Skin, SoilHeat, SturmSnow, thermal


def test_that_the_nodes_and_layers_are_those_of_clm():
    # Table 6.1 of Oleson et al. 2010 (NCAR/TN-478+STR).
    z = [0.0071, 0.0279, 0.0623, 0.1189, 0.2122, 0.3661, 0.6198, 1.0380, 1.7276, 2.8646]
    dz = [0.0175, 0.0276, 0.0455, 0.0750, 0.1236, 0.2038, 0.3360, 0.5539, 0.9133, 1.1370]
    assert soil_heat.nodes() == pytest.approx(z, abs=6e-5)
    assert soil_heat.thickness(soil_heat.nodes()) == pytest.approx(dz, abs=6e-5)


def test_that_thermal_numbers_are_faroukis():
    numbers = thermal(60.0, 20.0, 0.4)
    assert numbers.solid == pytest.approx(0.6 * (2.128e6 * 60.0 + 2.385e6 * 20.0) / 80.0)
    solids = (8.80 * 60.0 + 2.92 * 20.0) / 80.0
    assert numbers.wet == pytest.approx(solids**0.6 * 0.6**0.4)
    assert np.exp(numbers.matrix) == pytest.approx(solids**0.6)
    assert numbers.dry == pytest.approx((0.135 * 1620.0 + 64.7) / (2700.0 - 0.947 * 1620.0))


def test_that_peat_conducts_and_stores_as_peat():
    numbers = thermal(60.0, 20.0, 0.9, organic=1.0)
    assert numbers.solid == pytest.approx(0.1 * 2.5e6)
    assert numbers.dry == pytest.approx(0.05)
    assert numbers.wet == pytest.approx(0.25**0.1 * 0.6**0.9)


def test_that_thermal_numbers_have_the_shape_of_their_soils():
    numbers = thermal(np.array([[20.0], [60.0]]), 20.0, np.array([0.4, 0.45, 0.5]))
    assert all(values.shape == (2, 3) for values in numbers)


def test_that_the_choices_reach_the_kernels():
    chosen = SoilHeat(CoteKonrad(3.55, 0.95), SturmSnow(), Skin(0.3), 0.5).kernel()
    assert chosen == (heat.CoteKonrad(3.55, 0.95), heat.Sturm(), heat.Skin(0.3), 0.5)
    assert type(chosen.snow) is heat.Sturm and type(chosen.kersten) is heat.CoteKonrad
    assert type(SoilHeat().kernel().kersten) is heat.Farouki


def test_that_snow_conducts_the_better_the_denser():
    density = np.linspace(20.0, 600.0, 30)
    for choice in (heat.Jordan(), heat.Sturm()):
        values = np.array([heat.of_snow(choice, rho) for rho in density])
        assert np.all(np.diff(values) > 0.0)
        assert 0.02 < values[0] < 0.06 and 0.6 < values[-1] < 1.3
    # Jordan 1991 at 300 kg m-3; Sturm et al. 1997, their Eq. 4.
    jordan = 0.023 + (7.75e-5 * 300.0 + 1.105e-6 * 9e4) * (2.29 - 0.023)
    assert heat.of_snow(heat.Jordan(), 300.0) == pytest.approx(jordan)
    assert heat.of_snow(heat.Sturm(), 300.0) == pytest.approx(0.138 - 0.303 + 0.29097)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: SoilHeat(implicit=0.3), "implicit must lie between 0.5 .* got 0.3"),
        (lambda: Skin(1.5), "Skin needs a share between 0 and 1; got 1.5"),
        (lambda: CoteKonrad(frozen=0.0), "frozen must be positive; got 0.0"),
        (lambda: thermal(80.0, 30.0, 0.4), "sum goes up to 110 %"),
        (lambda: thermal(0.0, 0.0, 0.4), "above 0 %"),
        (lambda: thermal(40.0, 30.0, 40.0), "porosity must lie in 0 to 1; got 40"),
        (lambda: thermal(40.0, 30.0, 0.4, organic=-0.1), "organic must lie in 0 to 1"),
        (lambda: soil_heat.thickness([0.2, 0.1]), "growing depths"),
    ],
)
def test_that_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(DeclarationError, match=message):
        wrong()


def test_that_a_skin_warms_faster_and_keeps_the_energy():
    from .test_kernels_heat import LOAM, column, ground, work

    z = soil_heat.nodes()
    dz = soil_heat.thickness(z)
    above = z - np.concatenate([[0.0], np.cumsum(dz)[:-1]])
    earth = ground(LOAM, dz, above=above)
    rises = []
    for top in (soil_heat.WholeLayer(), Skin()):
        conduction = SoilHeat(top=top).kernel()
        x, s = column(dz, FREEZING + 10.0, 0.3)
        before = heat.energy(conduction, earth, x, s)
        result = heat.solve(conduction, earth, x, s, 100.0, -10.0, 1800.0, work(x))
        gained = 1800.0 * (100.0 - 10.0 * result.rise)
        assert heat.energy(conduction, earth, x, s) - before == pytest.approx(gained, rel=1e-9)
        rises.append(result.rise)
    assert rises[1] > 1.1 * rises[0]
