import pytest

from hydroda.errors import DeclarationError, UnitError
from hydroda.models.kernels import snow
from hydroda.models.snowpack import Compaction, HedstromPomeroy, NiuYang, RoughCover, Snowpack


def test_that_the_defaults_are_those_of_the_kernels():
    chosen = Snowpack().kernel()
    assert chosen == snow.Pack(
        snow.NiuYang(), snow.AndersonDensity(), snow.Compaction(), 0.033, snow.Ageing()
    )


def test_that_the_choices_reach_the_kernels_in_si():
    pack = Snowpack(
        cover=RoughCover(),
        fresh=HedstromPomeroy(),
        compaction=Compaction(rate="0.02 1/hour", viscosity="36e5 kg s/m2"),
        holding=0.05,
    )
    chosen = pack.kernel()
    assert type(chosen.cover) is snow.RoughCover
    assert type(chosen.fresh) is snow.HedstromPomeroy
    assert chosen.compaction.rate == pytest.approx(0.02 / 3600.0)
    assert chosen.compaction.viscosity == 36e5 and chosen.holding == 0.05
    assert NiuYang("0.2 g/cm3").kernel().fresh == pytest.approx(200.0)


def test_that_what_does_not_fit_is_refused():
    with pytest.raises(DeclarationError, match="holding must lie in 0 to 1; got 3"):
        Snowpack(holding=3.0)
    with pytest.raises(DeclarationError, match="rate of Compaction must not be negative"):
        Compaction(rate="-1 1/s")
    with pytest.raises(UnitError, match="fresh"):
        NiuYang(fresh="100 mm")
