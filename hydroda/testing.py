"""Conformance checks for your own models, sensors, tapers, filters and experiments.

Call them from a test; each raises AssertionError saying what does not hold.

>>> def test_that_my_taper_conforms():
...     check_taper(MyTaper(radius="5 km"))
"""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
import xarray as xr

from hydroda.analysis import Places, Problem
from hydroda.ensemble import Ensemble
from hydroda.experiment import Experiment
from hydroda.filters import Filter
from hydroda.forcing import ForcingWindow
from hydroda.localization import GreatCircle, Horizontal, LocalizationScheme
from hydroda.models.base import Model
from hydroda.obs import Sensor
from hydroda.result import OPEN_LOOP
from hydroda.sphere import EARTH_RADIUS
from hydroda.transforms import Transform
from hydroda.units import convert, duration
from hydroda.update import OutlierRule
from hydroda.zone import Zone

BUDGET_TOLERANCE = 1e-6  # [mm] per forecast


# --- tapers -------------------------------------------------------------------------------------


def check_taper(
    scheme: LocalizationScheme, *, positive_definite: bool = True, seed: int = 0
) -> None:
    """Nothing, if the taper is one at its centre, never rises, and its weights are its values.

    positive_definite : whether covariances tapered by it stay covariances, which EnKF and DEnKF
        need: no matrix of tapers between places has a negative eigenvalue. False for a taper, such
        as a cone in two dimensions, that is only meant for LETKF, where it weighs errors.
    """
    rng = np.random.default_rng(seed)
    depths = np.linspace(0.025, 0.975, 20)
    scheme = scheme.resolved(depths, depths[:1])
    _check_function(scheme)
    places = _scattered(rng, 40, scheme)
    i, j = np.indices((len(places), len(places))).reshape(2, -1)
    expected = scheme.at(places, places, i, j).reshape(len(places), -1)
    tapers = scheme.weights(places, places).dense()
    assert np.allclose(tapers, expected, atol=1e-9), (
        f"weights() must be the tapers of all pairs; they differ by "
        f"{np.abs(tapers - expected).max():.2g}: which pairs do candidates() and support leave out?"
    )
    assert np.allclose(scheme.between(places), tapers), "between() must agree with weights()"
    lowest = np.linalg.eigvalsh(tapers)[0]
    assert not positive_definite or lowest > -1e-8, (
        f"tapers between places must be positive semidefinite; the lowest eigenvalue is "
        f"{lowest:.2g}: such a taper is for LETKF only, say positive_definite=False"
    )
    nowhere = scheme.weights(Places.nowhere(2), places).dense()
    assert np.array_equal(nowhere, np.ones_like(nowhere)), "a row without a place has taper 1"


def _check_function(scheme: LocalizationScheme) -> None:
    r = np.linspace(0.0, 3.0, 301)
    values = np.asarray(scheme.taper(r))
    assert values.shape == r.shape, f"taper(r) must have the shape of r; got {values.shape}"
    assert np.isfinite(values).all(), "the taper must be finite for every r >= 0"
    assert abs(values[0] - 1.0) < 1e-12, f"the taper must be 1 at r = 0; got {values[0]}"
    assert (np.diff(values) <= 1e-12).all(), "the taper must not rise with distance"
    assert values.min() >= -1e-12, f"the taper must not be negative; got {values.min()}"
    beyond = values[r >= scheme.support]
    assert not beyond.any(), f"the taper must be zero from support = {scheme.support:g} on"


def _scattered(rng: np.random.Generator, n: int, scheme: LocalizationScheme) -> Places:
    """Places over twice the radius in every direction, in the coordinates of the scheme."""
    extent = 2.0 * float(scheme.radius)
    if isinstance(scheme.along, Horizontal) and isinstance(scheme.along.metric, GreatCircle):
        extent = float(np.degrees(extent / EARTH_RADIUS))
    return Places(*(rng.uniform(0.0, extent, n) for _ in range(3)))


# --- filters ------------------------------------------------------------------------------------


def check_filter(filter: Filter, seed: int = 0) -> None:
    """Nothing, if the filter behaves as an analysis must, whatever it is composed of.

    No observation, no change; rows without spread, and rows that no observation reaches, stay; the
    order of observations and of members does not matter; the mean moves towards a single
    observation and not past it; nothing passed in changes; writing into the prior gives the same;
    and the same problem gives the same analysis.
    """
    problem = _problem(np.random.default_rng(seed))
    kept = problem.x.copy()

    def analysed(changed: Problem) -> np.ndarray:
        return filter.analyse(replace(changed, rng=np.random.default_rng(seed))).x

    x = analysed(problem)
    assert x.shape == kept.shape, f"an analysis must keep the shape (state, member); got {x.shape}"
    assert np.isfinite(x).all(), "the analysis is not finite"
    assert np.array_equal(problem.x, kept), "the prior was changed; return a new array"
    assert not np.allclose(x[:4], kept[:4]), "observed rows must change"
    assert np.array_equal(x, analysed(problem)), "the same problem gave another analysis"
    nothing = _observing(problem, np.array([], dtype=int))
    assert np.array_equal(analysed(nothing), kept), "without observations the prior must come back"
    assert np.allclose(x[-1], kept[-1]), "a row without spread must stay as it is"
    reordered = analysed(_observing(problem, np.arange(len(problem.y))[::-1]))
    assert np.allclose(x, reordered, atol=1e-8), "the order of observations changes the analysis"
    inside = analysed(replace(problem, x=kept.copy(), overwrite=True))
    assert np.allclose(x, inside, atol=1e-10), "overwrite=True must give the same analysis"
    _check_members(x, analysed(_of_members(problem, np.arange(problem.members)[::-1])))
    _check_reach(filter, _observing(problem, np.array([0])), seed)


def _check_members(x: np.ndarray, reordered: np.ndarray) -> None:
    # A random rotation mixes the members, but leaves these two.
    for moment, words in ((np.mean, "mean"), (np.std, "spread")):
        assert np.allclose(moment(x, axis=1), moment(reordered, axis=1), atol=1e-8), (
            f"the order of members changes the {words}"
        )


def _check_reach(filter: Filter, single: Problem, seed: int) -> None:
    """Of one observation: which way the mean goes, and what stays where it does not reach."""
    analysis = filter.analyse(replace(single, rng=np.random.default_rng(seed)))
    mean = analysis.x[0].mean()
    low, high = sorted((single.hx[0].mean(), single.y[0]))
    assert low - 1e-9 <= mean <= high + 1e-9, (
        f"the mean {mean:.3g} must lie between forecast and observation, {low:.3g} and {high:.3g}"
    )
    unreached = np.asarray(analysis.diagnostics["reach"]) == 0
    for moment, words in ((np.mean, "mean"), (np.std, "spread")):
        before, after = (moment(x[unreached], axis=1) for x in (single.x, analysis.x))
        assert np.allclose(before, after), f"the {words} of a row out of reach must stay as it is"


def _problem(rng: np.random.Generator, rows: int = 12, members: int = 10) -> Problem:
    """Rows 1 m apart, also in depth, the first four observed, the last one without spread."""
    x = rng.normal(size=(rows, members)).cumsum(axis=0)
    x[-1] = 1.5
    observed = np.arange(4)
    noise = rng.normal(size=(4, members))
    line = np.arange(rows, dtype=np.float64)
    places = Places(line, np.zeros(rows), line)
    return Problem(
        x=x,
        hx=x[observed],
        y=x[observed].mean(axis=1) + np.array([1.0, -1.0, 0.5, 2.0]),
        variance=np.full(4, 0.5),
        noise=np.sqrt(0.5) * (noise - noise.mean(axis=1, keepdims=True)),
        state_places=places,
        obs_places=places[observed],
        operator=lambda state: state[observed],
    )


def _observing(problem: Problem, chosen: np.ndarray) -> Problem:
    assert problem.noise is not None and problem.obs_places is not None
    operator = problem.operator
    assert operator is not None
    return replace(
        problem,
        hx=problem.hx[chosen],
        y=problem.y[chosen],
        variance=problem.variance[chosen],
        noise=problem.noise[chosen],
        obs_places=problem.obs_places[chosen],
        operator=lambda state: operator(state)[chosen],
    )


def _of_members(problem: Problem, order: np.ndarray) -> Problem:
    assert problem.noise is not None
    parts = {name: getattr(problem, name)[:, order] for name in ("x", "hx", "noise")}
    return replace(problem, **parts)


# --- sensors ------------------------------------------------------------------------------------


def check_sensor(sensor: Sensor, ensemble: xr.Dataset) -> None:
    """Nothing, if the sensor reads every member for itself and stands where it says.

    ensemble : at least two members (member, column, layer) of a model that it is made for
    """
    members, before = ensemble.sizes["member"], ensemble.copy(deep=True)
    reading = np.asarray(sensor.predict(ensemble))
    assert reading.shape == (members,), f"predict must give (member,); got {reading.shape}"
    assert np.isfinite(reading).all(), "a reading of a finite ensemble must be finite"
    alone = [float(sensor.predict(ensemble.isel(member=[m]))[0]) for m in range(members)]
    assert np.array_equal(reading, alone), "the reading of a member must not depend on the others"
    assert reading.min() < reading.max(), "a reading must depend on the member"
    low, high = sensor.bounds
    assert low <= reading.min() and reading.max() <= high, (
        f"readings must lie within bounds = {sensor.bounds}; got {reading.min()} to {reading.max()}"
    )
    convert(0.0, sensor.unit, sensor.unit, f"unit of {sensor}")
    assert replace(sensor) == sensor, "a sensor must be a frozen dataclass of plain values"
    assert len(sensor.place(ensemble)) == 2, "place must give x and y [m], NaN where there is none"
    float(sensor.effective_depth(ensemble))
    weights = sensor.weights(ensemble)
    if weights is not None:
        shape = (ensemble.sizes["layer"],)
        assert np.shape(weights) == shape, f"weights must be (layer,); got {np.shape(weights)}"
        assert abs(np.sum(weights) - 1.0) < 1e-9, f"weights must sum to one; got {np.sum(weights)}"
    assert ensemble.identical(before), "the ensemble was changed; a sensor only reads"


# --- models -------------------------------------------------------------------------------------


def check_model(
    model: Model,
    ensemble: xr.Dataset,
    forcing: ForcingWindow | None,
    start: np.datetime64,
    end: np.datetime64,
) -> None:
    """Nothing, if the forecast is pure, keeps members apart, is as declared and closes its budget.

    After an analysis the variable that it changed must still be there.

    ensemble : at least two members at `start`
    """
    model.state.check(ensemble)
    before = ensemble.copy(deep=True)
    forecast = model.forecast(ensemble, forcing, start, end)
    assert ensemble.identical(before), "the ensemble was changed; return a new dataset"
    model.state.check(forecast)
    _check_declared(model, forecast)
    again = model.forecast(ensemble, forcing, start, end)
    assert forecast.identical(again), "the same ensemble gave another forecast"
    last = [ensemble.sizes["member"] - 1]
    part = None if forcing is None else forcing.of_members(np.array(last))
    alone = model.forecast(ensemble.isel(member=last), part, start, end)
    for name in model.state:
        same = np.array_equal(alone[name].values[0], forecast[name].values[-1])
        assert same, f"{name} of a member depends on the other members"
    _check_budget(model, ensemble, forecast)
    _check_reconciled(model, forecast)
    finer = model.refined()
    assert finer is None or (finer.state == model.state and finer != model), (
        "refined() must be another model of the same state, or None"
    )


def _check_declared(model: Model, forecast: xr.Dataset) -> None:
    for name, variable in forecast.data_vars.items():
        assert variable.dims[0] == "member", f"{name} must lead with 'member'; got {variable.dims}"
    for name, declared in model.diagnostics.items():
        assert name in forecast, f"the forecast lacks the diagnostic {name!r} that is declared"
        unit = str(forecast[name].attrs.get("units", ""))
        assert unit == declared.unit, f"{name} must be in {declared.unit!r}; got {unit!r}"


def _check_budget(model: Model, before: xr.Dataset, forecast: xr.Dataset) -> None:
    content, old = model.water(forecast), model.water(before)
    if model.budget is None:
        return
    assert content is not None and old is not None, "a model with a budget must tell its water()"
    error = float(np.abs(content.values - old.values - model.budget.net(forecast).values).max())
    assert error < BUDGET_TOLERANCE, f"the water budget is open by {error:.2g} mm"


def _check_reconciled(model: Model, forecast: xr.Dataset) -> None:
    """Each state in turn drawn towards its mean, as an analysis does: it must still be there."""
    for name in model.state:
        given = _drawn(model, forecast, name)
        before = given.copy(deep=True)
        kept, clipped = model.reconcile(given, (name,))
        assert given.identical(before), "reconcile changed what it was given; return a new dataset"
        assert np.allclose(kept[name], given[name], rtol=1e-6, atol=1e-9), (
            f"reconcile must keep a valid {name} as it was set"
        )
        model.state.check(kept)
        assert float(np.abs(clipped).max()) < BUDGET_TOLERANCE, "nothing was out of bounds to clip"


def _drawn(model: Model, forecast: xr.Dataset, name: str) -> xr.Dataset:
    """The ensemble with one state drawn towards its mean, as far as that leaves it valid.

    Where a member lies on a bound and what is drawn holds no water, it stays there: snow may lie in
    some members only, and where there is none, no depth above zero is valid.
    """
    values = forecast[name]
    mean = values + 0.2 * (values.mean("member") - values)
    given = forecast.assign({name: values.copy(data=mean.transpose(*values.dims))})
    content, old = model.water(given), model.water(forecast)
    if content is None or old is None:
        return given
    same = content == old
    same = same.all([dim for dim in same.dims if dim not in values.dims])
    bare = values.isin(model.state[name].bounds) & same
    return given.assign({name: given[name].where(~bare.transpose(*values.dims), values)})


# --- experiments --------------------------------------------------------------------------------


def check_experiment(experiment: Experiment, stops: int = 3) -> None:
    """Nothing, if the experiment is declared well and its first `stops` cycles run, and repeat.

    Runs the open loop of three members three times, once to disk.
    """
    _check_prior(experiment)
    short = replace(experiment, members=3, updates=())
    experiment.check(experiment.read_network(), short.prior(np.random.default_rng(1), 1))
    begin, _ = short.span
    period = str(begin), str(begin + stops * duration(short.every, "every"))
    short = replace(short, period=period, assimilate_until=None)
    once, twice = (short.open_loop().leg(OPEN_LOOP)["final"].to_dataset() for _ in range(2))
    assert once.identical(twice), "the same experiment gave another result"
    with tempfile.TemporaryDirectory() as folder:
        stored = short.open_loop(folder).leg(OPEN_LOOP)["final"].to_dataset()
    for name in once:
        assert np.array_equal(once[name], stored[name], equal_nan=True), f"{name} changed on disk"


def _check_prior(experiment: Experiment) -> None:
    def drawn(seed: int, members: int = 1) -> xr.Dataset:
        return experiment.prior(np.random.default_rng(seed), members)

    first = drawn(1)
    for members, draw in ((1, first), (3, drawn(1, 3))):
        got = draw.sizes.get("member")
        assert got == members, f"prior(rng, {members}) must draw that many members; got {got}"
    assert first.identical(drawn(1)), "prior must draw from rng alone: it gave another member"
    same = [bool(np.array_equal(first[name], drawn(2)[name])) for name in experiment.model.state]
    assert not all(same), "prior must draw from rng: another rng gave the same member"


# --- smaller parts ------------------------------------------------------------------------------


def check_transform(transform: Transform, values: np.ndarray) -> None:
    """Nothing, if the transform is finite and rising over `values`, and its inverse undoes it.

    values : increasing physical values within the domain of the transform
    """
    seen = transform.forward(values)
    assert np.isfinite(seen).all(), f"forward is not finite for values in its domain: {seen}"
    assert (np.diff(seen) > 0).all(), "forward must rise, so that more stays more"
    back = transform.inverse(seen)
    assert np.allclose(back, values, rtol=1e-9, atol=0), "inverse must undo forward"


def check_zone(zone: Zone, ensemble: xr.Dataset) -> None:
    """Nothing, if the zone marks cells of the ensemble by true and false, and changes nothing.

    ensemble : at least two members (member, column, layer) of a model that it is made for
    """
    before = ensemble.copy(deep=True)
    mask = zone.mask(Ensemble(ensemble, ensemble.sizes["member"]))
    assert mask.dtype == bool, f"a mask must be of true and false; got {mask.dtype}"
    dims = ("member", "column", "layer")
    assert tuple(dim for dim in dims if dim in mask.dims) == mask.dims, (
        f"a mask must have dimensions of {dims} in this order; got {mask.dims}"
    )
    for dim in mask.dims:
        assert mask.sizes[dim] == ensemble.sizes[dim], f"the mask has {mask.sizes[dim]} of {dim}"
    assert ensemble.identical(before), "the ensemble was changed; a zone only looks"


def check_outlier_rule(rule: OutlierRule) -> None:
    """Nothing, if the rule never trusts an observation more the further off it is, and says why."""
    innovation = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 100.0])
    spread, variance = np.full(7, 0.5), np.full(7, 0.25)
    used, reasons = rule.judge(innovation, spread, variance.copy())
    assert np.shape(used) == (7,), f"judge must give variances (obs,); got {np.shape(used)}"
    assert used[0] == variance[0], "an observation that meets the forecast must stay as it is"
    assert (used >= variance).all(), "a rule must not lower the error of an observation"
    assert (np.asarray(used)[1:] >= np.asarray(used)[:-1]).all(), (
        "an observation further off must not weigh more"
    )
    mirrored, _ = rule.judge(-innovation, spread, variance.copy())
    assert np.array_equal(used, mirrored), "too low and too high must be judged alike"
    unsaid = set(np.flatnonzero(used != variance).tolist()) ^ set(reasons)
    assert not unsaid, f"each changed observation, and no other, needs a reason; see {unsaid}"
