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
from hydroda.experiment import Experiment
from hydroda.filters import Filter
from hydroda.forcing import ForcingWindow
from hydroda.localization import LocalizationScheme
from hydroda.models.base import Model
from hydroda.obs import Sensor
from hydroda.result import OPEN_LOOP

BUDGET_TOLERANCE = 1e-6  # [mm] per forecast


def check_taper(scheme: LocalizationScheme, seed: int = 0) -> None:
    """Nothing, if the taper is one at its centre, never rises, and its sparse weights are its values.

    A covariance tapered by it must stay a covariance: the matrix of tapers between random places
    has no negative eigenvalue beyond rounding.
    """
    r = np.linspace(0.0, 3.0, 301)
    values = np.asarray(scheme.taper(r))
    assert values.shape == r.shape, f"taper(r) must have the shape of r; got {values.shape}"
    assert np.isfinite(values).all(), "the taper must be finite for every r >= 0"
    assert abs(values[0] - 1.0) < 1e-12, f"the taper must be 1 at r = 0; got {values[0]}"
    assert (np.diff(values) <= 1e-12).all(), "the taper must not rise with distance"
    assert values.min() >= -1e-12, f"the taper must not be negative; got {values.min()}"
    rng = np.random.default_rng(seed)
    places = _scattered(rng, 40, 2.0 * float(scheme.radius))
    tapers = scheme.between(places)
    assert np.allclose(tapers, tapers.T), "the taper of a pair must not depend on its order"
    lowest = np.linalg.eigvalsh(tapers)[0]
    assert lowest > -1e-8, f"tapers between places must be positive semidefinite; got {lowest:.2g}"
    dense = scheme.weights(places, places).dense()
    assert np.allclose(dense, tapers, atol=1e-3), "weights() and between() must agree"
    nowhere = scheme.weights(Places.nowhere(2), places).dense()
    assert np.array_equal(nowhere, np.ones_like(nowhere)), "a row without a place has taper 1"


def _scattered(rng: np.random.Generator, n: int, extent: float) -> Places:
    return Places(*(rng.uniform(0.0, extent, n) for _ in range(3)))


def check_filter(filter: Filter, seed: int = 0) -> None:
    """Nothing, if the filter behaves as an analysis must whatever its scheme.

    No observation, no change; rows without spread stay; the order of the observations does not
    matter; the mean moves towards a single observation and not past it; nothing passed in changes;
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
    assert np.array_equal(x, analysed(problem)), "the same problem gave another analysis"
    nothing = _observing(problem, np.array([], dtype=int))
    assert np.array_equal(analysed(nothing), kept), "without observations the prior must come back"
    assert np.allclose(x[-1], kept[-1]), "a row without spread must stay as it is"
    reordered = analysed(_observing(problem, np.arange(len(problem.y))[::-1]))
    assert np.allclose(x, reordered, atol=1e-8), "the order of observations changes the analysis"
    single = _observing(problem, np.array([0]))
    mean = analysed(single)[0].mean()
    low, high = sorted((single.hx[0].mean(), single.y[0]))
    assert low - 1e-9 <= mean <= high + 1e-9, (
        f"the mean {mean:.3g} must lie between forecast and observation, {low:.3g} and {high:.3g}"
    )


def _problem(rng: np.random.Generator, rows: int = 12, members: int = 10) -> Problem:
    """Rows on a line, the first four observed, the last one without spread."""
    x = rng.normal(size=(rows, members)).cumsum(axis=0)
    x[-1] = 1.5
    observed = np.arange(4)
    noise = rng.normal(size=(4, members))
    line = np.arange(rows, dtype=np.float64)
    places = Places(line, np.zeros(rows), np.full(rows, np.nan))
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


def check_sensor(sensor: Sensor, ensemble: xr.Dataset) -> None:
    """Nothing, if the sensor reads every member for itself and stands where it says.

    ensemble : members (member, column, layer) of a model that it is made for
    """
    members = ensemble.sizes["member"]
    reading = np.asarray(sensor.predict(ensemble))
    assert reading.shape == (members,), f"predict must give (member,); got {reading.shape}"
    assert np.isfinite(reading).all(), "a reading of a finite ensemble must be finite"
    alone = [float(sensor.predict(ensemble.isel(member=[m]))[0]) for m in range(members)]
    assert np.array_equal(reading, alone), "the reading of a member must not depend on the others"
    assert replace(sensor) == sensor, "a sensor must be a frozen dataclass of plain values"
    assert len(sensor.place(ensemble)) == 2, "place must give x and y [m], NaN where there is none"
    float(sensor.effective_depth(ensemble))
    weights = sensor.weights(ensemble)
    if weights is not None:
        assert abs(np.sum(weights) - 1.0) < 1e-9, f"weights must sum to one; got {np.sum(weights)}"


def check_model(
    model: Model,
    ensemble: xr.Dataset,
    forcing: ForcingWindow | None,
    start: np.datetime64,
    end: np.datetime64,
) -> None:
    """Nothing, if the forecast is pure, keeps members apart, declares its state and closes its budget.

    ensemble : at least two members at `start`
    """
    model.state.check(ensemble)
    before = ensemble.copy(deep=True)
    forecast = model.forecast(ensemble, forcing, start, end)
    xr.testing.assert_identical(ensemble, before)  # nothing passed in may change
    model.state.check(forecast)
    for name, variable in forecast.data_vars.items():
        assert variable.dims[0] == "member", f"{name} must lead with 'member'; got {variable.dims}"
    again = model.forecast(ensemble, forcing, start, end)
    xr.testing.assert_identical(forecast, again)
    last = [ensemble.sizes["member"] - 1]
    part = None if forcing is None else forcing.of_members(np.array(last))
    alone = model.forecast(ensemble.isel(member=last), part, start, end)
    for name in model.state:
        same = np.array_equal(alone[name].values[0], forecast[name].values[-1])
        assert same, f"{name} of a member depends on the other members"
    _check_budget(model, ensemble, forecast)
    _check_reconciled(model, forecast)


def _check_budget(model: Model, before: xr.Dataset, forecast: xr.Dataset) -> None:
    content, old = model.water(forecast), model.water(before)
    if model.budget is None or content is None or old is None:
        return
    error = float(np.abs(content - old - model.budget.net(forecast)).max())
    assert error < BUDGET_TOLERANCE, f"the water budget is open by {error:.2g} mm"


def _check_reconciled(model: Model, forecast: xr.Dataset) -> None:
    names = tuple(model.state)[:1]
    kept, clipped = model.reconcile(forecast, names)
    assert np.allclose(kept[names[0]], forecast[names[0]], rtol=1e-6, atol=1e-9), (
        f"reconcile must keep a valid {names[0]} as it was set"
    )
    assert float(np.abs(clipped).max()) < BUDGET_TOLERANCE, "nothing was out of bounds to clip"


def check_experiment(experiment: Experiment, stops: int = 3) -> None:
    """Nothing, if the experiment is declared well and its first `stops` cycles run, and repeat.

    Runs the open loop of three members twice.
    """
    short = replace(experiment, members=3, updates=())
    first = short.prior(np.random.default_rng(1), 1)
    assert first.sizes["member"] == 1, "prior(rng, 1) must draw one member"
    xr.testing.assert_identical(first, short.prior(np.random.default_rng(1), 1))
    begin, _ = short.span
    period = str(begin), str(begin + stops * np.timedelta64(1, "ns") * int(short.every.astype(int)))
    short = replace(short, period=period, assimilate_until=None)
    once, twice = (short.open_loop().leg(OPEN_LOOP)["final"].to_dataset() for _ in range(2))
    xr.testing.assert_identical(once, twice)
    with tempfile.TemporaryDirectory() as folder:
        stored = short.open_loop(folder).leg(OPEN_LOOP)["final"].to_dataset()
    for name in once:
        assert np.array_equal(once[name], stored[name], equal_nan=True), f"{name} changed on disk"
