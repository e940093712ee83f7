"""Ensemble smoothers with several passes over the same observations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hydroda.analysis import Places, Problem
from hydroda.errors import DataError, DeclarationError
from hydroda.filters.base import Filter
from hydroda.filters.enkf import EnKF


@dataclass(frozen=True, eq=False)
class Smoothing:
    """x (state, member) after the last pass, and hx (pass, obs, member) before each pass."""

    x: np.ndarray
    hx: np.ndarray


@dataclass(frozen=True)
class ESMDA:
    """The ensemble smoother with multiple data assimilation: the same data with R inflated by α_i.

    Emerick and Reynolds (2013), section 3; DOI 10.1016/j.cageo.2012.03.011. Either `steps` equal
    passes or `alphas` with Σ 1/α = 1. One step is the ensemble smoother.

    >>> ESMDA(steps=4).smooth(log_k, run, y, variance, rng).x
    """

    steps: int | None = None
    alphas: tuple[float, ...] | None = None
    filter: Filter = field(default_factory=EnKF)

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.alphas is None):
            raise DeclarationError(
                "ESMDA needs exactly one of steps= and alphas=; got "
                f"steps={self.steps!r}, alphas={self.alphas!r}"
            )
        if self.steps is not None and self.steps < 1:
            raise DeclarationError(f"ESMDA.steps must be at least 1; got {self.steps!r}")
        if self.alphas is not None:
            alphas = tuple(float(alpha) for alpha in self.alphas)
            object.__setattr__(self, "alphas", alphas)
            total = sum(1.0 / alpha for alpha in alphas) if min(alphas, default=0) > 0 else 0.0
            if not math.isclose(total, 1.0, rel_tol=1e-6):
                raise DeclarationError(
                    "ESMDA.alphas must be positive with a sum of 1/alpha of 1; got "
                    f"{alphas} with {total:.6g}"
                )

    @property
    def inflations(self) -> tuple[float, ...]:
        """α of each pass."""
        if self.alphas is not None:
            return self.alphas
        assert self.steps is not None
        return (float(self.steps),) * self.steps

    def smooth(
        self,
        prior: np.ndarray,
        run: Callable[[np.ndarray], np.ndarray],
        y: np.ndarray,
        variance: np.ndarray,
        rng: np.random.Generator,
        *,
        correlation: np.ndarray | None = None,
        state_places: Places | None = None,
        obs_places: Places | None = None,
        damping: np.ndarray | float = 1.0,
    ) -> Smoothing:
        """The posterior of `prior` (state, member) given y (obs,) with error `variance` (obs,).

        `run` takes (state, member) and predicts (obs, member); it is called once for each pass.

        Raises
        ------
        DataError
            `run` returned another shape or numbers that are not finite.
        """
        x = np.array(prior, dtype=np.float64)
        y, variance = np.asarray(y, dtype=np.float64), np.asarray(variance, dtype=np.float64)
        predictions = []
        for alpha in self.inflations:
            hx = _predicted(run, x, len(y))
            predictions.append(hx)
            noise = draw_errors(rng, alpha * variance, correlation, x.shape[1])
            problem = Problem(
                x=x,
                hx=hx,
                y=y,
                variance=alpha * variance,
                correlation=correlation,
                noise=noise,
                state_places=state_places,
                obs_places=obs_places,
                damping=damping,
                operator=run,
                rng=rng,
            )
            x = self.filter.analyse(problem).x
        return Smoothing(x, np.array(predictions))


def _predicted(run: Callable[[np.ndarray], np.ndarray], x: np.ndarray, p: int) -> np.ndarray:
    hx = np.asarray(run(x), dtype=np.float64)
    if hx.shape != (p, x.shape[1]):
        raise DataError(f"run must return shape {(p, x.shape[1])} (obs, member); got {hx.shape}")
    bad = np.flatnonzero(~np.isfinite(hx).all(axis=0))
    if len(bad):
        raise DataError(f"run must return finite numbers; members {bad.tolist()} are not")
    return hx


def draw_errors(
    rng: np.random.Generator, variance: np.ndarray, correlation: np.ndarray | None, members: int
) -> np.ndarray:
    """Draws (obs, member) from N(0, R), centred over members."""
    draws = rng.standard_normal((len(variance), members))
    if correlation is not None:
        draws = np.linalg.cholesky(correlation) @ draws
    draws -= draws.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(variance)[:, None] * draws)
