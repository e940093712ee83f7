import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydroda.transforms import Identity, Log10, Logit


@pytest.mark.parametrize("transform", [Identity(), Log10(), Logit(0.05, 0.45)])
@given(fraction=st.floats(0.001, 0.999))
def test_that_the_inverse_undoes_the_transform(transform, fraction):
    value = np.array([0.05 + 0.4 * fraction])
    assert transform.inverse(transform.forward(value)) == pytest.approx(value, rel=1e-12)


def test_that_log10_is_the_decimal_logarithm():
    assert Log10().forward(np.array([1e-6])) == pytest.approx(-6)


def test_that_logit_never_leaves_its_bounds():
    values = Logit(0.05, 0.45).inverse(np.array([-800.0, 0.0, 30.0]))
    assert values.min() >= 0.05 and values.max() <= 0.45
