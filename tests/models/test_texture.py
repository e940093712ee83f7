import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydroda.errors import DeclarationError
from hydroda.models.retention import rosetta
from hydroda.models.texture import CLASSES, Cosby, CosbyClasses, Rosetta, texture_class

# Sand and clay [%] of the centres of the classes (Cosby et al. 1984, Table 2), and Noah's numbers
# of the class: b, porosity, air entry [m], K_s [m s-1].
CENTRES = {
    "sand": (92, 3, 2.79, 0.339, 0.069, 4.66e-5),
    "loamy sand": (82, 6, 4.26, 0.421, 0.036, 1.41e-5),
    "sandy loam": (58, 10, 4.74, 0.434, 0.141, 5.23e-6),
    "silt loam": (17, 13, 5.33, 0.476, 0.759, 2.81e-6),
    "loam": (43, 18, 5.25, 0.439, 0.355, 3.38e-6),
    "sandy clay loam": (58, 27, 6.77, 0.404, 0.135, 4.45e-6),
    "silty clay loam": (10, 34, 8.72, 0.464, 0.617, 2.03e-6),
    "clay loam": (32, 34, 8.17, 0.465, 0.263, 2.45e-6),
    "sandy clay": (52, 42, 10.73, 0.406, 0.098, 7.22e-6),
    "silty clay": (6, 47, 10.39, 0.468, 0.324, 1.34e-6),
    "clay": (22, 58, 11.55, 0.468, 0.468, 9.74e-7),
}


@pytest.mark.parametrize("name", CENTRES)
def test_that_a_class_has_the_published_means(name):
    sand, clay, b, porosity, entry, conductivity = CENTRES[name]
    assert texture_class(sand, clay) == name
    soil = CosbyClasses().soil(sand, clay)
    assert float(soil.b) == b
    assert float(soil.theta_s) == pytest.approx(porosity, abs=1e-9)
    assert -float(soil.entry_head) == pytest.approx(entry, abs=6e-4)
    assert float(soil.Ks) == pytest.approx(conductivity, rel=5e-3)


def test_that_the_regressions_have_the_values_of_a_loam():
    """CLM's form at 43 % sand and 18 % clay, by hand."""
    soil = Cosby().soil(43.0, 18.0)
    assert float(soil.theta_s) == pytest.approx(0.43482)
    assert float(soil.b) == pytest.approx(5.772)
    assert float(soil.entry_head) == pytest.approx(-0.20735, rel=1e-4)
    assert float(soil.Ks) == pytest.approx(4.1921e-6, rel=1e-4)


def test_that_the_regressions_go_through_the_class_means():
    """They were drawn through them: b to 2, porosity to 0.05."""
    for sand, clay, b, porosity, *_ in CENTRES.values():
        soil = Cosby().soil(sand, clay)
        assert float(soil.b) == pytest.approx(b, abs=2.2)
        assert float(soil.theta_s) == pytest.approx(porosity, abs=0.055)


@given(st.floats(0.0, 100.0), st.floats(0.0, 1.0))
def test_that_every_texture_has_a_class(sand, part):
    assert str(texture_class(sand, part * (100.0 - sand))) in CLASSES


def test_that_shapes_broadcast_and_rosetta_is_rosetta():
    sand, clay = np.array([[43.0], [60.0]]), np.array([18.0, 10.0, 25.0])
    for texture in (Cosby(), CosbyClasses(), Rosetta()):
        soil = texture.soil(sand, clay)
        assert np.shape(soil.theta(-1.0)) == (2, 3)
    loam = rosetta(43.0, 39.0, 18.0)
    assert Rosetta().soil(43.0, 18.0) == loam
    assert Rosetta().soil("43 %", "18 %") == loam


def test_that_more_than_all_is_refused():
    with pytest.raises(DeclarationError, match="at most 100 %; got 70 and 40 %"):
        Cosby().soil(70.0, 40.0)
