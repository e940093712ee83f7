"""Members of PDAF and of a plain NumPy EnKF, for one and the same prior."""

import numpy as np
import pytest

from hydroda.filters import ETKF, LETKF, EnKF
from hydroda.localization import GaspariCohn


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        (lambda taper: LETKF(taper), "letkf"),
        (lambda taper: ETKF(), "etkf"),
        (lambda taper: LETKF(), "etkf"),
        (lambda taper: EnKF(taper), "lenkf"),
    ],
    ids=["LETKF", "ETKF", "LETKF without localization", "EnKF"],
)
def test_that_every_member_is_that_of_the_reference(oracle, scheme, name):
    arrays, problem = oracle
    cutoff = GaspariCohn(cutoff=f"{float(arrays['taper_cutoff'])} m")
    analysis = scheme(cutoff).analyse(problem)
    np.testing.assert_allclose(analysis.x.T, arrays[f"analysis_{name}"], rtol=0, atol=1e-12)
