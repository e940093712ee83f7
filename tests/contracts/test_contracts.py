"""Every subclass in hydroda keeps the promises of its root; each check catches who does not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from hydroda.constraint import Constraint
from hydroda.experiment import Experiment
from hydroda.filters import EnKF, Filter
from hydroda.inflation import Inflation
from hydroda.localization import GaspariCohn, LocalizationScheme
from hydroda.models.base import Budget, Model
from hydroda.models.lorenz96 import Lorenz96
from hydroda.obs import PointSensor, Sensor, SoilMoistureProbe
from hydroda.state import StateVector, Variable
from hydroda.testing import (
    check_experiment,
    check_filter,
    check_model,
    check_outlier_rule,
    check_sensor,
    check_taper,
    check_transform,
    check_zone,
)
from hydroda.transforms import Transform
from hydroda.units import Amount
from hydroda.update import InflateError, OutlierRule
from hydroda.zone import Saturated, Zone
from tests.contracts.examples import (
    COMPOSED,
    EXAMPLES,
    ROOTS,
    START,
    column_case,
    concrete,
    examples,
)

END = START + np.timedelta64(1, "D")


def every(*roots):
    """A test for each concrete class below the roots."""
    classes = [each for root in roots for each in concrete(root)]
    return pytest.mark.parametrize("each", classes, ids=lambda each: each.__name__)


# --- all subclasses -----------------------------------------------------------------------------


@every(LocalizationScheme)
def test_that_every_taper_conforms(each):
    for scheme in examples(each):
        check_taper(scheme)


@every(*COMPOSED)
def test_that_every_filter_conforms_whatever_it_is_composed_of(each):
    for composed in examples(each):
        check_filter(composed)


@every(Sensor)
def test_that_every_sensor_conforms(each):
    for sensor in examples(each):
        check_sensor(sensor, column_case().ensemble)


@every(Model)
def test_that_every_model_conforms(each):
    for case in examples(each):
        check_model(case.model, case.ensemble, case.forcing, START, END)


@every(Transform)
def test_that_every_transform_conforms(each):
    for transform, values in examples(each):
        check_transform(transform, values)


@every(Zone)
def test_that_every_zone_conforms(each):
    for zone in examples(each):
        check_zone(zone, column_case().ensemble)


@every(OutlierRule)
def test_that_every_outlier_rule_conforms(each):
    for rule in examples(each):
        check_outlier_rule(rule)


@every(Experiment)
def test_that_every_experiment_conforms(each, shared):
    for experiment, data in examples(each):
        check_experiment(
            experiment if data is None else replace(experiment, data=str(shared(data)))
        )


def test_that_a_class_without_an_example_is_missed_in_words():
    class Forgotten(EnKF):
        pass

    with pytest.raises(AssertionError, match=r"Forgotten .* add an example .*examples\.py"):
        examples(Forgotten)


def test_that_every_example_is_of_a_class_that_is_tested():
    tested = {each for root in ROOTS for each in concrete(root)}
    assert set(EXAMPLES) == tested


# --- the checks catch who does not conform ------------------------------------------------------


@dataclass(frozen=True)
class Shape(LocalizationScheme):
    """A taper by any function."""

    radius: Amount
    function: object
    support: float = np.inf

    def taper(self, r):
        return self.function(r)


BAD_TAPERS = {
    "must be 1 at r = 0": Shape("1 m", lambda r: 0.9 * np.exp(-r)),
    "must not rise": Shape("1 m", lambda r: np.cos(3 * r) ** 2),
    "must not be negative": Shape("1 m", lambda r: 1 - r),
    "must be finite": Shape("1 m", lambda r: np.where(r < 1, 1 - r, np.nan)),
    "shape of r": Shape("1 m", lambda r: 1.0),
    "zero from support": Shape("1 m", lambda r: np.exp(-r), support=1.0),
    "positive semidefinite": Shape("1 m", lambda r: (r < 1).astype(float), support=1.0),
}


@pytest.mark.parametrize("words", BAD_TAPERS)
def test_that_a_bad_taper_is_caught(words):
    with pytest.raises(AssertionError, match=words):
        check_taper(BAD_TAPERS[words])


def test_that_a_taper_for_letkf_need_not_be_positive_definite():
    cone = Shape("1 m", lambda r: np.maximum(1 - r, 0), support=1.0)
    with pytest.raises(AssertionError, match="positive_definite=False"):
        check_taper(cone)
    check_taper(cone, positive_definite=False)


def test_that_a_search_that_misses_neighbours_is_caught():
    class Shortsighted(GaspariCohn):
        def candidates(self, places, obs):
            i, j = super().candidates(places, obs)
            return i[::2], j[::2]

    with pytest.raises(AssertionError, match="which pairs"):
        check_taper(Shortsighted(halfwidth="1 m"))


@dataclass(frozen=True)
class Broken(Filter):
    """An EnKF with a fault in what it gives back."""

    fault: object = None

    def update(self, problem):
        problem = replace(problem, overwrite=False)
        return self.fault(problem, EnKF(self.localization).update(problem))


def _in_place(problem, x):
    problem.x[:] = x
    return problem.x


def _grown(x, by):
    """x larger where it has spread, in proportion to a number that an analysis has no use for."""
    return x + 1e-3 * by * x.std(axis=1, keepdims=True)


BAD_FILTERS = {
    "shape": lambda problem, x: x[:-1],
    "not finite": lambda problem, x: np.full_like(x, np.nan),
    "prior was changed": _in_place,
    "observed rows must change": lambda problem, x: problem.x.copy(),
    "gave another analysis": lambda problem, x: x + np.random.default_rng().normal(size=x.shape),
    "without spread": lambda problem, x: x + problem.innovation.mean(),
    "order of observations": lambda problem, x: _grown(x, problem.innovation[0]),
    "order of members": lambda problem, x: _grown(x, problem.x[0, 0]),
    "between forecast and observation": lambda problem, x: 3 * x - 2 * problem.x,
    "out of reach": lambda problem, x: EnKF().analyse(replace(problem, weights=None)).x,
}


@pytest.mark.parametrize("words", BAD_FILTERS)
def test_that_a_bad_filter_is_caught(words):
    with pytest.raises(AssertionError, match=words):
        check_filter(Broken(GaspariCohn(halfwidth="2 m"), fault=BAD_FILTERS[words]))


def test_that_an_inflation_where_nothing_was_observed_is_caught():
    class Everywhere(Inflation):
        def posterior(self, problem, x):
            return x + 0.1 * (x - x.mean(axis=1, keepdims=True))

    with pytest.raises(AssertionError, match="spread of a row out of reach"):
        check_filter(EnKF(GaspariCohn(halfwidth="2 m"), Everywhere()))


def test_that_a_constraint_that_moves_everything_is_caught():
    class Positive(Constraint):
        def repair(self, problem, x):
            return np.abs(x), {}

    with pytest.raises(AssertionError, match="out of reach"):
        check_filter(EnKF(GaspariCohn(halfwidth="2 m"), constraint=Positive()))


@dataclass(frozen=True, kw_only=True)
class Reading(Sensor):
    """A sensor with a fault: any function of the water in the column."""

    quantity, unit, depth, bounds = "water", "mm", 0.0, (0.0, 5000.0)
    function: object

    def predict(self, ensemble):
        return self.function(ensemble, self.read(ensemble, "water"))


def _overwrites(ensemble, water):
    ensemble["snow"][:] = 1.0
    return water


BAD_SENSORS = {
    r"must give \(member,\)": lambda ensemble, water: water[:, None],
    "must be finite": lambda ensemble, water: water * np.nan,
    "must not depend on the others": lambda ensemble, water: water - water.mean(),
    "must depend on the member": lambda ensemble, water: 0 * water,
    "within bounds": lambda ensemble, water: -water,
    "only reads": _overwrites,
}


@pytest.mark.parametrize("words", BAD_SENSORS)
def test_that_a_bad_sensor_is_caught(words):
    sensor = Reading(station="S1", x="10 m", y="0 m", function=BAD_SENSORS[words])
    with pytest.raises(AssertionError, match=words):
        check_sensor(sensor, column_case().ensemble.copy(deep=True))


def test_that_weights_that_do_not_sum_to_one_are_caught():
    class Heavy(SoilMoistureProbe):
        def weights(self, ensemble):
            return 2 * super().weights(ensemble)

    with pytest.raises(AssertionError, match="sum to one"):
        check_sensor(Heavy(station="S1", x="0 m", y="0 m", depth="0.2 m"), _dry())


def _dry():
    """Members so dry that twice their moisture is a moisture."""
    ensemble = column_case().ensemble
    return ensemble.assign(theta=0.2 * ensemble["theta"].assign_attrs())


class Stored(StateVector):
    water = Variable("mm", bounds=(0.0, 500.0))


@dataclass(frozen=True)
class Tank(Model):
    """A tank that loses 1 mm a day, with a fault in its forecast."""

    fault: object = lambda ensemble, after: after
    state = Stored()
    diagnostics = {"outflow": Variable("mm")}  # noqa: RUF012 - as an author writes it
    budget = Budget(gains=(), losses=("outflow",))

    def forecast(self, ensemble, forcing, start, end):
        water = ensemble["water"]
        after = ensemble.assign(
            water=(water - 1.0).assign_attrs(units="mm"),
            outflow=xr.ones_like(water).assign_attrs(units="mm"),
        )
        return self.fault(ensemble, after)

    def water(self, ensemble):
        return ensemble["water"]


def tanks():
    amounts = np.random.default_rng(2).uniform(50, 100, (3, 2))
    return xr.Dataset({"water": (("member", "column"), amounts, {"units": "mm"})})


def _drains_in_place(ensemble, after):
    ensemble["water"][:] = after["water"].values
    return after


def _noisy(ensemble, after):
    noise = np.random.default_rng().normal(size=after["water"].shape)
    return after.assign(water=after["water"].copy(data=after["water"].values + noise))


def _mixed(ensemble, after):
    mixed = 0 * after["water"] + after["water"].mean("member")
    return after.assign(water=mixed.assign_attrs(units="mm"))


def _with_outflow(after, factor, unit):
    return after.assign(outflow=(factor * after["outflow"]).assign_attrs(units=unit))


BAD_MODELS = {
    "the ensemble was changed": _drains_in_place,
    "gave another forecast": _noisy,
    "depends on the other members": _mixed,
    "open by": lambda ensemble, after: _with_outflow(after, 0.9, "mm"),
    "lacks the diagnostic": lambda ensemble, after: after.drop_vars("outflow"),
    "lead with 'member'": lambda ensemble, after: after.transpose("column", "member"),
    "must be in 'mm'": lambda ensemble, after: _with_outflow(after, 1.0, "m"),
}


def test_that_the_sound_tank_conforms():
    check_model(Tank(), tanks(), None, START, END)


@pytest.mark.parametrize("words", BAD_MODELS)
def test_that_a_bad_model_is_caught(words):
    with pytest.raises(AssertionError, match=words):
        check_model(Tank(BAD_MODELS[words]), tanks(), None, START, END)


def test_that_a_model_whose_analysis_is_forgotten_is_caught():
    class Stubborn(Tank):
        def reconcile(self, ensemble, changed):
            after, added = super().reconcile(ensemble, changed)
            return after.assign(water=after["water"] + 1.0), added

    with pytest.raises(AssertionError, match="keep a valid water"):
        check_model(Stubborn(), tanks(), None, START, END)


class Snow(StateVector):
    snow = Variable("mm", bounds=(0.0, np.inf))
    depth = Variable("m", bounds=(0.0, np.inf))


@dataclass(frozen=True)
class Snowfield(Model):
    """Snow that stays as it is; where none lies it has no depth. A fault may come after."""

    fault: object = lambda given, after: after
    state = Snow()
    diagnostics = {}  # noqa: RUF012 - as an author writes it

    def forecast(self, ensemble, forcing, start, end):
        return ensemble.copy(deep=True)

    def reconcile(self, ensemble, changed):
        after, added = super().reconcile(ensemble, changed)
        bare = after["snow"] == 0.0
        return self.fault(ensemble, after.assign(depth=after["depth"].where(~bare, 0.0))), added

    def water(self, ensemble):
        return ensemble["snow"]


def patches():
    """Snow in both columns of one member, in one of another and in none of the last."""
    snow = np.array([[20.0, 30.0], [10.0, 0.0], [0.0, 0.0]])
    fields = {"snow": ("mm", snow), "depth": ("m", snow / 200.0)}
    return xr.Dataset(
        {name: (("member", "column"), v, {"units": unit}) for name, (unit, v) in fields.items()}
    )


def _forgets_thin_snow(given, after):
    return after.assign(snow=after["snow"].where(after["snow"] > 8.0, 0.0))


def _derives_depth(given, after):
    return after.assign(depth=after["depth"].copy(data=given["snow"].values / 200.0))


BAD_SNOW = {
    "keep a valid snow as": _forgets_thin_snow,
    "keep a valid depth as": _derives_depth,
}


def test_that_where_there_is_no_snow_it_need_not_keep_a_depth():
    check_model(Snowfield(), patches(), None, START, END)


@pytest.mark.parametrize("words", BAD_SNOW)
def test_that_snow_and_depth_are_kept_where_there_is_snow(words):
    with pytest.raises(AssertionError, match=words):
        check_model(Snowfield(BAD_SNOW[words]), patches(), None, START, END)


def test_that_a_refinement_that_refines_nothing_is_caught():
    class Same(Tank):
        def refined(self):
            return self

    with pytest.raises(AssertionError, match=r"refined\(\)"):
        check_model(Same(), tanks(), None, START, END)


class Rings(Experiment):
    """A ring of eight columns, whose prior is to be broken."""

    model = Lorenz96()
    period = "2020-01-01", "2020-02-01"

    def prior(self, rng, members):
        return self.model.dataset(rng.normal(size=(members, 8)))


class SameMember(Rings):
    def prior(self, rng, members):
        return self.model.dataset(np.ones((members, 8)))


class OtherDice(Rings):
    def prior(self, rng, members):
        return self.model.dataset(np.random.default_rng().normal(size=(members, 8)))


class OneTooMany(Rings):
    def prior(self, rng, members):
        return self.model.dataset(rng.normal(size=(members + 1, 8)))


@dataclass(frozen=True)
class Restless(Lorenz96):
    """A model that throws dice of its own."""

    def forecast(self, ensemble, forcing, start, end):
        noise = np.random.default_rng().normal(size=ensemble["u"].shape)
        return ensemble.assign(u=ensemble["u"].copy(data=ensemble["u"].values + noise))


class RestlessRings(Rings):
    model = Restless()


def test_that_the_sound_experiment_conforms():
    check_experiment(Rings())


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (SameMember, "another rng gave the same member"),
        (OtherDice, "from rng alone"),
        (OneTooMany, "must draw that many"),
        (RestlessRings, "gave another result"),
    ],
)
def test_that_a_bad_experiment_is_caught(each, words):
    with pytest.raises(AssertionError, match=words):
        check_experiment(each())


@dataclass(frozen=True)
class Mapped(Transform):
    """A transform of any two functions."""

    there: object
    back: object

    def forward(self, values):
        return self.there(values)

    def inverse(self, values):
        return self.back(values)


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (Mapped(lambda v: -v, lambda v: -v), "must rise"),
        (Mapped(np.sqrt, np.sqrt), "undo"),
        (Mapped(lambda v: v * np.inf, lambda v: v), "not finite"),
    ],
)
def test_that_a_bad_transform_is_caught(transform, words):
    with pytest.raises(AssertionError, match=words):
        check_transform(transform, np.array([0.5, 1.0, 2.0]))


@dataclass(frozen=True)
class Masked(Zone):
    """A zone by any function of the saturated one."""

    function: object

    def mask(self, ensemble):
        return self.function(Saturated().mask(ensemble))


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (Masked(lambda mask: mask.astype(float)), "true and false"),
        (Masked(lambda mask: mask.transpose("layer", "column")), "this order"),
        (Masked(lambda mask: mask.isel(layer=slice(2))), "2 of layer"),
    ],
)
def test_that_a_bad_zone_is_caught(zone, words):
    with pytest.raises(AssertionError, match=words):
        check_zone(zone, column_case().ensemble)


@dataclass(frozen=True)
class Judged(OutlierRule):
    """The rule of hydroda with a fault in its verdict."""

    fault: object

    def judge(self, innovation, spread, variance):
        return self.fault(innovation, *InflateError().judge(innovation, spread, variance))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Judged(lambda d, used, why: (used, {})), "needs a reason"),
        (Judged(lambda d, used, why: (0.5 * used, why)), "must stay as it is"),
        (Judged(lambda d, used, why: (np.where(d > 50, 0.25, used), why)), "must not weigh more"),
        (Judged(lambda d, used, why: (np.where(d > 0, used, 0.25), why)), "judged alike"),
        (Judged(lambda d, used, why: (np.where(d == 1, 0.1, used), why)), "must not lower"),
    ],
)
def test_that_a_bad_outlier_rule_is_caught(rule, words):
    with pytest.raises(AssertionError, match=words):
        check_outlier_rule(rule)


def test_that_a_point_sensor_reads_what_its_weights_say():
    sensor = PointSensor(
        station="S1", x="0 m", y="0 m", quantity="theta", unit="m3 m-3", depth="30 cm"
    )
    ensemble = column_case().ensemble
    layers = ensemble["theta"].isel(column=0).values
    np.testing.assert_allclose(sensor.predict(ensemble), layers @ sensor.weights(ensemble))
