from dataclasses import replace

import pytest

from hydroda.catchments.bondville import FROZEN, Bondville
from hydroda.errors import DeclarationError
from hydroda.verification import correlation


@pytest.fixture(scope="module")
def site(shared):
    return replace(Bondville(), data=str(shared("data/bondville")))


def test_that_the_missing_data_are_asked_for():
    with pytest.raises(DeclarationError, match="bondville needs its data: --data FOLDER"):
        Bondville().read_network()


def test_that_only_the_upper_probe_may_be_assimilated(site):
    network = site.read_network()
    assert network.assimilated.stations == ("probe 5 cm",)
    assert set(network.validation.stations) == {"probe 20 cm", "probe 60 cm", "tower"}


def test_that_moisture_of_frozen_ground_is_flagged(site):
    table = site.read_network().table
    flags = table[table["station"] == "probe 5 cm"].set_index("time")["flag"]
    assert (flags["1998-01-10":"1998-01-15"] == FROZEN).all()
    assert (flags["1998-06"] == "").all()


def test_that_noah_scores_as_its_readme_says_beside_our_runs(site):
    result = replace(site, members=4, period=("1998-01-02T06:00", "1998-12-31T06:00")).open_loop()
    scores = result.scores().query("run == 'Noah 2.7.1' and group == 'all'")
    noah = scores.set_index(["variable", "score"])["value"].to_dict()
    assert noah["evapotranspiration (withheld)", "correlation"] == pytest.approx(0.92, abs=0.005)
    assert noah["evapotranspiration (withheld)", "bias"] == pytest.approx(0.34, abs=0.01)
    # The README counts the frozen days, on which the probe reads the liquid water only.
    probe = result.series()["soil_moisture"]
    every_day = probe["observed"].fillna(probe["refused"])
    r = correlation(site.beside()["Noah 2.7.1"]["soil_moisture"], every_day)
    assert float(r) == pytest.approx(0.61, abs=0.01)
    assert noah["soil_moisture", "correlation"] > 0.7
