from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.forcing import Additive, Forcing, ForcingNoise, Multiplicative
from hydroda.rng import Streams
from tests.forcing.examples import HOUR, START, record

STREAMS = Streams(7)
LI = ForcingNoise()


@pytest.fixture(scope="module")
def sample():
    """Factors and increments of Li's Table 2: 40 members of 40 000 hours, (member, step)."""
    drivers = np.stack([LI.drivers(STREAMS, member, 40_000, 3600.0) for member in range(40)])
    return {p.variable: p.effect(drivers[:, row]) for row, p in enumerate(LI.perturbations)}


def gaussian(sample):
    """The Gaussian quantities behind a sample: logarithms of the factors."""
    return {
        name: np.log(effect) if name in ("rain", "shortwave") else effect
        for name, effect in sample.items()
    }


@pytest.mark.parametrize("sd", [0.05, 0.3, 1.0])
def test_that_a_factor_has_mean_one_and_its_deviation_exactly(sd):
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    factor = Multiplicative("rain", sd).effect(nodes)
    mean = (weights * factor).sum() / weights.sum()
    variance = (weights * (factor - 1) ** 2).sum() / weights.sum()
    assert_allclose([mean, variance], [1, sd**2], rtol=1e-9)


# The sample holds some 33 000 independent values: 0.5 % of a standard deviation, 0.006 of r.


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [
        ("rain", 1, 0.3),
        ("shortwave", 1, 0.2),
        ("longwave", 0, 20),
        ("air_temperature", 0, 1),
    ],
)
def test_that_a_long_sample_has_the_means_and_deviations_of_li_table_2(sample, name, mean, sd):
    assert_allclose(sample[name].mean(), mean, atol=0.02 * sd)
    assert_allclose(sample[name].std(), sd, rtol=0.02)


def test_that_a_long_sample_has_the_correlations_of_li_table_2(sample):
    logs = np.stack([effect.ravel() for effect in gaussian(sample).values()])
    published = [
        [1.0, -0.8, 0.5, 0.0],
        [-0.8, 1.0, -0.5, 0.4],
        [0.5, -0.5, 1.0, 0.4],
        [0.0, 0.4, 0.4, 1.0],
    ]
    assert list(sample) == ["rain", "shortwave", "longwave", "air_temperature"]
    assert_allclose(np.corrcoef(logs), published, atol=0.02)


@pytest.mark.parametrize("hours", [1, 24])
def test_that_a_long_sample_forgets_within_24_hours(sample, hours):
    for effect in gaussian(sample).values():
        scaled = (effect - effect.mean()) / effect.std()
        lagged = (scaled[:, hours:] * scaled[:, :-hours]).mean()
        assert_allclose(lagged, np.exp(-hours / 24), atol=0.002 if hours == 1 else 0.02)


def test_that_the_first_step_is_as_noisy_as_any_other():
    first = np.stack([LI.drivers(STREAMS, member, 1, 3600.0)[:, 0] for member in range(4000)])
    assert_allclose(first.std(axis=0), 1, atol=0.04)


def test_that_two_half_hours_forget_what_one_hour_does():
    half = LI.drivers(STREAMS, 0, 400_000, 1800.0)
    lagged = (half[:, 2:] * half[:, :-2]).mean(axis=1) / half.var(axis=1)
    assert_allclose(lagged, np.exp(-1 / 24), atol=0.01)


def test_that_a_longer_series_begins_the_same():
    assert_array_equal(
        LI.drivers(STREAMS, 3, 500, 3600.0)[:, :100], LI.drivers(STREAMS, 3, 100, 3600.0)
    )
    forcing = Forcing(record())
    short = forcing.perturbed(LI, STREAMS, 2, START, START + 20 * HOUR)
    long = forcing.perturbed(LI, STREAMS, 2, START)
    window = START + 3 * HOUR, START + 9 * HOUR
    assert_array_equal(short.between(*window)["rain"], long.between(*window)["rain"])


def test_that_a_member_does_not_depend_on_the_others():
    forcing = Forcing(record())
    all_members = forcing.perturbed(LI, STREAMS, 8)
    some = forcing.perturbed(LI, STREAMS, [5, 2])
    for name, effect in some.effects.items():
        assert_array_equal(effect, all_members.effects[name][[5, 2]])


def test_that_seeds_and_members_differ():
    one = LI.drivers(STREAMS, 0, 10, 3600.0)
    assert not np.allclose(one, LI.drivers(STREAMS, 1, 10, 3600.0))
    assert not np.allclose(one, LI.drivers(Streams(8), 0, 10, 3600.0))


def test_that_a_window_carries_its_members_where_the_weather_is_perturbed():
    forcing = Forcing(record(columns=3))
    perturbed = forcing.perturbed(LI, STREAMS, 5)
    window = perturbed.between(START + 2 * HOUR, START + 6 * HOUR)
    assert window["rain"].shape == (5, 4, 3)
    assert window["pressure"].shape == (1, 4, 3)
    increments = window["air_temperature"] - forcing.data["air_temperature"].values[2:6]
    assert_allclose(increments, perturbed.effects["air_temperature"][:, 2:6, None] + np.zeros(3))


def test_that_windows_side_by_side_are_the_whole_window():
    perturbed = Forcing(record()).perturbed(LI, STREAMS, 3)
    whole = perturbed.between(START, START + 48 * HOUR)["shortwave"]
    halves = [
        perturbed.between(START + h * HOUR, START + (h + 24) * HOUR)["shortwave"] for h in (0, 24)
    ]
    assert_array_equal(np.concatenate(halves, axis=1), whole)


def test_that_night_stays_dark_and_dry_hours_dry():
    forcing = Forcing(record())
    window = forcing.perturbed(LI, STREAMS, 20).between(START, forcing.end)
    for name in ("rain", "shortwave"):
        dry = forcing.data[name].values == 0
        assert_array_equal(window[name][:, dry], 0)
        assert np.all(window[name][:, ~dry] > 0)


def test_that_the_shift_of_the_mean_is_what_the_members_have():
    forcing = Forcing(record(columns=2))
    perturbed = forcing.perturbed(LI, STREAMS, 6, START + 10 * HOUR, START + 90 * HOUR)
    window = perturbed.between(START + 10 * HOUR, START + 90 * HOUR)
    shift = perturbed.shift()
    for name in shift.index:
        before = forcing.data[name].values[10:90].mean()
        assert_allclose(shift.loc[name, "unperturbed"], before)
        assert_allclose(shift.loc[name, "perturbed"], window[name].mean())
        assert_allclose(shift.loc[name, "difference"], window[name].mean() - before, atol=1e-9)


def test_that_the_memory_of_the_noise_does_not_grow_with_columns():
    sizes = [Forcing(record(columns=k)).perturbed(LI, STREAMS, 6).nbytes for k in (1, 50)]
    assert sizes == [8 * 6 * 96 * 4] * 2


def test_that_noise_of_nothing_leaves_the_forcing_as_it_is():
    forcing = Forcing(record())
    quiet = forcing.perturbed(ForcingNoise((), None), STREAMS, 4)
    window, still = (f.between(START, forcing.end) for f in (quiet, forcing))
    for name, values in window.values.items():
        assert_array_equal(values, still[name])


def test_that_a_window_outside_the_drawn_period_is_refused():
    perturbed = Forcing(record()).perturbed(LI, STREAMS, 2, START + 10 * HOUR, START + 20 * HOUR)
    with pytest.raises(DataError, match="leaves the period for which noise was drawn"):
        perturbed.between(START + 9 * HOUR, START + 12 * HOUR)
    with pytest.raises(DataError, match="leaves the period for which noise was drawn"):
        perturbed.between(START + 19 * HOUR, START + 21 * HOUR)


def test_that_noise_on_what_the_forcing_lacks_is_refused():
    forcing = Forcing(record(), variables=("rain", "shortwave"))
    with pytest.raises(DataError, match=r"perturbs longwave, air_temperature, which .* has not"):
        forcing.perturbed(LI, STREAMS, 2)


def test_that_the_noise_is_a_value_that_can_be_swept():
    assert ForcingNoise() == ForcingNoise()
    wilder = replace(LI, time_scale="3 D")
    assert wilder != LI
    assert "Multiplicative(variable='rain', sd=0.3)" in repr(LI)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Additive("shortwave", "9 W m-2"),
            r"bounded by 0.*use Multiplicative\('shortwave'",
        ),
        (lambda: Multiplicative("relative_humidity", 0.1), "has an upper limit"),
        (lambda: Multiplicative("rain", -0.1), "sd of rain must not be negative"),
        (lambda: Multiplicative("snow", 0.1), "no weather variable 'snow'; there are rain,"),
        (lambda: Additive("air_temperature", "1 degC"), "is a difference: write it in K"),
        (lambda: replace(LI, correlation=None, perturbations=LI.perturbations * 2), "once"),
        (lambda: replace(LI, correlation=((1.0,),)), r"correlation must be \(4, 4\)"),
        (
            lambda: ForcingNoise(LI.perturbations[:2], ((1.0, 0.2), (0.3, 1.0))),
            "symmetric with ones",
        ),
        (
            lambda: ForcingNoise(LI.perturbations[:2], ((1.0, 1.0), (1.0, 1.0))),
            "positive definite",
        ),
    ],
)
def test_that_noise_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


def test_that_an_increment_needs_its_unit():
    with pytest.raises(UnitError, match="sd of longwave needs a unit"):
        Additive("longwave", 20)
