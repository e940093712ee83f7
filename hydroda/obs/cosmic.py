"""COSMIC: fast-neutron counts straight from a soil-moisture profile.

Shuttleworth et al. 2013, doi:10.5194/hess-17-3205-2013. High-energy neutrons weaken on their way
down, the fast ones they set free on their way up, in all directions; the counts are what arrives:

    2 N/π ∫ (α ρ + ρ_w) exp(−m/L1 − w/L2) ∫ exp(−(m/L3 + w/L4)/cos φ) dφ dz

with the masses m of dry soil and w of water above z, and φ from 0 to π/2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.obs import _kernels_cosmic
from hydroda.threads import threads_for
from hydroda.units import Amount, magnitude

Array = NDArray[np.float64]

REACH = 0.86  # the share of the counts that the depth stands for
# What the columns of a table of sites are in, and where they go.
SITE_COLUMNS = {
    "bulk_density_gcm3": ("bulk_density", "g cm-3"),
    "lattice_water_m3m3": ("lattice_water", "m3 m-3"),
    "N": ("N", ""),
    "alpha": ("alpha", ""),
    "L1_gcm2": ("L1", "g cm-2"),
    "L2_gcm2": ("L2", "g cm-2"),
    "L3_gcm2": ("L3", "g cm-2"),
    "L4_gcm2": ("L4", "g cm-2"),
}


@dataclass(frozen=True, kw_only=True)
class CosmicSite:
    """The parameters of COSMIC at a site.

    `N` counts [h-1] per g cm-2 of what sets neutrons free, as published; `alpha` is what dry soil
    sets free relative to water; L1 and L2 weaken the high-energy neutrons in soil and in water, L3
    and L4 the fast ones. `alpha` and L3 left out follow the bulk density, Shuttleworth et al. 2013,
    doi:10.5194/hess-17-3205-2013. L4 is 3.1627 g cm-2 there, 3.8086 in the sites of DART.
    """

    bulk_density: Amount
    N: float
    lattice_water: Amount = "0 m3/m3"
    alpha: float | None = None
    L1: Amount = "161.98621864 g/cm2"
    L2: Amount = "129.14558985 g/cm2"
    L3: Amount | None = None
    L4: Amount = "3.1627190566 g/cm2"

    def __post_init__(self) -> None:
        units = {"bulk_density": "kg m-3", "lattice_water": "m3 m-3", "N": ""}
        units |= {"L1": "kg m-2", "L2": "kg m-2", "L4": "kg m-2"}
        for name, unit in units.items():
            self._set(name, getattr(self, name), unit)
        dry = float(self.bulk_density) / 1000
        self._set("alpha", 0.404 - 0.101 * dry if self.alpha is None else self.alpha, "")
        self._set("L3", f"{99.29 * dry - 31.65} g/cm2" if self.L3 is None else self.L3, "kg m-2")
        for each in fields(self):
            value = getattr(self, each.name)
            if not (value >= 0 if each.name in ("lattice_water", "alpha") else value > 0):
                raise DeclarationError(f"{each.name} of CosmicSite cannot be {value!r}")

    def _set(self, name: str, value: Amount, unit: str) -> None:
        object.__setattr__(self, name, magnitude(value, unit, f"{name} of CosmicSite"))

    @property
    def row(self) -> list[float]:
        """What the kernels take, in SI units."""
        names = ("bulk_density", "lattice_water", "N", "alpha", "L1", "L2", "L3", "L4")
        return [float(getattr(self, name)) for name in names]


def cosmic_sites(path: str | Path) -> dict[str, CosmicSite]:
    """Parameters by site, from a CSV table with the columns `site` and `SITE_COLUMNS`.

    Raises
    ------
    DataError
        The file is missing, lacks a column, names a site twice, or has what is no number.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    for name in ("site", *SITE_COLUMNS):
        if name not in table:
            raise DataError(
                f"{path.name} needs a column {name!r}; it has {', '.join(map(str, table))}"
            )
    twice = table["site"][table["site"].duplicated()]
    if not twice.empty:
        raise DataError(f"{path.name} names the site {twice.iloc[0]!r} twice")
    return {str(row["site"]): _site(row, path.name) for _, row in table.iterrows()}


def _site(row: pd.Series[str], file: str) -> CosmicSite:
    given: dict[str, Amount] = {}
    for column, (name, unit) in SITE_COLUMNS.items():
        try:
            value = float(row[column])
        except ValueError:
            raise DataError(
                f"{file}: {column} of {row['site']!r} must be a number; got {row[column]!r}"
            ) from None
        given[name] = f"{value!r} {unit}" if unit else value
    try:
        # By the names of its fields: amounts and plain numbers as each wants.
        return CosmicSite(**given)  # type: ignore[arg-type]
    except DeclarationError as error:
        raise DataError(f"{file}, site {row['site']!r}: {error}") from error


# --- the angles -----------------------------------------------------------------------------------


class AngleRule(NamedTuple):
    """What the kernels take: a `kind`, and `values` that are `step` apart or wide."""

    kind: int
    values: Array
    step: float


class Angles(ABC):
    """How the fast neutrons are summed over the directions in which they leave."""

    @property
    @abstractmethod
    def rule(self) -> AngleRule:
        """The rule by which kernels sum."""

    def integral(self, attenuation: ArrayLike) -> Array:
        """∫ exp(−x/cos φ) dφ over φ from 0 to π/2 at x = `attenuation`."""
        x = np.asarray(attenuation, float)
        return np.asarray(_kernels_cosmic.angle_integrals(x.ravel(), *self.rule).reshape(x.shape))

    def counts(self, theta: Array, few: Nodes, every: Nodes, soils: Array) -> Array:
        """Counts (station, member) of theta (station, member, layer) over soils (station, 8).

        By few nodes where they give what every slice gives.
        """
        with threads_for(30.0 * few.depth.size * theta.shape[0] * theta.shape[1]):
            return np.asarray(
                _kernels_cosmic.counts_of_rule(
                    theta, *few, *every[1:], soils, STEEPEST, SUDDEN, *self.rule
                )
            )


@dataclass(frozen=True)
class ExactAngles(Angles):
    """The exact integral, Bickley's function Ki1(x): Abramowitz and Stegun 1964, 11.2.8.

    Its logarithm at zero makes a plain rule slow: 0.4 % too many counts with steps of 0.5 degree.
    """

    @property
    def rule(self) -> AngleRule:
        """No values."""
        return AngleRule(_kernels_cosmic.EXACT, np.empty(0), 0.0)

    def counts(self, theta: Array, few: Nodes, every: Nodes, soils: Array) -> Array:
        """The same, of several members at a time."""
        with threads_for(10.0 * few.depth.size * theta.shape[0] * theta.shape[1]):
            return np.asarray(
                _kernels_cosmic.counts(theta, *few, *every[1:], soils, STEEPEST, SUDDEN)
            )


@dataclass(frozen=True)
class LeftRule(Angles):
    """The left sum of the published code, in steps of 0.5 degree from 0 to 89.5 degree.

    COSMIC v1.5, Shuttleworth et al. 2013, doi:10.5194/hess-17-3205-2013.
    """

    step: Amount = "0.5 degree"

    def __post_init__(self) -> None:
        step = magnitude(self.step, "degree", "step of LeftRule")
        if not 0 < step <= 90:
            raise DeclarationError(f"step of LeftRule must lie in (0, 90] degree; got {step!r}")
        object.__setattr__(self, "step", step)

    @property
    def rule(self) -> AngleRule:
        """1/cos of the left ends of the steps, and the step [rad]."""
        step = float(np.deg2rad(float(self.step)))
        secants = 1 / np.cos(np.arange(round(90 / float(self.step))) * step)
        return AngleRule(_kernels_cosmic.SUM, secants, step)


@dataclass(frozen=True)
class TableOfAngles(Angles):
    """The look-up table of mHM: linear between 10 001 values at x from 0 to 20, a fit beyond.

    Each value is a sum of trapezoids that are halved where they may be wrong by 0.001, so that
    little remains exact where few neutrons come from: 7 % too many at x = 5. Samaniego et al.,
    mHM (mo_neutrons), doi:10.5281/zenodo.1069202.
    """

    @property
    def rule(self) -> AngleRule:
        """The values of the table and how far they are apart in x."""
        return AngleRule(_kernels_cosmic.TABLE, _mhm_table(), TABLE_END / TABLE_STEPS)

    def counts(self, theta: Array, few: Nodes, every: Nodes, soils: Array) -> Array:
        """The same of every slice: few nodes are for what is smooth."""
        return super().counts(theta, every, every, soils)


TABLE_END, TABLE_STEPS = 20.0, 10_000
TRAPEZOID_ERROR, TRAPEZOIDS = 1e-3, 1024


@lru_cache(maxsize=1)
def _mhm_table() -> Array:
    x = np.arange(TABLE_STEPS + 1) * TABLE_END / TABLE_STEPS
    return np.asarray(_kernels_cosmic.halved_integrals(x, TRAPEZOID_ERROR, TRAPEZOIDS))


# --- the slices -----------------------------------------------------------------------------------


class Nodes(NamedTuple):
    """Where the slices of layers are summed: depth and weight [m] (node,), `first` (layer + 1,).

    `top` (layer + 1,) [m] are the faces of the layers, rounded to slices.
    """

    top: Array
    first: NDArray[np.int64]
    depth: Array
    weight: Array


# What profiles the few nodes are for: attenuation per depth up to STEEPEST [m-1] (pure water has
# 33), its mean above a layer no smaller share of that within than SUDDEN.
STEEPEST, SUDDEN = 20.0, 0.2
SLOPES = (1.3, 3.0, 6.0, 12.0, STEEPEST)  # tried [m-1]; the least is that of dry soil
ALLOWED = 1e-11  # error of a panel over all counts
MOST_NODES = 12  # of a panel, before it is cut in two


@dataclass(frozen=True)
class WholeLayers:
    """Each layer as one slice, however thick, and nothing below the lowest: as in mHM.

    Samaniego et al., mHM (mo_neutrons), doi:10.5281/zenodo.1069202. With a top layer of 5 cm it
    gives 3 to 9 % fewer counts.
    """

    @staticmethod
    def nodes(bottom: tuple[float, ...]) -> Nodes:
        """The middles of the layers."""
        faces = np.array((0.0, *bottom))
        return Nodes(faces, np.arange(faces.size), 0.5 * (faces[1:] + faces[:-1]), np.diff(faces))


def every_slice(bottom: tuple[float, ...], slice_: float, end: float) -> Nodes:
    """A node in the middle of every slice; a slice belongs to the layer its lower face is in.

    The lowest layer goes on to `end`, as in the published code.
    """
    edges = _edges(bottom, slice_, end)
    depth = (np.arange(edges[-1]) + 0.5) * slice_
    return Nodes(_faces(edges, slice_), edges, depth, np.full(depth.size, slice_))


@lru_cache(maxsize=64)
def few_nodes(bottom: tuple[float, ...], slice_: float, end: float) -> Nodes:
    """Far fewer nodes, by which a sum over the slices comes out the same to some 1e-10.

    Each layer is cut into panels of slices, summed by the Gauss rule of equally spaced points with
    as few nodes as the trial profiles bear. Panels are shorter where the logarithm that the angular
    integral has at the surface is near: under a dry layer it is nearer than the surface.
    """
    edges = _edges(bottom, slice_, end)
    depth: list[float] = []
    weight: list[float] = []
    first = [0]
    for top, stop in pairwise(edges.tolist()):
        if stop > top:
            _add_panels(depth, weight, _Trial.of(top, stop, slice_), top, stop)
        first.append(len(depth))
    return Nodes(_faces(edges, slice_), np.array(first), np.array(depth), np.array(weight))


class _Trial(NamedTuple):
    """Counts per slice (profile, slice) of a layer from slice `top` on, and what they may err."""

    top: int
    slice: float
    above: Array
    within: Array
    counts: Array
    allowed: Array

    @classmethod
    def of(cls, top: int, stop: int, slice_: float) -> _Trial:
        """Two layers that meet at `top`: alike, or as different as the few nodes allow."""
        pairs = [(u, w) for w in SLOPES for u in {w, SUDDEN * w, min(w / SUDDEN, STEEPEST)}]
        above, within = np.array(pairs).T[:, :, None]
        trial = cls(top, slice_, above, within, np.empty(0), np.empty(0))
        stride = max(top // 50, 1)  # what lies above need not be known better
        over = stride * trial.counts_at(np.arange(0.0, top, stride), above).sum(axis=1)
        counts = trial.counts_at(np.arange(float(top), float(stop)), within)
        return trial._replace(counts=counts, allowed=ALLOWED * (over + counts.sum(axis=1)))

    def counts_at(self, slices: Array, slope: Array) -> Array:
        """Counts (profile, slice) in the middle of `slices`, of any scale."""
        z, face = (slices + 0.5) * self.slice, self.top * self.slice
        x = self.above * face + slope * (z - face)
        # high-energy neutrons weaken by some 1 per m of soil, and in water by what L2 is to L4
        return np.asarray(np.exp(-z - x / 40) * ExactAngles().integral(x))


def _add_panels(
    depth: list[float], weight: list[float], trial: _Trial, start: int, stop: int
) -> None:
    """Adds nodes for the slices from `start` on; in two panels where one is not enough."""
    begin, end = start - trial.top, stop - trial.top
    exact = trial.counts[:, begin:end].sum(axis=1)
    for count in range(3, MOST_NODES + 1):
        nodes, weights = discrete_gauss(stop - start, count)
        error = trial.counts_at(start + nodes, trial.within) @ weights - exact
        if stop - start <= count or (np.abs(error) <= trial.allowed).all():
            depth.extend((start + nodes + 0.5) * trial.slice)
            weight.extend(weights * trial.slice)
            return
    cut = start + max(round(0.35 * (stop - start)), 1)
    _add_panels(depth, weight, trial, start, cut)
    _add_panels(depth, weight, trial, cut, stop)


def discrete_gauss(points: int, nodes: int) -> tuple[Array, Array]:
    """Nodes and weights that sum polynomials up to degree 2 `nodes` − 1 over 0, 1 … `points` − 1.

    Eigenvalues of the recurrence of Gram's polynomials (Golub and Welsch 1969,
    doi:10.2307/2004418); all the points where there are no more than `nodes`.
    """
    if points <= nodes:
        return np.arange(points, dtype=float), np.ones(points)
    k = np.arange(1.0, nodes)
    beside = 0.5 * k * np.sqrt((points**2 - k**2) / (4 * k**2 - 1))
    values, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return values + (points - 1) / 2, points * vectors[0] ** 2


def _edges(bottom: tuple[float, ...], slice_: float, end: float) -> NDArray[np.int64]:
    """Number of slices above each face (layer + 1,); the lowest layer ends at `end`."""
    whole = np.floor(np.asarray(bottom[:-1]) / slice_ * (1 + 1e-12) + 1e-9)
    last = round(end / slice_)
    return np.concatenate(([0], np.minimum(whole, last), [last])).astype(np.int64)


def _faces(edges: NDArray[np.int64], slice_: float) -> Array:
    return edges.astype(np.float64) * slice_


# --- the operator ---------------------------------------------------------------------------------


class CosmicProfile(NamedTuple):
    """Counts [h-1], mean moisture, depth of 86 % [m] (member,), weights (member, layer)."""

    counts: Array
    mean: Array
    depth: Array
    weights: Array


@dataclass(frozen=True)
class Cosmic:
    """COSMIC at a `site`: counts from profiles in layers of any thickness.

    The profile is cut into slices of 1 mm down to 3 m, as in the published code; below the lowest
    layer the soil is as in it; as a `slice`, `WholeLayers()` does neither. Shuttleworth et al.
    2013, doi:10.5194/hess-17-3205-2013.
    """

    site: CosmicSite
    angles: Angles = field(default_factory=ExactAngles)
    slice: Amount | WholeLayers = "1 mm"
    depth: Amount = "3 m"

    def __post_init__(self) -> None:
        sliced = not isinstance(self.slice, WholeLayers)
        for name in ("slice", "depth") if sliced else ("depth",):
            value = magnitude(getattr(self, name), "m", f"{name} of Cosmic")
            if not value > 0:
                raise DeclarationError(f"{name} of Cosmic must be positive; got {value!r}")
            object.__setattr__(self, name, value)
        # Where it is sliced, `slice` is a length since the loop above.
        if sliced and float(self.slice) > float(self.depth):  # type: ignore[arg-type]
            raise DeclarationError(f"slice of Cosmic must not exceed its depth, {self.depth!r}")

    def counts(self, moisture: ArrayLike, bottom: ArrayLike) -> Array:
        """Counts (member,) [h-1] of profiles (member, layer) above the faces `bottom` [m].

        Layers lead downward from the ground. A member with NaN gets NaN.
        """
        return cosmic_counts([self], np.asarray(moisture, float)[None], bottom)[0]

    def profile(self, moisture: ArrayLike, bottom: ArrayLike) -> CosmicProfile:
        """The same with where the neutrons come from, which takes a sum over every slice."""
        theta = np.ascontiguousarray(moisture, float)
        _, nodes = _nodes(self, bottom, theta.shape[-1])
        soil = np.array(self.site.row)
        counts, depth, weights = _kernels_cosmic.shares(
            theta, *nodes, soil, *self.angles.rule, REACH
        )
        return CosmicProfile(counts, (weights * theta).sum(axis=-1), depth, weights)

    def fitted(self, counts: ArrayLike, moisture: ArrayLike, bottom: ArrayLike) -> Cosmic:
        """The same operator with the N that fits corrected counts (time,) [h-1] best.

        In least squares of the counts, over the times with a whole profile (time, layer).

        Raises
        ------
        DataError
            There are not as many profiles as counts, or no pair of them is complete.
        """
        measured, profiles = np.asarray(counts, float), np.asarray(moisture, float)
        if profiles.shape[:-1] != measured.shape:
            raise DataError(
                f"COSMIC is fitted to a profile per count; got {profiles.shape[:-1]} profiles "
                f"and {measured.shape} counts"
            )
        modelled = self.counts(profiles, bottom)
        both = np.isfinite(measured) & np.isfinite(modelled)
        if not both.any():
            raise DataError("COSMIC cannot be fitted: no count has a whole profile beside it")
        m, c = modelled[both], measured[both]
        return replace(self, site=replace(self.site, N=float(self.site.N) * float(m @ c / (m @ m))))


def cosmic_counts(operators: Sequence[Cosmic], moisture: ArrayLike, bottom: ArrayLike) -> Array:
    """Counts (station, member) [h-1] of profiles (station, member, layer), a station per operator.

    All stations have the layers above the faces `bottom` [m], the same slices and angles.

    Raises
    ------
    DeclarationError
        The operators differ in more than the site, or profiles and faces do not fit.
    """
    first = operators[0]
    shared = {(each.angles, each.slice, each.depth) for each in operators}
    if len(shared) > 1:
        raise DeclarationError("operators of COSMIC computed together may differ only in the site")
    theta = np.ascontiguousarray(moisture, float)
    if theta.ndim != 3 or len(theta) != len(operators):
        raise DeclarationError(
            f"COSMIC needs profiles (station, member, layer) of {len(operators)} stations; "
            f"got {theta.shape}"
        )
    nodes = _nodes(first, bottom, theta.shape[-1])
    return first.angles.counts(theta, *nodes, np.array([o.site.row for o in operators]))


def _nodes(operator: Cosmic, bottom: ArrayLike, layers: int) -> tuple[Nodes, Nodes]:
    """Few nodes, and those of every slice."""
    faces = np.asarray(bottom, float)
    if faces.shape != (layers,) or not (np.diff(faces, prepend=0.0) > 0).all():
        raise DeclarationError(
            f"COSMIC needs the lower faces of {layers} layers [m], going down; got {faces}"
        )
    below = tuple(faces.tolist())
    if isinstance(operator.slice, WholeLayers):
        nodes = operator.slice.nodes(below)
        return nodes, nodes
    slicing = below, float(operator.slice), float(operator.depth)
    return few_nodes(*slicing), every_slice(*slicing)
