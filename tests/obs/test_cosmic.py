"""COSMIC against its published code (shared/reference/crns), plain sums and itself."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import k1

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.obs import (
    Cosmic,
    CosmicCounts,
    CosmicSite,
    ExactAngles,
    LeftRule,
    TableOfAngles,
    WholeLayers,
    cosmic_counts,
    cosmic_sites,
)
from hydroda.obs.cosmic import discrete_gauss, every_slice
from tests.obs.soil import THICKNESS, grid

Shared = Callable[[str], Path]
BOTTOM = np.array([0.02, 0.05, 0.1, 0.17, 0.3, 0.5, 0.8, 1.3, 2.0, 3.0])
SITE = CosmicSite(bulk_density="1.4 g/cm3", N=500.0, lattice_water="3 %")


def numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=float)


def reference(shared: Shared) -> list[tuple[pd.Series, CosmicSite, np.ndarray, np.ndarray]]:
    """Row, site, profile (1, layer) and lower faces [m] of every case."""
    rows = pd.read_csv(shared("reference/crns/cosmic_counts.csv"))
    cases = []
    for _, row in rows.iterrows():
        site = CosmicSite(
            bulk_density=f"{row.bulk_density_gcm3!r} g/cm3",
            lattice_water=f"{row.lattice_water_m3m3!r} m3/m3",
            N=row.N,
            alpha=row.alpha,
            **{name: f"{row[f'{name}_gcm2']!r} g/cm2" for name in ("L1", "L2", "L3", "L4")},
        )
        cases.append((row, site, numbers(row.theta_m3m3)[None], numbers(row.layer_bottom_cm) / 100))
    return cases


def ki1(x: float) -> float:
    return quad(lambda angle: np.exp(-x / np.cos(angle)), 0, np.pi / 2, epsabs=0, epsrel=1e-12)[0]


def summed(site: CosmicSite, theta: np.ndarray, bottom: np.ndarray, slice_: float) -> float:
    """Counts of one profile, slice by slice, with angles by quadrature."""
    return folded(site, theta, bottom, slice_, np.vectorize(ki1))


def unscattered(site: CosmicSite, theta: np.ndarray, bottom: np.ndarray, slice_: float) -> float:
    """Of each direction's share π/2 that of the neutrons that go straight up, over π/2."""
    return folded(site, theta, bottom, slice_, lambda x: np.exp(-x)) * np.pi / 2


def folded(
    site: CosmicSite,
    theta: np.ndarray,
    bottom: np.ndarray,
    slice_: float,
    angles: Callable[[np.ndarray], np.ndarray],
) -> float:
    rho, lattice, n, alpha, l1, l2, l3, l4 = site.row
    lower = np.arange(1, round(3 / slice_) + 1) * slice_
    layer = np.minimum(np.searchsorted(bottom, lower - 1e-9), theta.size - 1)
    soil, water = np.full(lower.size, rho * slice_), 1000 * (theta[layer] + lattice) * slice_
    m, w = np.cumsum(soil) - soil / 2, np.cumsum(water) - water / 2
    source = n * (alpha * soil + water) / 10
    return float(2 / np.pi * source @ (np.exp(-m / l1 - w / l2) * angles(m / l3 + w / l4)))


# --- against other people's numbers ---------------------------------------------------------------


def test_that_counts_depth_and_mean_are_those_of_the_published_code(shared: Shared) -> None:
    """To 1e-7: its π is a single-precision number."""
    for row, site, theta, bottom in reference(shared):
        cosmic = Cosmic(site, LeftRule())
        profile = cosmic.profile(theta, bottom)
        assert profile.counts == pytest.approx(row.counts_COSMIC_f90, rel=1e-7)
        assert cosmic.counts(theta, bottom) == pytest.approx(row.counts_COSMIC_f90, rel=1e-7)
        assert profile.mean == pytest.approx(row.theta_weighted_COSMIC_f90, abs=3e-8)
        assert 100 * profile.depth == pytest.approx(row.depth86_cm_COSMIC_f90)


def test_that_the_angles_are_those_of_the_table(shared: Shared) -> None:
    """To the digits printed, but for x = 20, where the table is 6e-13 off its 25 digits."""
    rows = pd.read_csv(shared("reference/crns/cosmic_angle_integral.csv"))
    few = rows["x"] < 20
    exact, left = ExactAngles().integral(rows["x"]), LeftRule().integral(rows["x"])
    np.testing.assert_allclose(exact[few], rows["Ki1_exact"][few], rtol=5e-14)
    np.testing.assert_allclose(exact, rows["Ki1_exact"], rtol=1e-12)
    np.testing.assert_allclose(left, rows["left_sum_0.5deg"], rtol=5e-14)


def linear_beyond_one(x: np.ndarray) -> np.ndarray:
    """Ki1(x), from x = 1 on linear between its values at 1 and at 2000 points from 1.002 to 60."""
    exact, points = ExactAngles().integral, np.append(1.0, np.linspace(1.002, 60.0, 2000))
    return np.where(x < 1, exact(x), np.interp(x, points, exact(points)))


def test_that_the_exact_counts_of_the_table_are_ours_with_its_integral_linear_beyond_one(
    shared: Shared,
) -> None:
    """The column `counts_exact_angle_integral`: exact up to x = 1, from a look-up table beyond it.

    A convex function lies below its chords, so that the exact integral counts less than the column
    (`test_that_the_exact_integral_counts_less_than_one_linear_beyond_one`).
    """
    for row, site, theta, bottom in reference(shared):
        if row.profile == "clm_drying":  # printed to six digits only
            theta = np.linspace(0.12, 0.36, 10)[None]
        counts = folded(site, theta[0], bottom, 0.001, linear_beyond_one)
        assert counts == pytest.approx(row.counts_exact_angle_integral, rel=1e-11), row.profile


def test_that_the_exact_integral_counts_less_than_one_linear_beyond_one(shared: Shared) -> None:
    """By the error of the chords, Ki1'' h² / 12 in the mean, where Ki1'' = K1 and h = 0.0295."""
    step = (60 - 1.002) / 1999
    chords = lambda x: np.where(x < 1, 0.0, k1(x) * step**2 / 12)  # noqa: E731
    for row, site, theta, bottom in reference(shared):
        excess = folded(site, theta[0], bottom, 0.001, chords) / row.counts_exact_angle_integral
        ratio = Cosmic(site).counts(theta, bottom)[0] / row.counts_exact_angle_integral
        assert 1 - ratio == pytest.approx(excess, rel=0.1), row.profile


def test_that_the_published_sum_tends_to_the_exact_counts(shared: Shared) -> None:
    """The sum of 0.5 degree is right without its first half step.

    By Euler and Maclaurin's formula the rest of it vanishes with any power of the step, but for
    the first slices, and by 1/64 degree they are known, too.
    """
    step = np.deg2rad(1 / 64)
    for row, site, theta, bottom in reference(shared)[::13]:
        counts = Cosmic(site, LeftRule("0.015625 degree"), "1 cm").counts(theta, bottom)[0]
        half = step / 2 * 2 / np.pi * unscattered(site, theta[0], bottom, 0.01)
        exact = Cosmic(site, slice="1 cm").counts(theta, bottom)[0]
        assert counts - half == pytest.approx(exact, rel=2e-8), row.profile


def test_that_layers_at_their_middles_are_those_of_mhm(shared: Shared) -> None:
    """With its α and its L3 = 106.1942 ρ − 40.9879 of its default parameters."""
    rows = pd.read_csv(shared("reference/crns/mhm_neutrons.csv"))
    bottom = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 1.0])
    layers = next(name for name in rows if name.startswith("theta_m3m3"))
    for _, row in rows.iterrows():
        density = row.bulk_density_gcm3
        site = CosmicSite(
            bulk_density=f"{density!r} g/cm3",
            lattice_water=f"{row.lattice_water_m3m3!r} m3/m3",
            N=348.33,
            alpha=0.2392421548,
            L3=f"{106.1942 * density - 40.9879!r} g/cm2",
        )
        cosmic, theta = Cosmic(site, TableOfAngles(), WholeLayers()), numbers(row[layers])[None]
        published = row["N_cosmic_mhm_N_348.33"]
        assert cosmic.counts(theta, bottom) == pytest.approx(published, rel=1e-11)
        assert cosmic.profile(theta, bottom).counts == pytest.approx(published, rel=1e-11)


# --- against plain sums ---------------------------------------------------------------------------


def test_that_the_table_of_angles_is_exact_near_the_surface_and_fitted_beyond_20() -> None:
    table, exact = TableOfAngles().integral, ExactAngles().integral
    assert table(0.5) == pytest.approx(float(exact(0.5)), rel=1e-5)
    assert table([1e-3, 2.0]) == pytest.approx(exact([1e-3, 2.0]), rel=3e-4)
    assert table(5.0) / exact(5.0) == pytest.approx(1.066, abs=1e-3)
    assert table(25.0) == pytest.approx(np.pi / 2 * np.exp(-1.57406 * 25**0.815488), rel=1e-12)


def test_that_whole_layers_have_one_node_each_and_end_with_the_lowest() -> None:
    nodes = WholeLayers.nodes((0.1, 0.4))
    assert nodes.first.tolist() == [0, 1, 2]
    assert nodes.depth == pytest.approx([0.05, 0.25])
    assert nodes.weight == pytest.approx([0.1, 0.3])
    coarse = Cosmic(SITE, slice=WholeLayers())
    theta = np.full((1, 2), 0.2)
    below = coarse.counts(np.full((1, 3), 0.2), [0.1, 0.4, 0.8]) - coarse.counts(theta, [0.1, 0.4])
    assert below > 0


@pytest.mark.parametrize("x", [0.0, 1e-9, 1e-3, 0.3, 1.9999, 2.0, 2.5, 7.0, 20.0, 150.0])
def test_that_the_exact_angles_are_their_quadrature(x: float) -> None:
    assert ExactAngles().integral(x) == pytest.approx(ki1(x), rel=1e-11)


def test_that_the_exact_angles_at_20_are_their_25_digits() -> None:
    assert ExactAngles().integral(20.0) == pytest.approx(5.608816316551496996654e-10, rel=1e-14)


def test_that_finer_left_rules_approach_the_exact_angles() -> None:
    exact = ExactAngles().integral(0.7)
    errors = [LeftRule(f"{step} degree").integral(0.7) - exact for step in (1.0, 0.5, 0.25)]
    for step, (coarse, fine) in zip((1.0, 0.5), pairwise(errors), strict=True):
        assert coarse == pytest.approx(np.deg2rad(step) / 2 * np.exp(-0.7), rel=1e-2)
        assert coarse / fine == pytest.approx(2, rel=1e-2)


def test_that_counts_are_the_plain_sum() -> None:
    theta = np.linspace(0.1, 0.4, 10)
    cosmic = Cosmic(SITE, slice="1 cm")
    plain = summed(SITE, theta, BOTTOM, 0.01)
    assert cosmic.counts(theta[None], BOTTOM) == pytest.approx(plain, rel=1e-10)
    assert cosmic.profile(theta[None], BOTTOM).counts == pytest.approx(plain, rel=1e-10)


profiles = st.lists(st.floats(0.01, 0.6), min_size=10, max_size=10)


@given(profiles, st.floats(0.05, 2.5), st.sampled_from(["1 mm", "5 mm", "1 cm"]))
@example(theta=[0.0] * 3 + [1.0] * 7, stretch=1.0, cut="1 mm")
def test_that_few_nodes_sum_as_every_slice(theta: list[float], stretch: float, cut: str) -> None:
    rows, bottom = np.array([theta]), BOTTOM * stretch
    cosmic = Cosmic(SITE, slice=cut)
    every = cosmic.profile(rows, bottom).counts
    np.testing.assert_allclose(cosmic.counts(rows, bottom), every, rtol=1e-10)


@pytest.mark.parametrize(("points", "nodes"), [(3, 4), (4, 4), (5, 4), (300, 4)])
def test_that_a_discrete_gauss_rule_sums_polynomials(points: int, nodes: int) -> None:
    z, weight = discrete_gauss(points, nodes)
    assert len(z) == min(points, nodes)
    x = np.arange(points) / points
    for degree in range(2 * nodes):
        assert weight @ (z / points) ** degree == pytest.approx((x**degree).sum(), rel=1e-12)


# --- what the physics says ------------------------------------------------------------------------


@given(profiles, st.integers(0, 9), st.floats(0.01, 0.3))
def test_that_a_wetter_layer_gives_fewer_counts(
    theta: list[float], layer: int, more: float
) -> None:
    rows = np.array([theta, theta])
    rows[1, layer] += more
    dry, wet = Cosmic(SITE).counts(rows, BOTTOM)
    # below 1 m water takes away no more than the last digits
    assert wet < dry if BOTTOM[layer] < 1 else wet <= dry * (1 + 1e-12)


def test_that_weights_sum_to_one_and_leave_a_uniform_moisture() -> None:
    profile = Cosmic(SITE).profile(np.full((2, 10), 0.2), BOTTOM)
    np.testing.assert_allclose(profile.weights.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(profile.mean, 0.2, rtol=1e-12)
    assert (np.diff(profile.weights[0] / np.diff(BOTTOM, prepend=0.0)) < 0).all()


def test_that_neutrons_come_from_deeper_where_it_is_dry() -> None:
    theta = np.repeat([[0.05], [0.2], [0.5]], 10, axis=1)
    depth = Cosmic(SITE).profile(theta, BOTTOM).depth
    assert (np.diff(depth) < 0).all()


def test_that_layers_may_be_split_and_the_lowest_goes_on() -> None:
    cosmic = Cosmic(SITE)
    one = cosmic.counts([[0.1, 0.3]], [0.2, 0.5])
    assert cosmic.counts([[0.1, 0.1, 0.3]], [0.07, 0.2, 0.5]) == pytest.approx(one, rel=1e-11)
    assert cosmic.counts([[0.1, 0.3, 0.3]], [0.2, 0.5, 3.0]) == pytest.approx(one, rel=1e-11)


def test_that_a_slice_belongs_to_the_layer_its_lower_face_is_in() -> None:
    nodes = every_slice((0.0175, 0.05, 0.4), 0.001, 0.3)
    assert nodes.first.tolist() == [0, 17, 50, 300]
    assert nodes.depth[[0, 299]] == pytest.approx([0.0005, 0.2995])
    deep = every_slice((0.1, 5.0, 6.0), 0.001, 3.0)
    assert deep.first.tolist() == [0, 100, 3000, 3000]


def test_that_missing_moisture_gives_missing_counts() -> None:
    theta = np.full((2, 10), 0.2)
    theta[0, 1] = np.nan
    profile = Cosmic(SITE).profile(theta, BOTTOM)
    for values in (profile.counts, profile.mean, profile.depth, Cosmic(SITE).counts(theta, BOTTOM)):
        assert np.isnan(values).tolist() == [True, False]


def test_that_stations_at_once_are_those_one_by_one() -> None:
    theta = np.random.default_rng(1).uniform(0.05, 0.5, (3, 40, 10))
    operators = [Cosmic(replace(SITE, N=n, lattice_water=f"{n} %")) for n in (1.0, 2.0, 4.0)]
    together = cosmic_counts(operators, theta, BOTTOM)
    alone = [each.counts(rows, BOTTOM) for each, rows in zip(operators, theta, strict=True)]
    assert np.array_equal(together, alone)


# --- sites ----------------------------------------------------------------------------------------


def test_that_alpha_and_l3_follow_the_bulk_density(shared: Shared) -> None:
    generic = [case for case in reference(shared) if case[0].site.startswith("generic")]
    assert len(generic) > 30
    for row, site, *_ in generic:
        own = CosmicSite(bulk_density=f"{row.bulk_density_gcm3} g/cm3", N=1.0)
        assert float(own.alpha) == pytest.approx(site.alpha)
        for name in ("L1", "L2", "L3", "L4"):
            assert getattr(own, name) == pytest.approx(getattr(site, name)), name


def test_that_the_42_sites_are_read(shared: Shared) -> None:
    sites = cosmic_sites(shared("reference/crns/cosmic_site_parameters_42_COSMOS.csv"))
    assert len(sites) == 42
    lengths = [1619.86218642857, 1291.4558985, 1121.6734185, 38.086191933]
    given = [1447, 0.05788, 587.9876082, 0.25915761215, *lengths]
    assert sites["Bondville"].row == pytest.approx(given, rel=1e-14)


GOOD = "1.4,0.05,500,0.25,162,129,110,3.2"
HEAD = "bulk_density_gcm3,lattice_water_m3m3,N,alpha,L1_gcm2,L2_gcm2,L3_gcm2,L4_gcm2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}\n{GOOD}\n", "needs a column 'site'; it has bulk_density_gcm3"),
        (f"site,{HEAD}\nA,{GOOD}\nA,{GOOD}\n", "names the site 'A' twice"),
        (f"site,{HEAD}\nA,{GOOD.replace('500', 'x')}\n", "N of 'A' must be a number; got 'x'"),
        (f"site,{HEAD}\nA,{GOOD.replace('500', '')}\n", "N of 'A' must be a number; got ''"),
        (f"site,{HEAD}\nA,{GOOD.replace('500', '-5')}\n", "site 'A': N of CosmicSite cannot be"),
        ("", "cannot read .*sites.csv: No columns"),
    ],
)
def test_that_a_useless_table_of_sites_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        cosmic_sites(path)


def test_that_a_missing_table_of_sites_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none\.csv"):
        cosmic_sites(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: replace(SITE, N=0.0), DeclarationError, "N of CosmicSite cannot be '0.0'"),
        (lambda: replace(SITE, N=np.nan), DeclarationError, "N of CosmicSite cannot be"),
        (lambda: CosmicSite(bulk_density=1.4, N=1.0), UnitError, "bulk_density of CosmicSite"),
        (lambda: CosmicSite(bulk_density="300 kg/m3", N=1.0), DeclarationError, "L3 of CosmicSite"),
        (lambda: Cosmic(SITE, slice="0 m"), DeclarationError, "slice of Cosmic must be positive"),
        (lambda: Cosmic(SITE, slice="4 m"), DeclarationError, "must not exceed its depth"),
        (lambda: LeftRule("0 degree"), DeclarationError, "step of LeftRule"),
        (lambda: Cosmic(SITE).counts([[0.1, 0.2]], [0.3]), DeclarationError, "2 layers"),
        (lambda: Cosmic(SITE).counts([[0.1, 0.2]], [0.3, 0.2]), DeclarationError, "going down"),
        (lambda: cosmic_counts([Cosmic(SITE)], [[0.1]], [1.0]), DeclarationError, "profiles"),
        (
            lambda: cosmic_counts(
                [Cosmic(SITE), Cosmic(SITE, LeftRule())], np.full((2, 1, 1), 0.2), [1.0]
            ),
            DeclarationError,
            "may differ only in the site",
        ),
    ],
)
def test_that_what_cannot_be_is_refused(
    declare: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        declare()


# --- N fitted to a series -------------------------------------------------------------------------


def test_that_n_is_found_again_from_its_own_counts() -> None:
    theta = np.random.default_rng(2).uniform(0.1, 0.4, (30, 10))
    counts = Cosmic(SITE).counts(theta, BOTTOM)
    counts[3], theta[5, 2] = np.nan, np.nan
    fitted = Cosmic(replace(SITE, N=1.0)).fitted(counts, theta, BOTTOM)
    assert fitted == Cosmic(replace(SITE, N=fitted.site.N))
    assert float(fitted.site.N) == pytest.approx(500, rel=1e-12)


def test_that_no_other_n_fits_noisy_counts_better() -> None:
    rng = np.random.default_rng(3)
    theta = rng.uniform(0.1, 0.4, (50, 10))
    counts = rng.poisson(Cosmic(SITE).counts(theta, BOTTOM)).astype(float)
    fitted = Cosmic(SITE).fitted(counts, theta, BOTTOM)

    def misfit(factor: float) -> float:
        return float(((factor * fitted.counts(theta, BOTTOM) - counts) ** 2).sum())

    assert misfit(1.0) < min(misfit(0.999), misfit(1.001))


def test_that_nothing_is_fitted_to_nothing() -> None:
    with pytest.raises(DataError, match="no count has a whole profile"):
        Cosmic(SITE).fitted([np.nan], np.full((1, 10), 0.2), BOTTOM)
    with pytest.raises(DataError, match=r"a profile per count; got \(1,\) profiles and \(2,\)"):
        Cosmic(SITE).fitted([900.0, 800.0], np.full((1, 10), 0.2), BOTTOM)


# --- the sensor -----------------------------------------------------------------------------------


def test_that_the_sensor_reads_the_profile_of_its_column() -> None:
    ensemble = grid()
    sensor = CosmicCounts(station="A", x="0 m", y="500 m", operator=Cosmic(SITE))
    theta = ensemble["theta"].values[:, 1]
    assert np.array_equal(
        sensor.predict(ensemble), Cosmic(SITE).counts(theta, np.cumsum(THICKNESS))
    )
    profile = sensor.profile(ensemble)
    assert profile.counts == pytest.approx(sensor.predict(ensemble), rel=1e-9)
    mean = Cosmic(SITE).profile(theta.mean(axis=0, keepdims=True), np.cumsum(THICKNESS))
    centre = mean.weights[0] @ ensemble["depth"].values
    assert sensor.effective_depth(ensemble) == pytest.approx(centre)


def test_that_the_order_of_the_layers_changes_nothing() -> None:
    ensemble = grid()
    upward = ensemble.isel(layer=slice(None, None, -1))
    sensor = CosmicCounts(station="A", x="0 m", y="0 m", operator=Cosmic(SITE))
    assert np.array_equal(sensor.predict(upward), sensor.predict(ensemble))
    assert np.array_equal(sensor.profile(upward).weights[:, ::-1], sensor.profile(ensemble).weights)
    assert sensor.effective_depth(upward) == pytest.approx(sensor.effective_depth(ensemble))
