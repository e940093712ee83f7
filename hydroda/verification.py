"""Scores of simulations and ensembles against observations: labelled data in, labelled data out.

A score of `sim` against `obs` compares the places and times both have, and of these the pairs
where neither is missing; `count` says how many pairs that were, and too few of them give NaN.
`sim` is converted to the unit of `obs`. `dim` names what is averaged over, None is every dimension.
Scores are meant for the ensemble mean (`sim.mean("member")`), except `crps`, `spread`,
`spread_skill` and `rank_histogram`, which want the members.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from scipy import linalg, spatial, stats

from hydroda.errors import DataError, HydrodaError
from hydroda.units import Amount, Duration, convert, duration, magnitude

Dims: TypeAlias = "str | Iterable[str] | None"
ScoreFunction: TypeAlias = Callable[[xr.DataArray, xr.DataArray], xr.DataArray]

MEMBER = "member"

# Two coordinates closer than this are one place.
_SAME_PLACE = 1e-3  # [m]


class Pool(Enum):
    """How scores of slices (time steps, stations) become one: mean or root mean square."""

    MEAN = "mean"
    ROOT_MEAN_SQUARE = "root mean square"

    def __call__(self, slices: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
        if self is Pool.MEAN:
            return slices.mean(dims)
        return (slices**2).mean(dims) ** 0.5


# --- pairs ------------------------------------------------------------------------------------


def paired(sim: xr.DataArray, obs: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """`sim` in the unit of `obs` and `obs`, on the labels both have, NaN where either is missing.

    Raises
    ------
    UnitError
        The units cannot be converted.
    DataError
        Along some dimension they have no label in common.
    """
    left, right = xr.broadcast(*_aligned(sim, obs))
    both = left.notnull() & right.notnull()
    return left.where(both), right.where(both)


def _aligned(sim: xr.DataArray, obs: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """`sim` in the unit of `obs` and `obs`, on the labels both have."""
    left, right = xr.align(_same_unit(sim, obs), obs.astype(np.float64), join="inner")
    for name in obs.dims:
        if name in sim.dims and right.sizes[name] == 0 < min(sim.sizes[name], obs.sizes[name]):
            raise DataError(
                f"simulation and observations have no {name} in common: simulated "
                f"{_extent(sim, str(name))}, observed {_extent(obs, str(name))}; "
                f"bring one to the labels of the other"
            )
    return left, right


def count(sim: xr.DataArray, obs: xr.DataArray, dim: Dims = None) -> xr.DataArray:
    """The number of pairs that a score over `dim` stands on."""
    sim, obs = paired(sim, obs)
    return _labelled(sim.notnull().sum(_dims(sim, dim)), "number of pairs", "1")


def _same_unit(sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
    source, target = sim.attrs.get("units"), obs.attrs.get("units")
    if source is None or target is None or source == target:
        return sim.astype(np.float64)
    return sim.copy(data=convert(sim.values, source, target, "simulation"))


def _extent(data: xr.DataArray, name: str) -> str:
    labels = data[name].values
    return f"{labels[0]!s} to {labels[-1]!s}"


def _dims(data: xr.DataArray, dim: Dims) -> list[str]:
    wanted = list(data.dims) if dim is None else [dim] if isinstance(dim, str) else list(dim)
    missing = [name for name in wanted if name not in data.dims]
    if missing:
        raise DataError(
            f"dim names {', '.join(map(repr, missing))}, which the data lack: "
            f"they have {', '.join(map(str, data.dims)) or 'no dimension'}"
        )
    return [str(name) for name in wanted]


def _mean(values: xr.DataArray, dims: Sequence[str], at_least: int = 1) -> xr.DataArray:
    n = values.notnull().sum(dims)
    return values.sum(dims) / n.where(n >= max(at_least, 1))


def _labelled(score: xr.DataArray, name: str, unit: str | None) -> xr.DataArray:
    score.attrs = {"long_name": name} | ({} if unit is None else {"units": unit})
    return score.rename(None)


def _unit(obs: xr.DataArray) -> str | None:
    unit = obs.attrs.get("units")
    return None if unit is None else str(unit)


# --- scores of one simulation -----------------------------------------------------------------


def bias(sim: xr.DataArray, obs: xr.DataArray, dim: Dims = None) -> xr.DataArray:
    """The mean of simulation minus observation [unit of `obs`]."""
    unit = _unit(obs)
    sim, obs = paired(sim, obs)
    return _labelled(_mean(sim - obs, _dims(obs, dim)), "bias", unit)


def mae(sim: xr.DataArray, obs: xr.DataArray, dim: Dims = None) -> xr.DataArray:
    """The mean absolute error [unit of `obs`]."""
    unit = _unit(obs)
    sim, obs = paired(sim, obs)
    return _labelled(_mean(abs(sim - obs), _dims(obs, dim)), "mean absolute error", unit)


def rmse(sim: xr.DataArray, obs: xr.DataArray, dim: Dims = None) -> xr.DataArray:
    """The root mean square error [unit of `obs`].

    The RMSE of Li (Eq. 5), over the sites of each time step and then the mean over time, is
    `rmse(sim, obs, "station").mean("time")`.
    """
    unit = _unit(obs)
    sim, obs = paired(sim, obs)
    return _labelled(
        _mean((sim - obs) ** 2, _dims(obs, dim)) ** 0.5, "root mean square error", unit
    )


def ubrmse(
    sim: xr.DataArray,
    obs: xr.DataArray,
    dim: Dims = None,
    *,
    remove: str | Sequence[str],
    pool: Pool = Pool.MEAN,
) -> xr.DataArray:
    """The root mean square error after the mean over `remove` is taken out [unit of `obs`].

    In each slice along `remove`, ubRMSE² = RMSE² − bias²; slices with fewer than two pairs are left
    out, the others pooled over what else `dim` names.

    `remove="station"`: error of the pattern over the sites at each time step, then the mean over
    time (Li, Eq. 6). `remove="time"`: error of each site's variation in time, the usual reading.
    They can rank two runs differently: report which.
    """
    unit = _unit(obs)
    sim, obs = paired(sim, obs)
    removed = _dims(obs, remove)
    rest = [name for name in _dims(obs, dim) if name not in removed]
    error = sim - obs
    # Two passes: the difference of large squares would lose the small ubRMSE of a biased run.
    slices = _mean((error - _mean(error, removed)) ** 2, removed, at_least=2) ** 0.5
    name = f"unbiased root mean square error (mean over {', '.join(removed)} removed)"
    return _labelled(pool(slices, rest), name, unit)


def correlation(
    sim: xr.DataArray, obs: xr.DataArray, dim: Dims = None, *, at_least: int = 3
) -> xr.DataArray:
    """Pearson's R over `dim`; NaN for fewer than `at_least` pairs or a constant series."""
    sim, obs = paired(sim, obs)
    dims = _dims(obs, dim)
    a, b = _anomalies(sim, dims), _anomalies(obs, dims)
    r = _mean(a * b, dims, at_least) / (_mean(a**2, dims) * _mean(b**2, dims)) ** 0.5
    return _labelled(r.clip(-1, 1), "correlation", "1")


def _anomalies(values: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
    """Deviations from the mean over `dims`, NaN where they are only its rounding error."""
    mean = _mean(values, dims)
    anomalies = values - mean
    return anomalies.where(abs(anomalies).max(dims) > abs(mean) * 1e-13)


def error_parts(sim: xr.DataArray, truth: xr.DataArray, dim: Dims = None) -> xr.Dataset:
    """`error` = √v, `bias` b and `short_lived` √(v − b²) over `dim` [unit of `truth`].

    With the hourly forecasts after each analysis along `dim` this is Dan, Eq. 19-20.
    """
    dims = _dims(paired(sim, truth)[1], dim)
    return xr.Dataset(
        {
            "error": rmse(sim, truth, dims),
            "bias": bias(sim, truth, dims),
            "short_lived": ubrmse(sim, truth, dims, remove=dims),
        }
    )


def residual_summary(
    residual: xr.DataArray, dim: Dims = ("member", "time"), *, across: str = "column"
) -> xr.Dataset:
    """Water-budget residual averaged over `dim` (Dan, Eq. 21), and how it differs `across` columns.

    `mean`, `mean_absolute` and interquartile range `iqr` of the columns' means
    [unit of `residual`].
    """
    dims = _dims(residual, dim)
    columns = _mean(residual, dims)
    quartiles = columns.quantile([0.25, 0.75], across)
    summary = {
        "mean": columns.mean(across),
        "mean_absolute": _mean(abs(residual), dims).mean(across),
        "iqr": quartiles.isel(quantile=1, drop=True) - quartiles.isel(quantile=0, drop=True),
    }
    return xr.Dataset(
        {name: _labelled(x, f"residual {name}", _unit(residual)) for name, x in summary.items()}
    )


# --- scores of an ensemble ---------------------------------------------------------------------


def crps(
    ensemble: xr.DataArray, obs: xr.DataArray, dim: Dims = None, *, fair: bool = False
) -> xr.DataArray:
    """The continuous ranked probability score [unit of `obs`] of the members, averaged over `dim`.

    Missing members are left out. `fair` scores the distribution the members are drawn from in place
    of the finite ensemble, so that ensembles of different sizes compare; it needs two members.

    Gneiting & Raftery (2007, doi:10.1198/016214506000001437), Ferro (2014, doi:10.1002/qj.2270).
    """
    unit = _unit(obs)
    ensemble, obs = _aligned(_members(ensemble), obs)
    # Relative to the observation, so that no digits are lost to a large mean.
    each = xr.apply_ufunc(
        partial(_crps_of_errors, fair=fair), ensemble - obs, input_core_dims=[[MEMBER]]
    )
    return _labelled(_mean(each, _dims(each, dim)), "continuous ranked probability score", unit)


def _crps_of_errors(errors: np.ndarray, fair: bool) -> np.ndarray:
    """CRPS from members minus observation (…, member)."""
    errors = np.sort(errors, axis=-1)  # NaN last
    m = np.isfinite(errors).sum(axis=-1).astype(np.float64)
    rank = np.arange(1, errors.shape[-1] + 1)
    # Σᵢⱼ|xᵢ − xⱼ| = 2 Σ (2i − M − 1) x₍ᵢ₎ for sorted members
    differences = 2 * np.nansum((2 * rank - m[..., None] - 1) * errors, axis=-1)
    m[m < (2 if fair else 1)] = np.nan
    pairs = m * (m - 1) if fair else m * m
    result: np.ndarray = np.nansum(abs(errors), axis=-1) / m - differences / (2 * pairs)
    return result


def spread(ensemble: xr.DataArray, dim: Dims = ()) -> xr.DataArray:
    """The ensemble standard deviation, root mean square over `dim`; NaN below two members."""
    ensemble = _members(ensemble)
    deviations = (ensemble - ensemble.mean(MEMBER)) ** 2
    n = ensemble.notnull().sum(MEMBER)
    variance = deviations.sum(MEMBER) / (n - 1).where(n > 1)
    return _labelled(
        _mean(variance, _dims(variance, dim)) ** 0.5, "ensemble spread", _unit(ensemble)
    )


def spread_skill(
    ensemble: xr.DataArray,
    obs: xr.DataArray,
    dim: Dims = None,
    *,
    error_sd: xr.DataArray | float = 0.0,
) -> xr.Dataset:
    """`spread`, `rmse` of the ensemble mean, their `ratio` and the number of pairs `n` over `dim`.

    For a reliable ensemble of M members RMSE² = (M+1)/M · variance + observation error²: that root
    is `spread` here, so that the ratio is 1 for a reliable ensemble, below 1 for an overconfident
    one. `error_sd` in the unit of `obs`.

    Fortin et al. (2014, doi:10.1175/JHM-D-14-0008.1).
    """
    expected, squared = _expected_and_squared(ensemble, obs, error_sd)
    dims = _dims(squared, dim)
    return _spread_and_skill(
        _mean(expected, dims), _mean(squared, dims), squared.notnull().sum(dims), _unit(obs)
    )


def spread_skill_binned(
    ensemble: xr.DataArray,
    obs: xr.DataArray,
    *,
    bins: int = 10,
    error_sd: xr.DataArray | float = 0.0,
) -> xr.Dataset:
    """`spread_skill` in `bins` equally large classes of the expected error, from small to large."""
    expected, squared = _expected_and_squared(ensemble, obs, error_sd)
    expected, squared = xr.broadcast(expected, squared)
    x, y = expected.values.ravel(), squared.values.ravel()
    valid = np.isfinite(x) & np.isfinite(y)
    if valid.sum() < bins:
        raise DataError(
            f"{bins} bins need at least {bins} pairs; got {valid.sum()}: use fewer bins"
        )
    order = np.argsort(x[valid], kind="stable")
    classes = np.array_split(order, bins)
    x, y = x[valid], y[valid]

    def each(of: Callable[[np.ndarray], float]) -> xr.DataArray:
        return xr.DataArray([of(members) for members in classes], dims="bin")

    return _spread_and_skill(
        each(lambda members: x[members].mean()),
        each(lambda members: y[members].mean()),
        each(np.size),
        _unit(obs),
    )


def _expected_and_squared(
    ensemble: xr.DataArray, obs: xr.DataArray, error_sd: xr.DataArray | float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Expected and actual squared error of the ensemble mean, each pair, missing alike."""
    ensemble = _same_unit(_members(ensemble), obs)
    m = ensemble.notnull().sum(MEMBER)
    expected = spread(ensemble) ** 2 * (m + 1) / m.where(m > 0) + error_sd**2
    mean, obs = paired(ensemble.mean(MEMBER), obs)
    squared = (mean - obs) ** 2
    expected, squared = xr.align(expected, squared, join="inner")
    both = expected.notnull() & squared.notnull()
    return expected.where(both), squared.where(both)


def _spread_and_skill(
    expected: xr.DataArray, squared: xr.DataArray, n: xr.DataArray, unit: str | None
) -> xr.Dataset:
    spread_, error = expected**0.5, squared**0.5
    return xr.Dataset(
        {
            "spread": _labelled(spread_, "expected error from the spread", unit),
            "rmse": _labelled(error, "error of the ensemble mean", unit),
            "ratio": _labelled(spread_ / error.where(error > 0), "spread / error", "1"),
            "n": _labelled(n, "number of pairs", "1"),
        }
    )


def rank_histogram(
    ensemble: xr.DataArray,
    obs: xr.DataArray,
    rng: np.random.Generator,
    dim: Dims = None,
    *,
    error_sd: xr.DataArray | float = 0.0,
) -> xr.DataArray:
    """How often the observation has rank 0..M among M members: counts (rank).

    Ties get a random rank among the tied. Observations err too, which makes a reliable ensemble
    look overconfident: with `error_sd` [unit of `obs`] the members get that noise before ranking.
    Cases with a missing observation or member are left out.

    Hamill (2001, doi:10.1175/1520-0493(2001)129<0550:IORHFV>2.0.CO;2).
    """
    ensemble, obs = _aligned(_members(ensemble), obs)
    errors = (ensemble - obs).transpose(..., MEMBER)
    noise = xr.DataArray(rng.standard_normal(errors.shape), errors.coords, errors.dims)
    errors = errors + noise * error_sd
    m = errors.sizes[MEMBER]
    below, tied = (errors < 0).sum(MEMBER), (errors == 0).sum(MEMBER)
    rank = (below + rng.integers(0, tied.values, endpoint=True)).where(
        errors.notnull().all(MEMBER), -1
    )
    dims = _dims(rank, dim)
    counts = xr.concat([(rank == r).sum(dims) for r in range(m + 1)], "rank")
    return _labelled(counts.assign_coords(rank=np.arange(m + 1)), "number of cases", "1")


def flatness(counts: xr.DataArray) -> xr.Dataset:
    """The `chi2` test of a rank histogram against the flat one, its p-value `p` and `n` cases.

    NaN where fewer than five cases are expected per rank. Correlated cases make p too small.
    """
    n = counts.sum("rank")
    expected = (n / counts.sizes["rank"]).where(n >= 5 * counts.sizes["rank"])
    chi2 = ((counts - expected) ** 2 / expected).sum("rank", skipna=False)
    p = xr.apply_ufunc(stats.chi2.sf, chi2, counts.sizes["rank"] - 1)
    return xr.Dataset({"chi2": chi2, "p": p, "n": n})


def _members(ensemble: xr.DataArray) -> xr.DataArray:
    if MEMBER not in ensemble.dims:
        raise DataError(
            f"the ensemble must have the dimension '{MEMBER}'; it has "
            f"{', '.join(map(str, ensemble.dims)) or 'none'}"
        )
    return ensemble


# --- statistics of innovations -----------------------------------------------------------------


def innovation_chi2(
    innovation: xr.DataArray,
    covariance: xr.DataArray,
    dim: str = "obs",
    *,
    other: str | None = None,
) -> xr.DataArray:
    """dᵀ (H P Hᵀ + R)⁻¹ d / p over the p innovations along `dim`; near 1 if the errors are as said.

    `covariance` is the diagonal (…, `dim`) of H P Hᵀ + R, or with `other` the whole matrix
    (…, `dim`, `other`). Missing innovations are left out; the coordinate `n` holds p.

    Raises
    ------
    DataError
        A variance is not positive, or a matrix not positive definite.
    """
    n = innovation.notnull().sum(dim)
    if other is None:
        used = covariance.where(innovation.notnull())
        if bool((used <= 0).any()):
            raise DataError("covariance must be positive: a variance of the innovations is not")
        total = (innovation**2 / used).sum(dim, min_count=1)
    else:
        if covariance.sizes[other] != covariance.sizes[dim]:
            raise DataError(
                f"covariance must be square: {dim} has {covariance.sizes[dim]} entries, "
                f"{other} has {covariance.sizes[other]}"
            )
        total = xr.apply_ufunc(
            _squared_norm,
            innovation,
            covariance,
            input_core_dims=[[dim], [dim, other]],
            vectorize=True,
            output_dtypes=[np.float64],
        )
    chi2 = total / n.where(n > 0)
    return _labelled(chi2, "normalized innovation squared", "1").assign_coords(n=n)


def _squared_norm(d: np.ndarray, s: np.ndarray) -> float:
    """dᵀ S⁻¹ d over the entries of d that are not missing."""
    valid = np.isfinite(d)
    if not valid.any():
        return np.nan
    try:
        factor = linalg.cholesky(s[np.ix_(valid, valid)], lower=True)
    except (linalg.LinAlgError, ValueError):
        raise DataError(
            "covariance must be positive definite; it is not: check H P Hᵀ + R"
        ) from None
    whitened = linalg.solve_triangular(factor, d[valid], lower=True)
    return float(whitened @ whitened)


def chi2_interval(n: xr.DataArray, level: float = 0.95) -> xr.Dataset:
    """Between `low` and `high` lies `innovation_chi2` of `n` values with probability `level`."""
    tail = (1 - level) / 2
    bounds = {"low": tail, "high": 1 - tail}
    return xr.Dataset(
        {
            name: xr.apply_ufunc(lambda k, q=q: stats.chi2.ppf(q, k) / k, n)
            for name, q in bounds.items()
        }
    )


def desroziers(
    innovation: xr.DataArray,
    residual: xr.DataArray,
    dim: Dims = "time",
    *,
    matrix: str | None = None,
    at_least: int = 10,
) -> xr.Dataset:
    """What innovations o − b and analysis residuals o − a say the error variances are.

    `R` = E[(o−a)(o−b)], `HPHt` = E[(a−b)(o−b)], `HAHt` = E[(a−b)(o−a)] over `dim`, and `n`. With
    `matrix` naming the dimension of the observations these are matrices (obs, obs_other), made
    symmetric. Means are not removed: a bias counts as error. NaN below `at_least` pairs.

    Desroziers et al. (2005, doi:10.1256/qj.05.108).
    """
    ob, oa = paired(innovation, residual)
    dims = _dims(ob, dim)
    ab = ob - oa
    result = {
        name: _expectation(left, right, dims, matrix, at_least)
        for name, left, right in (("R", oa, ob), ("HPHt", ab, ob), ("HAHt", ab, oa))
    }
    unit = _unit(innovation)
    squared = None if unit is None else f"({unit})^2"
    names = {"R": "observation error", "HPHt": "background error", "HAHt": "analysis error"}
    covariance = "covariance" if matrix else "variance"
    labelled = {
        key: _labelled(x, f"diagnosed {names[key]} {covariance}", squared)
        for key, x in result.items()
    }
    return xr.Dataset(labelled | {"n": ob.notnull().sum(dims)})


def _expectation(
    left: xr.DataArray, right: xr.DataArray, dims: list[str], matrix: str | None, at_least: int
) -> xr.DataArray:
    if matrix is None:
        return _mean(left * right, dims, at_least)
    other = f"{matrix}_other"
    product = _mean(left * right.rename({matrix: other}), dims, at_least)
    mirrored = product.rename({matrix: other, other: matrix}).transpose(*product.dims)
    return (product + mirrored) * 0.5


# --- groups ------------------------------------------------------------------------------------


def by(
    score: ScoreFunction, sim: xr.DataArray, obs: xr.DataArray, *groups: xr.DataArray
) -> xr.DataArray:
    """`score` in each class of `groups`, one new dimension per group, named like it.

    A group is an array of labels along dimensions of `obs`: `obs.time.dt.year`, `obs.layer`, a
    `distance_class`. Its classes come in the order of `attrs["classes"]`, else sorted.

    >>> by(rmse, sim, obs, obs.time.dt.year, distance_class(obs, wells))     # (year, distance)
    """
    if not groups:
        return score(sim, obs)
    first, *rest = groups
    if first.name is None:
        raise HydrodaError(
            "a group needs a name, which names the dimension of the result: .rename()"
        )
    classes = _classes(first)
    parts = [by(score, sim, obs.where(first == label), *rest) for label in classes]
    name = str(first.name)
    return xr.concat(parts, name).assign_coords({name: np.array(classes)})


def _classes(labels: xr.DataArray) -> list[Any]:
    if "classes" in labels.attrs:
        return list(labels.attrs["classes"])
    return list(pd.unique(pd.Series(labels.values.ravel()).dropna().sort_values()))


def distance_class(
    stations: xr.DataArray | xr.Dataset,
    reference: xr.DataArray | xr.Dataset,
    edges: Sequence[Amount] = ("0 km", "0.5 km", "2.5 km", "5 km"),
) -> xr.DataArray:
    """The class of each station's distance to the nearest reference station (Li, section 3).

    Both have the coordinates `x` and `y` [m], projected, along one dimension. Classes "0 km" (the
    reference stations themselves), "0-0.5 km" (upper edge included), …, "> 5 km".
    """
    limits = np.array([magnitude(edge, "m", "edges") for edge in edges])
    if limits.size == 0 or (np.diff(limits) <= 0).any() or limits[0] < 0:
        raise HydrodaError(f"edges must increase from 0 or more; got {', '.join(map(str, edges))}")
    if _positions(reference).size == 0:
        raise DataError("reference has no station, so there is no distance to one")
    km = [f"{limit / 1000:g}" for limit in limits]
    first = f"{km[0]} km" if limits[0] == 0 else f"0-{km[0]} km"
    between = [f"{low}-{high} km" for low, high in itertools.pairwise(km)]
    classes = np.array([first, *between, f"> {km[-1]} km"], dtype=object)
    distance, _ = spatial.KDTree(_positions(reference)).query(_positions(stations))
    index = np.searchsorted(limits + _SAME_PLACE, distance)
    return xr.DataArray(
        classes[index],
        {stations["x"].dims[0]: stations[stations["x"].dims[0]]},
        stations["x"].dims,
        "distance",
        {"classes": list(classes)},
    )


def _positions(stations: xr.DataArray | xr.Dataset) -> np.ndarray:
    missing = [name for name in ("x", "y") if name not in stations.coords and name not in stations]
    if missing:
        raise DataError(
            f"stations need the coordinates x and y [m]; {' and '.join(missing)} missing"
        )
    positions = np.column_stack([stations["x"].values, stations["y"].values]).astype(np.float64)
    if not np.isfinite(positions).all():
        raise DataError("stations have missing coordinates: leave those stations out")
    return positions


# --- confidence --------------------------------------------------------------------------------


def score_difference(
    score: ScoreFunction,
    run: xr.DataArray,
    baseline: xr.DataArray,
    obs: xr.DataArray,
    *,
    block: Duration | int,
    seed: int,
    dim: str = "time",
    draws: int = 1000,
    level: float = 0.95,
) -> xr.Dataset:
    """`difference` = score(run) − score(baseline), its interval `low`..`high`, and `beyond_noise`.

    The interval is that of resampled time blocks, the same blocks for both runs: choose `block`
    ("30 D", or a number of entries of `dim`) longer than errors are correlated. NaN below five.
    `beyond_noise` is whether the interval leaves out zero.

    Carlstein (1986, doi:10.1214/aos/1176350057).
    """
    run, baseline, obs = xr.align(run, baseline, obs, join="inner", exclude=[MEMBER])
    blocks = _blocks(obs[dim], block)
    rng = np.random.default_rng(seed)

    def difference(entries: np.ndarray) -> xr.DataArray:
        at = {dim: entries}
        # The same time twice is wanted here, and no index lets two such arrays be aligned.
        samples = (data.isel(at).drop_vars(dim, errors="ignore") for data in (run, baseline, obs))
        sampled_run, sampled_baseline, sampled_obs = samples
        return score(sampled_run, sampled_obs) - score(sampled_baseline, sampled_obs)

    whole = difference(np.arange(obs.sizes[dim]))
    if len(blocks) < 5:
        low = high = xr.full_like(whole, np.nan)
    else:
        sampled = xr.concat(
            [
                difference(
                    np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))])
                )
                for _ in range(draws)
            ],
            "draw",
        )
        tail = (1 - level) / 2
        low, high = (sampled.quantile(q, "draw").drop_vars("quantile") for q in (tail, 1 - tail))
    return xr.Dataset(
        {
            "difference": whole,
            "low": low,
            "high": high,
            "beyond_noise": (low > 0) | (high < 0),
            "blocks": len(blocks),
        }
    )


def _blocks(labels: xr.DataArray, block: Duration | int) -> list[np.ndarray]:
    """The entries of each block of time; blocks without any are left out."""
    if isinstance(block, int | np.integer):
        if block < 1:
            raise HydrodaError(f"block must be at least one entry of {labels.name}; got {block}")
        number = np.arange(labels.size) // block
    elif np.issubdtype(labels.dtype, np.datetime64):
        number = (labels.values - labels.values.min()) // duration(block, "block")
    else:
        raise HydrodaError(
            f"block {block!r} is a time span, but {labels.name} holds no times: "
            "give a number of entries"
        )
    return [np.flatnonzero(number == k) for k in np.unique(number)]


def mean_interval(series: xr.DataArray, dim: str = "time", *, level: float = 0.95) -> xr.Dataset:
    """The `mean` of a correlated series, its interval `low`..`high` and its effective size.

    `effective_size` is the number of independent values with the same variance of the mean, at most
    the number of values. Missing values are left out as if the series closed over them. NaN below
    ten values.

    Geyer (1992, doi:10.1214/ss/1177011137), initial positive sequence made monotone.
    """
    mean, se, size = xr.apply_ufunc(
        _mean_and_error,
        series.astype(np.float64),
        input_core_dims=[[dim]],
        output_core_dims=[[], [], []],
        vectorize=True,
    )
    # A few effective values leave the variance itself uncertain: Student's t.
    reach = se * xr.apply_ufunc(lambda n: stats.t.ppf((1 + level) / 2, np.maximum(n - 1, 1)), size)
    unit = _unit(series)
    return xr.Dataset(
        {
            "mean": _labelled(mean, "mean", unit),
            "low": _labelled(mean - reach, "lower bound of the mean", unit),
            "high": _labelled(mean + reach, "upper bound of the mean", unit),
            "effective_size": _labelled(size, "effective size", "1"),
        }
    )


def _mean_and_error(series: np.ndarray) -> tuple[float, float, float]:
    """Mean, its standard error and the effective size of `series` (time,)."""
    x = series[np.isfinite(series)]
    n = x.size
    if n < 10:
        return (float(x.mean()) if n else np.nan), np.nan, np.nan
    mean = x.mean()
    gamma = _autocovariance(x - mean)
    if gamma[0] <= (1e-13 * mean) ** 2:
        return float(mean), 0.0, float(n)
    pairs = gamma[: n - n % 2].reshape(-1, 2).sum(axis=1)
    stop = np.flatnonzero(pairs <= 0)
    positive = np.minimum.accumulate(pairs[: stop[0] if stop.size else None])
    # 2 Σ (pairs) − γ₀ = γ₀ + 2 Σ γ; not below γ₀, so that anticorrelation is no gain.
    inflated = max(2 * positive.sum() - gamma[0], gamma[0])
    size = n * gamma[0] / inflated
    return float(mean), float(np.sqrt(gamma[0] / max(size - 1, 1))), float(size)


def _autocovariance(anomalies: np.ndarray) -> np.ndarray:
    """γ_k of the anomalies (time,) for k = 0..n−1, by FFT, divided by n."""
    n = anomalies.size
    spectrum = np.fft.rfft(anomalies, 2 * n)
    gamma: np.ndarray = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n] / n
    return gamma


# --- tables ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """A row of a score table: a function of simulation and observations, reduced to one number.

    `best` is the value of a perfect run, None where there is none. `members`: it scores the
    ensemble, not its mean. `needs`: dimensions without which the score means nothing.
    """

    function: ScoreFunction
    best: float | None = 0.0
    members: bool = False
    needs: tuple[str, ...] = ()

    def applies(self, sim: xr.DataArray, obs: xr.DataArray) -> bool:
        """Whether the data have the dimensions the score needs, and members where it needs them."""
        return (not self.members or MEMBER in sim.dims) and all(
            obs.sizes.get(name, 0) > 1 for name in self.needs
        )

    def __call__(self, sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
        if not self.members and MEMBER in sim.dims:
            sim = sim.mean(MEMBER, keep_attrs=True)
        return self.function(sim, obs)


def _mean_correlation(sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
    """Correlation in time, averaged over the stations."""
    return _labelled(correlation(sim, obs, "time").mean(), "correlation", "1")


def _spread_at(sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
    """Ensemble spread at the observations [their unit]."""
    sim, aligned = _aligned(sim, obs)
    return _labelled(spread(sim.where(aligned.notnull()), None), "ensemble spread", _unit(obs))


def _spread_skill_ratio(sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
    return spread_skill(sim, obs)["ratio"]


# ubrmse_time and ubrmse_station can rank runs differently (see `ubrmse`), hence both.
SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "n": Score(count, best=None),
        "rmse": Score(rmse),
        "ubrmse_time": Score(partial(ubrmse, remove="time"), needs=("time",)),
        "ubrmse_station": Score(partial(ubrmse, remove="station"), needs=("station",)),
        "bias": Score(bias),
        "mae": Score(mae),
        "correlation": Score(_mean_correlation, best=1.0, needs=("time",)),
        "crps": Score(crps, members=True),
        "spread": Score(_spread_at, best=None, members=True),
        "spread_skill": Score(_spread_skill_ratio, best=1.0, members=True),
    }
)

COLUMNS = ["score", "variable", "group", "run", "unit", "value"]

Group: TypeAlias = "xr.DataArray | tuple[xr.DataArray, ...]"


def score_table(
    runs: Mapping[str, Mapping[str, xr.DataArray]],
    observations: Mapping[str, xr.DataArray],
    *,
    groups: Mapping[str, Sequence[Group]] | None = None,
    scores: Mapping[str, Score] = SCORES,
) -> pd.DataFrame:
    """A tidy table: one row for each score, variable, group and run, with its unit and value.

    `runs[run][variable]` is simulated at the places and times of `observations[variable]`, with or
    without the dimension `member`; scores that need what is not there are left out. Besides the
    group "all" there are those of `groups[variable]`: labels as in `by`, or a tuple of them to be
    crossed, written "2016, 0-0.5 km".
    """
    rows = [
        (name, variable, group, run, value.attrs.get("units", ""), float(value))
        for variable, obs in observations.items()
        for crossed in _crossings((groups or {}).get(variable, ()))
        for name, score in scores.items()
        for run, simulated in runs.items()
        if variable in simulated and score.applies(simulated[variable], obs)
        for group, value in _values(score, simulated[variable], obs, crossed)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _crossings(groups: Sequence[Group]) -> list[tuple[xr.DataArray, ...]]:
    return [(), *(group if isinstance(group, tuple) else (group,) for group in groups)]


def _values(
    score: Score, sim: xr.DataArray, obs: xr.DataArray, groups: tuple[xr.DataArray, ...]
) -> list[tuple[str, xr.DataArray]]:
    """The score of each group, with the group's name."""
    result = by(score, sim, obs, *groups)
    if not groups:
        return [("all", result)]
    flat = result.stack(group=[str(group.name) for group in groups])
    names = (", ".join(map(str, labels)) for labels in flat["group"].values)
    return [(name, flat[i]) for i, name in enumerate(names)]


def records(table: pd.DataFrame) -> list[dict[str, str | float | None]]:
    """The rows of a score table as JSON takes them: a missing value is None."""
    return [
        {name: _plain(value) for name, value in zip(table.columns, row, strict=True)}
        for row in table.itertuples(index=False)
    ]


def _plain(value: Any) -> str | float | None:
    if isinstance(value, str):
        return value
    return float(value) if np.isfinite(value) else None
