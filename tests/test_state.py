import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hydroda.errors import DeclarationError, HydrodaError
from hydroda.state import StateVector, Variable
from hydroda.transforms import Log10


class Soil(StateVector):
    theta = Variable("m3 m-3", bounds=(0.0, 1.0))
    Ks = Variable("m s-1", transform=Log10(), bounds=(0.0, 1.0), role="parameter")
    snow = Variable("mm", bounds=(0.0, np.inf))
    shift = Variable("1", role="parameter")


def dataset(members=4, columns=3, layers=5, seed=0):
    rng = np.random.default_rng(seed)
    return xr.Dataset(
        {
            "theta": (("member", "column", "layer"), rng.random((members, columns, layers))),
            "Ks": (
                ("member", "column", "layer"),
                1e-6 * (1 + rng.random((members, columns, layers))),
            ),
            "snow": (("member", "column"), rng.random((members, columns))),
            "shift": ("member", rng.random(members)),
        },
        coords={
            "x": ("column", 10.0 * np.arange(columns)),
            "y": ("column", np.ones(columns)),
            "depth": ("layer", 0.1 * np.arange(layers)),
        },
    )


@given(
    names=st.permutations(["theta", "Ks", "snow", "shift"]),
    count=st.integers(1, 4),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)),
)
def test_that_unpacking_undoes_packing(names, count, sizes):
    state, data, names = Soil(), dataset(*sizes), names[:count]
    x = state.pack(data, names)
    assert x.shape == (state.rows(data, names).size, sizes[0]) and x.flags.c_contiguous
    back = state.unpack(x, data, names)
    for name in data:
        assert back[name].dims == data[name].dims
        np.testing.assert_allclose(back[name], data[name], rtol=1e-14)


def test_that_rows_of_a_column_lie_together_in_the_transformed_space():
    state, data = Soil(), dataset()
    names = ("shift", "theta", "Ks", "snow")
    rows, x = state.rows(data, names), state.pack(data, names)
    assert np.array_equal(rows.column, np.r_[np.repeat([0, 1, 2], 11), 3])
    second = x[rows.column == 1]
    np.testing.assert_array_equal(second[:5], data["theta"].values[:, 1].T)
    np.testing.assert_allclose(second[5:10], np.log10(data["Ks"].values[:, 1].T))
    np.testing.assert_array_equal(second[10], data["snow"].values[:, 1])
    np.testing.assert_array_equal(x[-1], data["shift"])


def test_that_a_row_without_a_place_is_nan_there():
    rows = Soil().rows(dataset(), ("theta", "snow", "shift"))
    x, y, depth = rows.places(dataset())
    assert np.array_equal(x[:6], np.zeros(6)) and np.isnan(x[-1]) and np.isnan(y[-1])
    np.testing.assert_allclose(depth[:6], [0, 0.1, 0.2, 0.3, 0.4, np.nan])


def test_that_layers_of_the_land_have_depths_where_the_flow_has_more_of_them():
    data = dataset().assign(ice=(("member", "column", "land_layer"), np.zeros((4, 3, 2))))
    data = data.assign_coords(land_depth=("land_layer", [0.0, 0.1]))
    names = ("theta", "ice")

    class Frozen(Soil):
        ice = Variable("m3 m-3")

    rows = Frozen().rows(data, names)
    depth = rows.places(data)[2]
    np.testing.assert_allclose(depth[:7], [0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.1])


def test_that_a_field_is_spread_over_the_rows_of_its_variable():
    rows = Soil().rows(dataset(), ("theta", "snow", "shift"))
    values = rows.spread_out({"theta": np.arange(15).reshape(3, 5), "snow": [7, 8, 9]}, -1, int)
    assert values.tolist() == [0, 1, 2, 3, 4, 7, 5, 6, 7, 8, 9, 8, 10, 11, 12, 13, 14, 9, -1]


def test_that_a_state_inherits_and_adds_variables():
    class More(Soil):
        ponding = Variable("mm")

    assert list(More()) == ["theta", "Ks", "snow", "shift", "ponding"]
    assert "ponding" not in Soil()
    assert Soil() == Soil() and hash(Soil()) == hash(Soil()) and Soil() != More()


def test_that_an_unknown_variable_is_named_with_the_known_ones():
    with pytest.raises(DeclarationError, match="no variable 'porosity'; it has theta, Ks"):
        Soil()["porosity"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("snow"), r"lacks the state variable 'snow' \[mm\]"),
        (
            lambda d: d.assign(theta=d.theta + 0.5),
            r"theta must lie in \[0, 1\] m3 m-3; got .* to 1\.",
        ),
        (lambda d: d.assign(snow=d.snow * np.nan), "snow has values that are not finite"),
        (
            lambda d: d.assign(snow=d.snow.assign_attrs(units="K")),
            "snow must be convertible to 'mm'",
        ),
        (lambda d: d.assign(snow=d.snow.assign_attrs(units="m")), "snow must be in 'mm'; got 'm'"),
    ],
)
def test_that_an_ensemble_that_does_not_fit_is_refused(change, message):
    Soil().check(dataset())
    with pytest.raises(HydrodaError, match=message):
        Soil().check(change(dataset()))


def test_that_bounds_are_seen_through_the_transform():
    assert Soil()["theta"].seen_bounds == (0.0, 1.0)
    assert Soil()["Ks"].seen_bounds == (-np.inf, 0.0)
    assert Soil()["shift"].seen_bounds == (-np.inf, np.inf)
