"""The land surface through a year at Little Washita beside ParFlow-CLM, under its soil moisture.

ParFlow v3.15 with CLM, one column of grass, hourly from 1998-09-01 (reference/parflow/README.md).
Its sun is not that of its shortwave: the file peaks at 23 UTC, its sun at 18 UTC, and CLM reflects
all light while its own sun is down. So the light that it could absorb is what our surface gets. Its
moisture is prescribed: retention with n = 3 and conductivity with n = 2 is no soil of ours, and its
column loses some 830 mm that its description does not name. What we find: H R 0.978 and RMSE 18,
LE 0.960 and 12, net outgoing longwave RMSE 7.1 W m-2 (our surface is 0.5 K colder), ET +7 %, 0.7 K
at 1 m. With the 1 m layer at the bottom, which its t_soil lacks, it would be 1.7 K there.
"""

import numpy as np
import pytest

from hydroda.studies.verification import land
from hydroda.studies.verification.checks import Setting


@pytest.fixture(scope="module")
def year(shared):
    """Ours and theirs by hour, by the names of ParFlow-CLM."""
    return land.simulate(Setting(small=False, reference=shared("reference/parflow")))


def agreement(ours, theirs, skip=24):
    """R, RMSE and bias after the first day."""
    error = (ours - theirs)[skip:]
    r = np.corrcoef(ours[skip:], theirs[skip:])[0, 1]
    return r, np.sqrt((error**2).mean()), error.mean()


def test_that_hourly_heat_agrees(year):
    for column, name in ((land.SENSIBLE, "eflx_sh_tot"), (land.LATENT, "eflx_lh_tot")):
        r, rmse, _ = agreement(year.ours[:, column], year.theirs[name])
        assert r >= 0.95 and rmse < 30.0, (name, r, rmse)


def test_that_net_outgoing_longwave_agrees(year):
    _, rmse, bias = agreement(
        year.ours[:, land.OUTGOING], year.theirs["eflx_lwrad_out"] - year.longwave
    )
    assert rmse < 8.0, (rmse, bias)


def test_that_the_yearly_evapotranspiration_agrees(year):
    assert year.ours[:, land.VAPOUR].sum() == pytest.approx(
        3600.0 * year.theirs["qflx_evap_tot"].sum(), rel=0.1
    )


def test_that_the_soil_at_a_metre_is_as_warm(year):
    r, rmse, bias = agreement(year.ours[:, land.WARMTH + land.METRE], year.warmth[:, land.METRE])
    assert rmse < 1.5, (r, rmse, bias)
