"""Deterministic filters with the symmetric square root: ETKF and LETKF."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from hydroda.analysis import Problem, Weights
from hydroda.errors import DataError, DeclarationError
from hydroda.filters import _kernels
from hydroda.filters.base import Filter
from hydroda.filters.rows import add_to_rows, grouped
from hydroda.filters.taper import OnAnomalies, OnCovariances, OnCrossCovariance, TaperForm
from hydroda.localization import NoLocalization
from hydroda.threads import HANDS, threads_for

TURNED = 512
"""Rows that one thread rotates at a time."""


@dataclass(frozen=True)
class SquareRoot(Filter):
    """What ETKF and LETKF share: mean and anomalies are transformed within the ensemble's space.

    rotation=True turns the analysis anomalies by one random, mean-preserving rotation, the same
    for all rows; it needs `Problem.rng` and an update of the whole state.
    """

    _: KW_ONLY
    rotation: bool = False

    def __post_init__(self) -> None:
        if self.taper is not None:
            raise DeclarationError(
                f"{type(self).__name__} tapers R (or nothing); taper={self.taper!r} is for EnKF "
                "and DEnKF"
            )
        if isinstance(self.form, OnAnomalies):
            raise DeclarationError(
                f"{type(self).__name__} cannot scale the anomalies of single rows as "
                f"{self.localization!r} does; use EnKF, or a taper such as "
                "GaspariCohn(halfwidth=…, along=Vertical())"
            )

    @property
    def form(self) -> TaperForm:
        """Rows are tapered only: no covariance of the observations enters."""
        form = super().form
        return OnCrossCovariance() if isinstance(form, OnCovariances) else form

    def update(self, problem: Problem) -> np.ndarray:
        if problem.scale is not None and np.ptp(problem.scale[problem.reached]):
            raise DeclarationError(
                f"{type(self).__name__} cannot scale single rows' anomalies; use EnKF or DEnKF"
            )
        problem = problem.realised()
        if isinstance(self.localization, NoLocalization):
            return everywhere(problem)
        return locally(problem)

    def finish(self, problem: Problem, x: np.ndarray) -> np.ndarray:
        if not self.rotation:
            return x
        if problem.rng is None:
            raise DeclarationError("rotation=True needs Problem.rng")
        with threads_for(x.size * problem.members):
            turn = rotation(problem.rng, problem.members)
            _kernels.rotate_rows(x, turn, TURNED)
        return x


@dataclass(frozen=True)
class ETKF(SquareRoot):
    """The ensemble transform Kalman filter with the symmetric root, without localization.

    Bishop et al. (2001); Hunt, Kostelich and Szunyogh (2007), DOI 10.1016/j.physd.2006.11.008.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.localization, NoLocalization):
            raise DeclarationError(
                f"ETKF has no localization; use LETKF({self.localization!r}) or EnKF"
            )


@dataclass(frozen=True)
class LETKF(SquareRoot):
    """The local ensemble transform Kalman filter: each place sees its observations with R/ρ.

    Hunt, Kostelich and Szunyogh (2007), DOI 10.1016/j.physd.2006.11.008.
    Without localization it is the ETKF.

    >>> LETKF(GaspariCohn(halfwidth="60 cm"), RTPS(0.4))
    """


def everywhere(problem: Problem) -> np.ndarray:
    """The analysis with one transform for all rows; R may be correlated."""
    y, d, variance = problem.anomalies, problem.innovation, problem.variance
    if problem.correlation is not None:
        root = np.linalg.cholesky(problem.covariance)
        y, d = np.linalg.solve(root, y), np.linalg.solve(root, d)
        variance = np.ones_like(variance)
    left, right, converged = _kernels.square_root_factors(y, d, variance)
    if not converged:
        raise DataError("the ensemble transform did not converge: check hx for extreme values")
    ones = Weights.ones(len(problem.x), len(left))
    return add_to_rows(replace(problem, weights=ones), left, right)


def locally(problem: Problem) -> np.ndarray:
    """The analysis with one transform for each place."""
    if problem.correlation is not None:
        raise DeclarationError(
            "LETKF with localization needs uncorrelated errors; use EnKF, or ETKF without "
            "localization"
        )
    weights = problem.weights
    assert weights is not None
    out = problem.x if problem.overwrite else np.empty_like(problem.x)
    rows, edges = grouped(weights)
    with threads_for((problem.x.size + len(weights.obs) * problem.members) * problem.members):
        failed = _kernels.square_root_rows(
            problem.x, out, rows, edges, weights.start, weights.obs, weights.value,
            problem.anomalies, problem.innovation, problem.variance,
            np.ascontiguousarray(problem.damping), HANDS,
        )  # fmt: skip
    if failed >= 0:
        raise DataError(
            f"the transform of place {failed} did not converge: check hx for extreme values"
        )
    return out


def rotation(rng: np.random.Generator, members: int) -> np.ndarray:
    """A random orthogonal matrix (member, member) that keeps the mean: Ω1 = 1.

    Sakov and Oke (2008), DOI 10.1175/2007MWR2021.1.
    """
    q, r = np.linalg.qr(rng.standard_normal((members - 1, members - 1)))
    q *= np.sign(np.diag(r))
    basis = np.triu(np.ones((members, members - 1)))
    basis[np.arange(1, members), np.arange(members - 1)] = -np.arange(1.0, members)
    basis /= np.sqrt((basis**2).sum(axis=0))
    return np.ascontiguousarray(np.full((members, members), 1.0 / members) + basis @ q @ basis.T)
