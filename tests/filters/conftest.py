"""Linear Gaussian cases, and the case that PDAF solved."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hydroda.analysis import Places, Problem


@dataclass(frozen=True)
class Case:
    """A linear observation operator H (obs, state) and a problem made with it."""

    h: np.ndarray
    problem: Problem

    def with_(self, **changes):
        return replace(self.problem, **changes)


def draws(rng, variance, members):
    """Perturbations with mean zero."""
    noise = rng.normal(size=(len(variance), members)) * np.sqrt(variance)[:, None]
    return noise - noise.mean(axis=1, keepdims=True)


def linear(columns=12, layers=3, members=20, observed=7, seed=0, mean=5.0):
    """Columns 10 m apart on a line, observed by random means over neighbouring rows."""
    rng = np.random.default_rng(seed)
    rows = columns * layers
    x = mean + np.cumsum(rng.normal(size=(rows, members)), axis=0) / 3
    at = np.sort(rng.choice(rows, observed, replace=False))
    h = np.zeros((observed, rows))
    h[np.arange(observed), at] = 1.0
    places = Places(
        np.repeat(10.0 * np.arange(columns), layers),
        np.zeros(rows),
        np.tile(0.1 + 0.2 * np.arange(layers), columns),
    )
    variance = rng.uniform(0.2, 2.0, observed)
    problem = Problem(
        x=x,
        hx=h @ x,
        y=mean + rng.normal(size=observed),
        variance=variance,
        noise=draws(rng, variance, members),
        state_places=places,
        obs_places=places[at],
        operator=lambda z: h @ z,
        rng=np.random.default_rng(seed + 1),
    )
    return Case(h, problem)


@pytest.fixture
def case():
    """36 rows, 20 members, 7 observations: fewer observations than members."""
    return linear()


@pytest.fixture
def crowded():
    """More observations than members."""
    return linear(members=6, observed=15, seed=3)


@pytest.fixture(scope="session")
def oracle(shared):
    """The arrays of PDAF's case, and the problem they pose."""
    arrays = dict(np.load(shared("reference/pdaf/oracle.npz")))
    levels = int(arrays["n_levels"])
    x = np.ascontiguousarray(arrays["ensemble"].T)
    at = arrays["obs_column"] * levels + arrays["obs_level"]
    xy = np.repeat(arrays["column_xy"], levels, axis=0)
    places = Places(xy[:, 0], xy[:, 1], np.tile(np.arange(levels), len(xy) // levels))
    problem = Problem(
        x=x,
        hx=x[at],
        y=arrays["observation"],
        variance=np.full(len(at), float(arrays["obs_error_sd"]) ** 2),
        noise=np.ascontiguousarray(arrays["perturbations"].T),
        state_places=places,
        obs_places=places[at],
    )
    return arrays, problem
