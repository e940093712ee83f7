from dataclasses import replace

import numpy as np
import pytest

from hydroda.catchments.bondville import Bondville
from hydroda.errors import DeclarationError


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


def test_that_frost_is_assimilated_as_other_days(site):
    table = site.read_network().table
    flags = table[table["station"] == "probe 5 cm"].set_index("time")["flag"]
    assert (flags["1998-01-10":"1998-01-15"] == "").all()


def test_that_members_start_wet_cool_and_with_soils_of_their_own(site):
    prior = site.prior(np.random.default_rng(1), 3)
    assert np.isfinite(prior["theta"]).all() and (prior["log10_Ks"].std("member") > 0.1).all()
    total = prior["theta"] + prior["ice"]
    assert ((total > 0.2) & (total < 0.5)).all()
    top, deep = prior["temperature"].isel(layer=0), prior["temperature"].isel(layer=7)
    assert (top < 280.0).all() and (deep > top + 3.0).all()


def test_that_noah_scores_as_its_readme_says_beside_our_runs(site):
    result = replace(site, members=4, period=("1998-01-02T06:00", "1998-12-31T06:00")).open_loop()
    scores = result.scores().query("run == 'Noah 2.7.1' and group == 'all'")
    noah = scores.set_index(["variable", "score"])["value"].to_dict()
    assert noah["evapotranspiration (withheld)", "correlation"] == pytest.approx(0.92, abs=0.005)
    assert noah["evapotranspiration (withheld)", "bias"] == pytest.approx(0.34, abs=0.01)
    assert noah["soil_moisture", "correlation"] == pytest.approx(0.61, abs=0.01)
