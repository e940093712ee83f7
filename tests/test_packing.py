from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from hydroda import packing
from hydroda.assimilation import Selection, _by_cell
from hydroda.ensemble import Ensemble
from hydroda.state import StateVector, Variable
from hydroda.transforms import Log10
from hydroda.zone import Everywhere, Zone


class Ground(StateVector):
    theta = Variable("m3 m-3", bounds=(0.0, 1.0))
    Ks = Variable("m s-1", transform=Log10(), bounds=(1e-9, 1e-3), role="parameter")
    snow = Variable("mm")
    datum = Variable("m", role="parameter", bounds=(-1.0, 1.0))


MEMBERS, COLUMNS, LAYERS = 5, 30, 7
NAMES = ("theta", "Ks", "snow", "datum")


def members():
    rng = np.random.default_rng(3)
    shape = (MEMBERS, COLUMNS, LAYERS)
    dims = ("member", "column", "layer")
    return xr.Dataset(
        {
            "theta": (dims, rng.uniform(0.1, 0.4, shape)),
            "Ks": (dims, 10.0 ** rng.normal(-6.0, 1.0, shape)),
            "snow": (dims[:2], rng.uniform(0.0, 9.0, shape[:2])),
            "datum": ("member", rng.normal(0.0, 0.1, MEMBERS)),
        },
        {"x": ("column", np.arange(COLUMNS)), "depth": ("layer", np.arange(LAYERS))},
    )


class Some(Zone):
    """Some cells; or others in each member."""

    def __init__(self, own):
        self.own = own

    def mask(self, ensemble):
        rng = np.random.default_rng(4)
        shape = (MEMBERS,) * self.own + (COLUMNS, LAYERS)
        dims = ("member",) * self.own + ("column", "layer")
        return xr.DataArray(rng.random(shape) < 0.4, dims=dims)


ZONES = (Everywhere(), Some(False), Some(True))


@pytest.mark.parametrize("zone", ZONES, ids=("everywhere", "some", "by member"))
def test_that_selected_rows_are_those_of_the_packed_state(zone):
    data = members()
    selection = Selection.of(zone, NAMES, Ground(), Ensemble(data, MEMBERS))
    every = Ground().pack(data, NAMES)
    x = selection.packed(data)
    np.testing.assert_array_equal(x, every[selection.kept])
    moved = x + np.random.default_rng(5).normal(0.0, 0.5, x.shape)
    every[selection.kept] = moved
    expected, found = Ground().unpack(every, data, NAMES), selection.unpacked(moved, data)
    for name in NAMES:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-14)
    merged = selection.merged(moved, data)
    low, high = 1e-9, 1e-3
    inside = np.ones(data["Ks"].shape, bool)
    if selection.allowed is not None:
        inside = zone.mask(None).values
    wanted = np.where(inside, expected["Ks"], data["Ks"])
    np.testing.assert_allclose(merged["Ks"], np.clip(wanted, low, high), rtol=1e-14)
    np.testing.assert_array_equal(merged["Ks"].values[~inside], data["Ks"].values[~inside])
    assert data.identical(members())  # nothing given was changed


def test_that_rows_that_are_not_selected_keep_their_bits():
    data = members()
    selection = Selection.of(Some(False), ("theta", "Ks"), Ground(), Ensemble(data, MEMBERS))
    after = selection.merged(selection.packed(data) + 0.3, data)
    outside = ~np.broadcast_to(Some(False).mask(None).values, data["Ks"].shape)
    for name in ("theta", "Ks"):
        np.testing.assert_array_equal(after[name].values[outside], data[name].values[outside])
        assert (after[name].values[~outside] != data[name].values[~outside]).all()


def test_that_moments_do_not_depend_on_the_pieces():
    fields = np.random.default_rng(1).normal(size=(9, 333))
    mean, spread = np.empty(333), np.empty(333)
    packing.moments(fields, mean, spread, 0, 333)
    np.testing.assert_allclose(mean, fields.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, fields.std(axis=0, ddof=1), rtol=1e-12)
    for edges in ((0, 1, 70, 333), (0, 64, 65, 333)):
        again = np.empty(333), np.empty(333)
        for first, last in pairwise(edges):
            packing.moments(np.ascontiguousarray(fields[:, first:last]), again[0][first:last],
                            again[1][first:last], 0, last - first)  # fmt: skip
        np.testing.assert_array_equal(again[0], mean)
        np.testing.assert_array_equal(again[1], spread)


def test_that_values_are_kept_as_numpy_has_it():
    rng = np.random.default_rng(2)
    old, after = rng.normal(size=(2, 4, 50))
    new = np.where(rng.random(old.shape) < 0.5, old, after + 1e-7 * rng.normal(size=old.shape))
    new[0, 0] = after[0, 0] = np.inf
    after[0, 1] = np.nan
    counts = np.zeros((4, 2), np.int64)
    packing.kept(old, new, after, counts, 0, 4)
    moved = new != old
    same = moved & np.isclose(after, new, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(counts, np.stack([moved.sum(axis=1), same.sum(axis=1)], axis=1))


def test_that_a_field_in_order_is_its_own_memory():
    data = members()
    assert np.shares_memory(_by_cell(data, "theta"), data["theta"].values)


def test_that_a_mean_is_taken_of_what_is_asked_for():
    ensemble = Ensemble(members(), MEMBERS)
    lazy, mean = ensemble.lazy_mean(), ensemble.mean()
    assert set(lazy.data_vars) == set(mean.data_vars) and lazy.sizes["member"] == 1
    np.testing.assert_array_equal(lazy["theta"].values[0], mean["theta"].values)
    swapped = lazy.variables["theta"].transpose("layer", "column", "member")
    np.testing.assert_array_equal(swapped[2].values[:, 0], mean["theta"].values[:, 2])
    np.testing.assert_array_equal(lazy["snow"][0, [3, 1]].values, mean["snow"].values[[3, 1]])
