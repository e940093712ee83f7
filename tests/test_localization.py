"""Tapers, distances, neighbour search, and Dan's threshold layers."""

from dataclasses import dataclass, field, replace

import numba
import numpy as np
import pytest

from hydroda.analysis import Places
from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.localization import (
    EARTH_RADIUS,
    Direction,
    Euclidean,
    GaspariCohn,
    GreatCircle,
    Horizontal,
    LocalizationScheme,
    NoLocalization,
    Periodic,
    Product,
    Search,
    Vertical,
    VerticalExponential,
    choose_threshold,
    threshold_mu,
)
from hydroda.units import Amount

DAN_DEPTHS = np.array([0.7, 2.8, 6.2, 11.9, 21.2, 36.6, 62.0, 103.8, 172.8, 286.5]) / 100
# Dan, Table 2 [1/cm]; layer 6 is printed 0.0163 and computes to 0.0164.
DAN_MU = [0.2824, 0.1256, 0.0587, 0.0300, 0.0164, 0.0093, 0.0053, 0.0025, 0.0001]


def _scattered(n, seed=0, size=100.0):
    rng = np.random.default_rng(seed)
    return Places(rng.uniform(0, size, n), rng.uniform(0, size, n), rng.uniform(0, 3, n))


@dataclass(frozen=True)
class Cone(LocalizationScheme):
    """What a user writes."""

    radius: Amount
    along: Direction = field(default_factory=Horizontal)
    support = 1.0

    def taper(self, r):
        return np.maximum(1 - r, 0)


@dataclass(frozen=True)
class Exponential(LocalizationScheme):
    """A taper without support."""

    radius: Amount

    def taper(self, r):
        return np.exp(-r)


def test_that_gaspari_cohn_is_one_at_zero_and_zero_from_two_on():
    taper = GaspariCohn(halfwidth="1 m").taper
    assert taper(np.array([0.0]))[0] == 1.0
    assert (taper(np.array([2.0, 2.5, 100.0])) == 0.0).all()


@pytest.mark.parametrize("edge", [1.0, 2.0])
def test_that_gaspari_cohn_is_smooth_at_its_edges(edge):
    taper = GaspariCohn(halfwidth="1 m").taper
    h = 1e-5
    left, middle, right = taper(np.array([edge - h, edge, edge + h]))
    assert right - left == pytest.approx(0.0, abs=4 * h)
    assert (right - middle) / h == pytest.approx((middle - left) / h, abs=1e-4)


def test_that_gaspari_cohn_has_the_value_of_both_pieces_at_the_half_width():
    # 1 − 5/3 + 5/8 + 1/2 − 1/4 = 5/24, and so is 4 − 5 + 5/3 + 5/8 − 1/2 + 1/12 − 2/3.
    taper = GaspariCohn(halfwidth="1 m").taper
    np.testing.assert_allclose(taper(np.array([1.0, 1.0 + 1e-15])), 5 / 24, rtol=1e-14)


def test_that_gaspari_cohn_decreases_and_is_positive_definite():
    r = np.linspace(0, 2.2, 500)
    assert (np.diff(GaspariCohn(halfwidth="1 m").taper(r)) <= 0).all()
    between = GaspariCohn(halfwidth="15 m").between(_scattered(150))
    assert np.linalg.eigvalsh(between).min() > -1e-12


def test_that_half_width_and_cut_off_are_two_names_of_one_taper():
    places, obs = _scattered(50), _scattered(20, seed=1)
    one = GaspariCohn(halfwidth="10 m").weights(places, obs)
    two = GaspariCohn(cutoff="0.02 km").weights(places, obs)
    assert np.array_equal(one.dense(), two.dense())


@pytest.mark.parametrize("given", [{"halfwidth": "5 km"}, {"cutoff": "10 km"}])
def test_that_gaspari_cohn_prints_both_radii(given):
    assert repr(GaspariCohn(**given)) == "GaspariCohn(halfwidth='5000.0 m', cutoff='10000.0 m')"


@pytest.mark.parametrize("given", [{}, {"halfwidth": "1 km", "cutoff": "2 km"}])
def test_that_gaspari_cohn_wants_exactly_one_radius(given):
    with pytest.raises(DeclarationError, match="exactly one of halfwidth"):
        GaspariCohn(**given)


def test_that_a_radius_without_unit_is_refused():
    with pytest.raises(UnitError, match=r"GaspariCohn\.halfwidth needs a unit"):
        GaspariCohn(halfwidth=5.0)


def test_that_a_radius_must_be_positive():
    with pytest.raises(DeclarationError, match="positive"):
        GaspariCohn(halfwidth="0 m")


def test_that_a_scheme_can_be_varied_by_replace():
    scheme = replace(GaspariCohn(halfwidth="5 km"), along=Vertical())
    assert scheme.radius == 5000.0
    assert replace(scheme, halfwidth="1 km").radius == 1000.0
    assert scheme != GaspariCohn(halfwidth="5 km")


def test_that_a_scheme_of_three_lines_weighs():
    weights = Cone("10 m").weights(Places([0.0, 4.0], [0.0, 3.0], [0.0, 0.0]), _origin())
    np.testing.assert_allclose(weights.dense(), [[1.0], [0.5]])


def _origin(depth=0.0):
    return Places([0.0], [0.0], [depth])


@pytest.mark.parametrize(
    "along",
    [
        Horizontal(),
        Vertical(),
        Horizontal(Periodic("100 m")),
        Horizontal(Periodic("100 m", "100 m")),
        Horizontal(GreatCircle()),
    ],
)
def test_that_the_tree_finds_what_all_pairs_give(along):
    metres = 3e6 if along == Horizontal(GreatCircle()) else 0.6 if along == Vertical() else 30.0
    places, obs = _scattered(200, size=90.0), _scattered(60, seed=1, size=90.0)
    i, j = np.divmod(np.arange(200 * 60), 60)
    expected = np.maximum(1 - along.distance(places, i, obs, j).reshape(200, 60) / metres, 0)
    weights = Cone(f"{metres} m", along=along).weights(places, obs)
    np.testing.assert_allclose(weights.dense(), expected, atol=1e-14)


def _grid(side, order):
    """Places of a grid by rows, by columns, or in no order."""
    x, y = np.meshgrid(np.arange(float(side)), np.arange(float(side)))
    x, y = (x.T, y.T) if order == "columns" else (x, y)
    at = np.random.default_rng(2).permutation(side**2) if order == "none" else slice(None)
    return Places(x.ravel()[at], y.ravel()[at], np.zeros(side**2))


def _without_places(places, every):
    gone = np.arange(len(places)) % every == 0
    return Places(*(np.where(gone, np.nan, v) for v in (places.x, places.y)), places.depth)


NETWORKS = {
    "grid by rows": (_grid(31, "rows"), _grid(9, "rows")),
    "grid by columns": (_grid(31, "columns"), _grid(31, "none")[:200]),
    "grid in no order": (_grid(31, "none"), _grid(31, "none")[::4]),
    "scattered": (_scattered(900), _scattered(333, seed=5)),
    "many for few": (_scattered(5), _scattered(1000, seed=5)),
    "one": (_scattered(1), _scattered(1)),
    "one spot": (_scattered(300), Places(*(np.full(70, 50.0),) * 3)),
    "a line": (_scattered(300), Places(np.full(70, 50.0), np.arange(70.0), np.zeros(70))),
    "some nowhere": (_without_places(_scattered(300), 7), _scattered(40, seed=5)),
    "nowhere": (Places.nowhere(3), _scattered(40, seed=5)),
}


@pytest.mark.parametrize("cutoff", [0.5, 5.0, 10.0, 37.3, 1e4])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("threads", [1, 2])
def test_that_compiled_weights_are_those_of_all_directions_bit_for_bit(network, cutoff, threads):
    """A product of one taper takes the way of all tapers."""
    state, obs = NETWORKS[network]
    scheme = GaspariCohn(cutoff=f"{cutoff} m")
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        ours, theirs = scheme.weights(state, obs), Product((scheme,)).weights(state, obs)
    finally:
        numba.set_num_threads(before)
    for name in ("line", "start", "obs", "value"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes(), name


def test_that_a_taper_built_on_gaspari_cohn_is_the_one_that_weighs():
    class Half(GaspariCohn):
        def taper(self, r):
            return 0.5 * super().taper(r)

    state, obs = _scattered(50), _scattered(20, seed=1)
    half = Half(cutoff="40 m").weights(state, obs)
    assert np.array_equal(2 * half.value, GaspariCohn(cutoff="40 m").weights(state, obs).value)


def test_that_periodic_distance_goes_the_short_way():
    metric = Periodic("40 m")
    zero = np.zeros(1)
    assert metric.distance(np.array([39.0]), zero, np.array([1.0]), zero)[0] == 2.0
    assert metric.distance(zero, np.array([39.0]), zero, np.array([1.0]))[0] == 38.0


def test_that_great_circles_measure_a_quarter_of_the_globe():
    distance = GreatCircle().distance(*(np.array([v]) for v in (0.0, 0.0, 90.0, 0.0)))
    assert distance[0] == pytest.approx(EARTH_RADIUS * np.pi / 2)


def test_that_a_taper_without_support_weighs_every_pair():
    places, obs = _scattered(30), _scattered(8, seed=1)
    distance = Euclidean().distance(places.x[:, None], places.y[:, None], obs.x, obs.y)
    weights = Exponential("20 m").weights(places, obs)
    np.testing.assert_allclose(weights.dense(), np.exp(-distance / 20.0))


def test_that_a_row_without_place_weighs_one_and_its_neighbours_do_not():
    places = Places([np.nan, 500.0, 0.0], [np.nan, 0.0, 0.0], [0.0, 0.0, 0.0])
    weights = GaspariCohn(halfwidth="10 m").weights(places, _origin())
    assert weights.dense().ravel().tolist() == [1.0, 0.0, 1.0]
    assert weights.reach.tolist() == [1, 0, 1]


def test_that_a_product_multiplies_and_stores_only_what_both_reach():
    places, obs = _scattered(300), _scattered(40, seed=1)
    wide, deep = GaspariCohn(halfwidth="20 m"), GaspariCohn(halfwidth="50 cm", along=Vertical())
    both = (wide * deep).weights(places, obs)
    expected = wide.weights(places, obs).dense() * deep.weights(places, obs).dense()
    np.testing.assert_allclose(both.dense(), expected, atol=1e-15)
    assert (both.value > 0).all()
    assert ((deep * wide).weights(places, obs).dense() == both.dense()).all()


def test_that_a_product_treats_a_row_without_depth_as_localized_horizontally_only():
    places = Places([0.0, 0.0], [0.0, 0.0], [np.nan, 2.0])
    scheme = GaspariCohn(halfwidth="1 m") * VerticalExponential(mu="1 1/m")
    weights = scheme.weights(places, Places([0.5], [0.0], [0.0])).dense()
    horizontal = GaspariCohn(halfwidth="1 m").taper(np.array([0.5]))[0]
    np.testing.assert_allclose(weights.ravel(), [horizontal, horizontal * np.exp(-2)])


def test_that_weights_of_some_rows_are_those_rows_of_the_weights():
    places, obs = _scattered(80), _scattered(20, seed=1)
    scheme = GaspariCohn(halfwidth="20 m")
    whole = scheme.weights(places, obs).dense()
    assert np.array_equal(scheme.weights(places[30:50], obs).dense(), whole[30:50])


@pytest.mark.parametrize("obs", [None, Places([0.0, np.nan], [0.0, 0.0], [0.0, 0.0])])
def test_that_observations_without_place_are_refused_not_left_unlocalized(obs):
    with pytest.raises(DataError, match="GaspariCohn"):
        GaspariCohn(halfwidth="1 km").check(obs)


def test_that_no_localization_asks_for_no_places():
    NoLocalization().check(None)
    weights = NoLocalization().weights(Places.nowhere(3), Places.nowhere(2))
    assert (weights.dense() == 1).all()


@pytest.mark.parametrize(("layer", "mu"), [*enumerate(DAN_MU, start=2)])
def test_that_the_threshold_search_gives_table_2_of_dan(layer, mu):
    assert round(threshold_mu(DAN_DEPTHS, 0.03, layer) / 100, 4) == mu


def test_that_a_threshold_layer_outside_the_column_is_refused():
    with pytest.raises(DeclarationError, match="1 to 10; got 11"):
        threshold_mu(DAN_DEPTHS, 0.03, 11)


def test_that_a_threshold_scheme_tapers_with_its_mu_and_leaves_undepthed_rows_alone():
    depth = np.append(DAN_DEPTHS, np.nan)
    places = Places(np.zeros(11), np.zeros(11), depth)
    weights = VerticalExponential(threshold=5).weights(places, _origin(0.03)).dense().ravel()
    mu = threshold_mu(DAN_DEPTHS, 0.03, 5)
    np.testing.assert_allclose(weights[:10], np.exp(-mu * np.abs(DAN_DEPTHS - 0.03)))
    assert weights[10] == 1.0


def test_that_mu_may_be_given_in_any_unit():
    assert VerticalExponential(mu="0.03 1/cm").radius == pytest.approx(1 / 3)


@pytest.mark.parametrize("given", [{}, {"mu": "1 1/m", "threshold": 3}])
def test_that_a_vertical_taper_wants_exactly_one_of_mu_and_threshold(given):
    with pytest.raises(DeclarationError, match="exactly one of mu= and threshold="):
        VerticalExponential(**given)


def test_that_a_threshold_needs_observations_at_one_depth():
    places = Places(np.zeros(10), np.zeros(10), DAN_DEPTHS)
    obs = Places([0.0, 0.0], [0.0, 0.0], [0.03, 0.2])
    with pytest.raises(DeclarationError, match="one depth"):
        VerticalExponential(threshold=5).weights(places, obs)


def test_that_a_search_offers_every_layer_from_the_second():
    candidates = list(VerticalExponential(threshold=Search()).candidates_of(DAN_DEPTHS))
    assert [c.threshold for c in candidates] == list(range(2, 11))


@pytest.mark.parametrize(
    ("likelihood", "layer"),
    [
        ([5.0, 4.0, 3.0, 3.5, 1.0], 4),  # the first local minimum, not the least
        ([1.0, 2.0, 0.0], 2),
        ([3.0, 2.0, 1.0], 4),
        ([2.0, 2.0, 1.0], 2),
    ],
)
def test_that_the_threshold_is_the_first_local_minimum(likelihood, layer):
    assert choose_threshold(likelihood) == layer
