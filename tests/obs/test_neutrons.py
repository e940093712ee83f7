"""The cosmic-ray operators against other people's codes (shared/reference/crns) and themselves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydroda.errors import DeclarationError, UnitError
from hydroda.obs import _kernels_cosmic, neutrons
from hydroda.obs.neutrons import Conventional, Revised, TransportSolution

Shared = Callable[[str], Path]
LAYERS = np.array([0, 2, 5, 10, 17, 30, 50, 80, 130, 200, 300]) / 100


def table(shared: Shared, name: str) -> pd.DataFrame:
    return pd.read_csv(shared(f"reference/crns/{name}.csv"))


def numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=float)


def agree(ours: np.ndarray, theirs: np.ndarray, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)


# --- corrections ----------------------------------------------------------------------------------


def test_that_correction_factors_equal_those_of_neptoon(shared: Shared) -> None:
    for row in table(shared, "correction_factors").itertuples():
        given = dict(pair.split("=") for pair in row.inputs.split(";"))
        x = {name: float(value) for name, value in given.items()}
        match row.quantity:
            case "pressure_factor_multiply_counts":
                ours = neutrons.pressure_factor(
                    100 * x["p_hPa"], 100 * x["p0_hPa"], x["beta_per_hPa"] / 100
                )
            case "humidity_factor_multiply_counts":
                ours = neutrons.humidity_factor(x["h_gm3"], x["href_gm3"], x["omega"])
            case "saturation_vapour_pressure_hPa":
                ours = neutrons.saturation_vapour_pressure(x["T_degC"] + 273.15) / 100
            case "absolute_humidity_gm3":
                ours = neutrons.absolute_humidity(x["T_degC"] + 273.15, x["RH"])
            case other:
                raise AssertionError(f"no test for {other}")
        agree(ours, row.value)


def test_that_the_incoming_factor_is_one_at_the_reference_and_falls_with_the_monitor() -> None:
    assert neutrons.incoming_factor(150.0, 150.0) == 1
    assert neutrons.incoming_factor(300.0, 150.0) == pytest.approx(0.5)
    assert neutrons.incoming_factor(300.0, 150.0, sensitivity=0.0) == 1


def test_that_biomass_takes_nine_permille_of_the_counts_per_kilogram() -> None:
    assert neutrons.vegetation_factor(0.0) == 1
    assert 1 / neutrons.vegetation_factor(10.0) == pytest.approx(0.91, rel=1e-14)
    assert 1 / neutrons.vegetation_factor(10.0, sensitivity=0.02) == pytest.approx(0.8)


# --- counts and moisture --------------------------------------------------------------------------


def test_that_desilets_counts_and_moisture_equal_neptoon(shared: Shared) -> None:
    rows = table(shared, "desilets2010_N0")
    counts = neutrons.desilets_counts(rows.theta_grav_gg, rows.N0_cph, rows.theta_add_gg)
    agree(counts, rows.N_cph)
    moisture = neutrons.desilets_moisture(counts, rows.N0_cph, rows.theta_add_gg)
    agree(moisture, rows.theta_grav_back)
    agree(1.4 * moisture, rows["theta_vol_bd1.4"])


@given(st.lists(st.floats(0.0, 1.5), min_size=2, max_size=20, unique=True), st.floats(0, 0.1))
def test_that_wetter_soil_gives_fewer_counts_and_the_curve_inverts(
    moisture: list[float], bound: float
) -> None:
    theta = np.sort(moisture)
    counts = neutrons.desilets_counts(theta, 1500.0, bound)
    assert (np.diff(counts) <= 0).all()
    np.testing.assert_allclose(
        neutrons.desilets_moisture(counts, 1500.0, bound), theta, rtol=1e-9, atol=1e-12
    )


def test_that_counts_below_the_curve_have_no_moisture() -> None:
    assert np.isnan(neutrons.desilets_moisture(0.372 * 1500, 1500.0))
    assert np.isnan(neutrons.desilets_moisture(100.0, 1500.0))
    assert np.isnan(neutrons.moisture_error(100.0, 10.0, 1500.0))


def test_that_the_error_of_the_moisture_is_that_of_drawn_counts() -> None:
    """Within a percent of a Monte Carlo of counts, also where the first order is 12 % too small."""
    rng = np.random.default_rng(5)
    for counts, sd in ((1000.0, 6.5), (750.0, 20.0), (700.0, 15.0)):
        drawn = neutrons.desilets_moisture(rng.normal(counts, sd, 400_000), 1500.0)
        assert neutrons.moisture_error(counts, sd, 1500.0) == pytest.approx(drawn.std(), rel=0.01)


def test_that_the_poisson_error_falls_with_the_root_of_the_time() -> None:
    assert neutrons.poisson_sd(900.0) == 30
    assert neutrons.poisson_sd(900.0, hours=9, factor=1.1) == pytest.approx(11)


def test_that_organic_water_is_the_hydrogen_of_the_organic_matter() -> None:
    assert neutrons.organic_water(0.01) == pytest.approx(0.01 * 1.724 * 0.556)


def test_that_the_transport_solution_equals_neptoon(shared: Shared) -> None:
    parameters = table(shared, "koehli2021_UTS_parameters").set_index("parameter_set")
    for name, rows in table(shared, "koehli2021_UTS").groupby("parameter_set"):
        solution = TransportSolution(tuple(parameters.loc[name]))
        agree(solution.counts(rows.theta_grav_gg, rows.abs_humidity_gm3, 1.0), rows.N_over_ND)
    assert TransportSolution().p == tuple(parameters.loc["Mar21_mcnp_drf"])


def test_that_the_transport_solution_gives_its_moisture_back(shared: Shared) -> None:
    parameters = table(shared, "koehli2021_UTS_parameters").set_index("parameter_set")
    for name, rows in table(shared, "koehli2021_UTS").groupby("parameter_set"):
        solution = TransportSolution(tuple(parameters.loc[name]))
        back = solution.moisture(1500 * rows.N_over_ND, rows.abs_humidity_gm3, 1500.0)
        agree(back, rows.theta_grav_gg, 1e-8)
    assert np.isnan(TransportSolution().moisture([1.0, 1e6], 5.0, 1500.0)).all()


def test_that_the_error_by_the_transport_solution_is_that_of_drawn_counts() -> None:
    rng, solution = np.random.default_rng(6), TransportSolution()
    counts = float(solution.counts(0.2, 8.0, 2000.0))
    sd = float(neutrons.poisson_sd(counts, hours=24.0))
    drawn = solution.moisture(rng.normal(counts, sd, 20_000), 8.0, 2000.0)
    assert solution.moisture_error(counts, sd, 8.0, 2000.0) == pytest.approx(drawn.std(), rel=0.03)


def test_that_counts_over_layers_equal_mhm(shared: Shared) -> None:
    rows = table(shared, "mhm_neutrons")
    faces = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0])
    layers = next(name for name in rows if name.startswith("theta_m3m3"))
    for row in rows.to_dict("records"):
        # mHM takes D86 once, at r* = 1 m, under the plain mean of its layers.
        theta = numbers(row[layers])
        mhm = Revised(f"{row['bulk_density_gcm3']} g/cm3", "1 m")
        weights = mhm.weights(mhm.reach(theta.mean())[None], faces[:-1], faces[1:])[0]
        water = (weights @ theta + row["lattice_water_m3m3"]) / row["bulk_density_gcm3"]
        agree(neutrons.desilets_counts(water, 1500.0), row["N_desilets_weighted_N0_1500"])


# --- the revised weights --------------------------------------------------------------------------


def test_that_the_penetration_depth_equals_three_codes(shared: Shared) -> None:
    rows = table(shared, "schroen2017_D86")
    density, r = 1000 * rows.bulk_density_gcm3, rows.r_star_m
    agree(neutrons.penetration_depth(rows.theta_m3m3, density, r), rows.D86_cm / 100)


def test_that_the_compiled_depth_and_vegetation_are_the_array_functions() -> None:
    for theta, density, r, height in ((0.05, 1.2, 3.0, 0.0), (0.4, 1.5, 120.0, 8.0)):
        expected = neutrons.penetration_depth(theta, 1000 * density, r)
        for function in (_kernels_cosmic.d86, _kernels_cosmic.d86.py_func):
            agree(function(theta, density, r), expected)
        expected = neutrons.vegetation_shade(height, theta)
        for function in (
            _kernels_cosmic.vegetation_factor,
            _kernels_cosmic.vegetation_factor.py_func,
        ):
            agree(function(height, theta), expected)


def test_that_the_horizontal_weight_equals_neptoon_and_crspy(shared: Shared) -> None:
    rows = table(shared, "schroen2017_Wr")
    ours = neutrons.horizontal_weight(rows.r_star_m, rows.abs_humidity_gm3, rows.theta_m3m3)
    agree(ours, rows.Wr_neptoon_crspy)
    inner = rows.r_star_m < 50
    agree(ours[inner], rows.Wr_cosmicsense[inner])
    agree(
        ours[~inner & (rows.r_star_m != 50)],
        rows.Wr_cosmicsense[~inner & (rows.r_star_m != 50)],
        1e-6,
    )


def test_that_neutrons_from_beyond_the_footprint_do_not_count() -> None:
    assert neutrons.horizontal_weight(600.0, 5.0, 0.2) == 0


def test_that_the_rescaled_distance_equals_neptoon_and_crspy(shared: Shared) -> None:
    rows = table(shared, "schroen2017_rscaled")
    ours = neutrons.rescaled_distance(
        rows.r_m, 100 * rows.pressure_hPa, rows.veg_height_m, rows.theta_m3m3
    )
    agree(ours, rows.r_star_m_neptoon12_crspy)


def test_that_the_footprint_radius_is_close_to_the_simulated_one(shared: Shared) -> None:
    for row in table(shared, "schroen2017_R86_lookup").iloc[::5].itertuples():
        for pressure, radius in ((101325.0, row.R86_m_1013hPa), (85000.0, row.R86_m_850hPa)):
            ours = neutrons.footprint_radius(row.theta_m3m3, row.abs_humidity_gm3, pressure)
            assert 0.93 < ours / radius < 0.99


def test_that_the_simulated_radius_is_the_one_of_the_table(shared: Shared) -> None:
    rows = table(shared, "schroen2017_R86_lookup")
    place = rows.theta_m3m3, rows.abs_humidity_gm3
    agree(neutrons.simulated_radius(*place), rows.R86_m_1013hPa)
    agree(neutrons.simulated_radius(*place, 85_000.0), rows.R86_m_850hPa)
    assert neutrons.simulated_radius(0.15, 1.0) == pytest.approx(201)
    assert neutrons.simulated_radius(0.7, 40.0) == 95


# --- weightings -----------------------------------------------------------------------------------


def profile_cases() -> list[tuple[str, str, str]]:
    return [
        ("theta_revised_one_pass", "one", ""),
        ("theta_revised_fixed_point", "revised", "D86_cm_at_fixed_point"),
        ("theta_franz_linear_fixed_point", "franz", "zstar_franz_cm"),
    ]


@pytest.mark.parametrize(("mean", "kind", "depth"), profile_cases())
def test_that_means_of_samples_equal_the_reference(
    shared: Shared, mean: str, kind: str, depth: str
) -> None:
    samples = table(shared, "vertical_average_profiles_input")
    for row in table(shared, "vertical_average_profiles").itertuples():
        revised = Revised(f"{row.bulk_density_gcm3} g/cm3", f"{row.r_star_m} m")
        weighting = {
            "one": replace(revised, iterations=1),
            "revised": replace(revised, tolerance=1e-13),
            "franz": Conventional(tolerance=1e-13),
        }[kind]
        ours = weighting.of_samples(samples[row.profile], samples.depth_cm / 100)
        agree(ours.mean, getattr(row, mean))
        if depth:
            agree(100 * ours.depth, getattr(row, depth))


def test_that_the_conventional_operator_equals_the_software_of_li(shared: Shared) -> None:
    for row in table(shared, "tsmp_pdaf_crns_flag1").itertuples():
        faces = np.r_[0.0, numbers(row.layer_bottom_m)]
        theta = numbers(row.theta_m3m3)[None]
        ours = Conventional(row.da_crns_depth_tol).average(theta, faces[:-1], faces[1:])
        agree(ours.mean, row.theta_crns)
        agree(ours.depth, row.zstar_m)


def test_that_integrated_weights_equal_their_derivation(shared: Shared) -> None:
    profiles = {
        row.profile: numbers(row.theta_m3m3)
        for row in table(shared, "tsmp_pdaf_crns_flag1").itertuples()
    } | {"uniform": np.full(10, 0.25)}
    for row in table(shared, "derived_layer_integrated_weights").itertuples():
        weighting = Revised(f"{row.bulk_density_gcm3} g/cm3", f"{row.r_star_m} m", tolerance=1e-13)
        theta = profiles[row.profile][None]
        ours = weighting.average(theta, LAYERS[:-1], LAYERS[1:])
        agree(ours.mean, row.theta_revised_fixed_point)
        agree(100 * ours.depth, row.D86_cm)
        weights = numbers(row.layer_weights_clm35_0_2_5_10_17_30_50_80_130_200_300cm)
        agree(ours.weights[0], weights, 1e-7)


WEIGHTINGS = [Conventional(), Revised(), Revised(vegetation_height="8 m", pressure="900 hPa")]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_that_weights_sum_to_one_fall_with_depth_and_give_the_mean(
    weighting: Conventional | Revised,
) -> None:
    theta = np.random.default_rng(1).uniform(0.02, 0.5, (50, 10))
    ours = weighting.average(theta, LAYERS[:-1], LAYERS[1:])
    np.testing.assert_allclose(ours.weights.sum(axis=1), 1.0, rtol=1e-12)
    assert (np.diff(ours.weights / np.diff(LAYERS)) <= 1e-15).all()
    np.testing.assert_allclose((ours.weights * theta).sum(axis=1), ours.mean, rtol=1e-12)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_that_the_mean_does_not_depend_on_how_a_uniform_layer_is_cut(
    weighting: Conventional | Revised,
) -> None:
    coarse = np.array([0.0, 0.1, 0.4, 1.0])
    theta = np.array([[0.1, 0.3, 0.2]])
    fine = np.linspace(0.0, 1.0, 101)
    same = theta[:, np.searchsorted(coarse[1:-1], 0.5 * (fine[1:] + fine[:-1]))]
    a = weighting.average(theta, coarse[:-1], coarse[1:])
    b = weighting.average(same, fine[:-1], fine[1:])
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-9)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_that_a_failed_member_stays_missing_and_alone(weighting: Conventional | Revised) -> None:
    theta = np.full((3, 10), 0.2)
    theta[1, 4] = np.nan
    mean = weighting.average(theta, LAYERS[:-1], LAYERS[1:]).mean
    assert np.isnan(mean).tolist() == [False, True, False]


def test_that_the_compiled_weightings_equal_their_python() -> None:
    theta = np.random.default_rng(2).uniform(0.05, 0.45, (3, 10))
    top, bottom = LAYERS[:-1].copy(), LAYERS[1:].copy()
    cases = [
        (_kernels_cosmic.conventional, (1e-8, 50)),
        (_kernels_cosmic.revised, (1.4, 50.0, 2.0, 1e-8, 50)),
    ]
    for kernel, settings in cases:
        for fast, slow in zip(
            kernel(theta, top, bottom, *settings),
            kernel.py_func(theta, top, bottom, *settings),
            strict=True,
        ):
            np.testing.assert_allclose(fast, slow, rtol=1e-14)


def test_that_the_iteration_is_capped() -> None:
    theta = np.linspace(0.05, 0.4, 10)[None]
    once = Conventional(iterations=1).average(theta, LAYERS[:-1], LAYERS[1:])
    start = theta @ np.diff(LAYERS) / 3.0
    agree(once.depth, 0.058 / (start + 0.0829))


@pytest.mark.parametrize("tolerance", [0.01, 1e-10])
def test_that_dry_soil_on_wet_has_the_mean_that_gives_itself(tolerance: float) -> None:
    # The published iteration goes to and fro here: dry soil, looked through to the wet; wet, not.
    faces = np.linspace(0.0, 1.0, 21)
    theta = np.where(faces[:-1] < 0.25, 0.03, 0.5)[None] + np.array([[0.0], [0.06]])
    ours = Conventional(tolerance).average(theta, faces[:-1], faces[1:])
    np.testing.assert_allclose(Conventional().reach(ours.mean), ours.depth, rtol=3 * tolerance)
    assert 0.03 < ours.mean[0] < ours.mean[1] < 0.5
    point = Conventional(tolerance).of_samples(theta[0], 0.5 * (faces[1:] + faces[:-1]))
    assert point.mean == pytest.approx(ours.mean[0], abs=0.02)
    np.testing.assert_allclose(Conventional().reach(point.mean), point.depth, rtol=3 * tolerance)


def test_that_impossible_settings_are_refused() -> None:
    with pytest.raises(DeclarationError, match="tolerance must lie between 0 and 1; got 0"):
        Conventional(tolerance=0)
    with pytest.raises(DeclarationError, match="iterations must be at least 1"):
        Revised(iterations=0)
    with pytest.raises(UnitError, match="bulk_density of Revised must be convertible"):
        Revised(bulk_density="1.4 m")
    with pytest.raises(DeclarationError, match="bulk_density of Revised must not be negative"):
        Revised(bulk_density="0 kg/m3")


def test_that_a_sensor_looks_deeper_in_thin_air_and_less_deep_among_plants() -> None:
    assert Revised(pressure="1040 hPa").reach(0.2) < Revised(pressure="700 hPa").reach(0.2)
    assert Revised(vegetation_height="10 m").reach(0.2) < Revised().reach(0.2)


def test_that_settings_can_be_replaced_and_compared() -> None:
    assert replace(Revised(), distance="0.05 km") == Revised()
