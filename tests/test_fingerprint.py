from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.fingerprint import fingerprint
from hydroda.models import TerrestrialSystem
from hydroda.models.grid import Grid
from hydroda.models.retention import VanGenuchten

LONG = np.linspace(0.0, 1.0, 5000)


@dataclass(frozen=True, eq=False)
class Declared:
    values: object
    nap: float = field(default=0.0, repr=False)


def changed(array, at=2500):
    other = array.copy()
    other[at] += 1e-15
    return other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, changed(LONG)),
        (Declared(LONG), Declared(changed(LONG))),
        (LONG, LONG[None]),
        (np.zeros(2), np.zeros(2, dtype=np.int64)),
        ({"a": LONG}, {"b": LONG}),
        (("ab", "c"), ("a", "bc")),
        ((LONG, ()), ((LONG,),)),
        (xr.Dataset({"h": ("x", LONG)}), xr.Dataset({"h": ("x", changed(LONG))})),
        (xr.Dataset({"h": ("x", LONG)}), xr.Dataset({"h": ("y", LONG)})),
        (
            xr.Dataset({"h": ("x", LONG, {"units": "m"})}),
            xr.Dataset({"h": ("x", LONG, {"units": "mm"})}),
        ),
        (pd.DataFrame({"h": LONG}), pd.DataFrame({"h": changed(LONG)})),
        (pd.DataFrame({"h": LONG}), pd.DataFrame({"k": LONG})),
        (np.mean, np.median),
        (VanGenuchten, Grid),
    ],
)
def test_that_what_differs_has_another_fingerprint(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


def test_that_only_what_a_repr_shows_counts():
    assert fingerprint(Declared(1.0)) == fingerprint(replace(Declared(1.0), nap=3.0))


def test_that_order_within_a_set_and_addresses_do_not_count():
    names = [f"station {i}" for i in range(50)]
    assert fingerprint(set(names)) == fingerprint(set(names[::-1]))
    assert fingerprint(object()) == fingerprint(object())


def test_that_one_cell_in_the_middle_of_a_long_map_counts():
    heights = np.add.outer(np.zeros(40), np.linspace(0.0, 40.0, 60))
    lower = heights.copy()
    lower[20, 30] -= 0.01
    soil = VanGenuchten("0.08 m3/m3", "0.43 m3/m3", "3.6 1/m", 1.56, "0.25 m/day")
    one, other = (
        TerrestrialSystem(Grid((40, 60), "50 m", "50 m", ("1 m",), elevation=each), soil=soil)
        for each in (heights, lower)
    )
    assert repr(one) == repr(other)  # which is why no repr tells runs apart
    assert fingerprint(one) != fingerprint(other)
