"""Random fields over the places of a catchment."""

from __future__ import annotations

import warnings

import gstools
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def random_field(
    model: gstools.CovModel, rng: np.random.Generator, x: Array, y: Array, modes: int
) -> Array:
    """Values (column,) of one field with this covariance, from so many modes."""
    seed = int(rng.integers(2**31))
    with warnings.catch_warnings():
        # The sampler of wave numbers subtracts infinities where both its tries are impossible.
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning, "emcee")
        return np.asarray(gstools.SRF(model, seed=seed, mode_no=modes)((x, y)))
