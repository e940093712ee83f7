"""Cosmic-ray neutrons: corrections, counts to moisture and back, footprint weights, N0.

Arrays in, arrays out. Units: counts per hour [h-1], pressure [Pa], temperature [K], relative
humidity [1], absolute humidity [g m-3], bulk density [kg m-3], depth, height and distance [m],
moisture [m3 m-3] or, where it says gravimetric, [kg kg-1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize.elementwise import find_root

from hydroda.errors import DeclarationError
from hydroda.obs import _kernels_cosmic
from hydroda.obs._kernels_cosmic import PLAIN
from hydroda.units import Amount, magnitude

Array = NDArray[np.float64]

WATER_DENSITY = 1000.0  # [kg m-3]
SEA_LEVEL = 101325.0  # p0 of the rescaled distance [Pa]
DESILETS = 0.0808, 0.372, 0.115  # a0, a1, a2
DRIEST, WETTEST = 1e-3, 5.0  # what the transport solution is inverted between [kg kg-1]
# Soil organic matter per organic carbon (van Bemmelen), and the water with the hydrogen of as much
# cellulose, C6H10O5: 5 H2O in 162 g.
MATTER_PER_CARBON, WATER_PER_MATTER = 1.724, 0.556


# --- corrections: factors to multiply raw counts with ---------------------------------------------


def pressure_factor(pressure: ArrayLike, reference: float, beta: float = 0.76e-4) -> Array:
    """exp(β (p − p_ref)), which takes counts at `pressure` to `reference` [Pa].

    β [Pa-1] is the barometric coefficient (0.0076 per hPa). Zreda et al. 2012,
    doi:10.5194/hess-16-4079-2012.
    """
    return np.asarray(np.exp(beta * (np.asarray(pressure, float) - reference)))


def humidity_factor(humidity: ArrayLike, reference: float = 0.0, slope: float = 0.0054) -> Array:
    """1 + 0.0054 (h − h_ref), which takes counts in moist air to `reference` [g m-3].

    Rosolem et al. 2013, doi:10.1175/JHM-D-12-0120.1.
    """
    return 1 + slope * (np.asarray(humidity, float) - reference)


def incoming_factor(monitor: ArrayLike, reference: float, sensitivity: float = 1.0) -> Array:
    """1 / (1 + γ (M/M_ref − 1)) for the counts M of a neutron monitor (any unit).

    γ = 1 is Zreda et al. 2012, doi:10.5194/hess-16-4079-2012; another γ scales to the cut-off
    rigidity of the site, Hawdon et al. 2014, doi:10.1002/2013WR015138.
    """
    return 1 / (1 + sensitivity * (np.asarray(monitor, float) / reference - 1))


def vegetation_factor(biomass: ArrayLike, sensitivity: float = 0.009) -> Array:
    """1 / (1 − 0.009 B), which takes counts among plants to bare ground.

    B is the dry biomass above ground [kg m-2], each kg of which takes 0.9 % of the counts. Baatz et
    al. 2015, doi:10.1002/2014WR016443. Not the F_veg by which plants shrink the footprint.
    """
    return np.asarray(1 / (1 - sensitivity * np.asarray(biomass, float)))


def saturation_vapour_pressure(temperature: ArrayLike) -> Array:
    """Vapour pressure at saturation [Pa] as the cosmic-ray codes take it.

    Bolton 1980, Eq. 10, doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2.
    """
    celsius = np.asarray(temperature, float) - 273.15
    return np.asarray(611.2 * np.exp(17.67 * celsius / (celsius + 243.5)))


def absolute_humidity(temperature: ArrayLike, relative_humidity: ArrayLike) -> Array:
    """Water vapour in the air [g m-3], with the vapour pressure of Bolton 1980."""
    vapour = np.asarray(relative_humidity, float) * saturation_vapour_pressure(temperature)
    return np.asarray(1000 * vapour / (461.5 * np.asarray(temperature, float)))


# --- counts and moisture --------------------------------------------------------------------------


def desilets_counts(moisture: ArrayLike, n0: ArrayLike, bound: ArrayLike = 0.0) -> Array:
    """Corrected counts [h-1] over soil of a gravimetric `moisture`; `bound` is lattice and organic.

    N = N0 (a0 / (θ + θ_bound + a2) + a1): Desilets et al. 2010, App. A,
    doi:10.1029/2009WR008726; bound water as in Zreda et al. 2012, doi:10.5194/hess-16-4079-2012.
    """
    a0, a1, a2 = DESILETS
    total = np.asarray(moisture, float) + np.asarray(bound, float)
    return np.asarray(np.asarray(n0, float) * (a0 / (total + a2) + a1))


def desilets_moisture(counts: ArrayLike, n0: ArrayLike, bound: ArrayLike = 0.0) -> Array:
    """Gravimetric moisture [kg kg-1] under corrected `counts` [h-1]: inverse of `desilets_counts`.

    NaN where the counts are at or below a1 N0: no moisture explains them. A dry limit needs no
    rule: a negative value says that N0 or the bound water is wrong, and is handed on.
    """
    a0, a1, a2 = DESILETS
    excess = np.asarray(counts, float) / np.asarray(n0, float) - a1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(excess > 0, a0 / excess - a2 - np.asarray(bound, float), np.nan)


def moisture_error(counts: ArrayLike, counts_sd: ArrayLike, n0: ArrayLike) -> Array:
    """Standard deviation of the gravimetric moisture [kg kg-1] from that of corrected counts.

    Third-order Taylor expansion of Desilets' curve for Gaussian counts: Jakobi et al. 2020,
    doi:10.3389/frwa.2020.00010. The first term alone is far too small in wet soil.
    """
    a0, a1, _ = DESILETS
    sd, dry = np.asarray(counts_sd, float), np.asarray(n0, float)
    excess = np.asarray(counts, float) - a1 * dry
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(excess > 0, sd / excess, np.nan) ** 2
        slope = a0 * dry / excess
    return np.asarray(slope * np.sqrt(share * (1 + 8 * share + 15 * share**2)))


def poisson_sd(counts: ArrayLike, hours: ArrayLike = 1.0, factor: ArrayLike = 1.0) -> Array:
    """Standard deviation [h-1] of corrected counts from the raw rate `counts` [h-1] over `hours`.

    √(N t)/t, times the correction factor that the counts were multiplied with.
    """
    return np.asarray(
        np.sqrt(np.asarray(counts, float) / np.asarray(hours, float)) * np.asarray(factor, float)
    )


def organic_water(carbon: ArrayLike) -> Array:
    """Water equivalent [kg kg-1] of soil organic `carbon` [kg kg-1]: 1.724 × 0.556 times it.

    Franz et al. 2013, doi:10.5194/hess-17-453-2013; Hawdon et al. 2014, doi:10.1002/2013WR015138.
    """
    return np.asarray(np.asarray(carbon, float) * MATTER_PER_CARBON * WATER_PER_MATTER)


class Curve(ABC):
    """How counts and the water of the soil go together, that of pores, lattice and organic matter.

    `humid` says that the curve itself sees the water in the air: counts are then not corrected for
    it. Units: counts and `n0` [h-1], moisture [kg kg-1], absolute humidity [g m-3].
    """

    humid: ClassVar[bool]

    @abstractmethod
    def counts(self, moisture: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Counts [h-1] over a moisture [kg kg-1] in an air of `humidity` [g m-3]."""

    @abstractmethod
    def moisture(self, counts: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Moisture [kg kg-1] under `counts` [h-1]: inverse of `counts`; NaN where none is."""

    @abstractmethod
    def moisture_error(
        self, counts: ArrayLike, counts_sd: ArrayLike, humidity: ArrayLike, n0: ArrayLike
    ) -> Array:
        """Standard deviation of the moisture [kg kg-1] from that of the counts [h-1]."""


@dataclass(frozen=True)
class Desilets(Curve):
    """N = N0 (a0 / (θ + a2) + a1), for counts that are corrected for humidity.

    N0 is the rate over dry soil. Desilets et al. 2010, App. A, doi:10.1029/2009WR008726.
    """

    humid: ClassVar[bool] = False

    def counts(self, moisture: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Corrected counts [h-1], whatever the humidity."""
        return desilets_counts(moisture, n0)

    def moisture(self, counts: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Moisture [kg kg-1], NaN at or below a1 N0."""
        return desilets_moisture(counts, n0)

    def moisture_error(
        self, counts: ArrayLike, counts_sd: ArrayLike, humidity: ArrayLike, n0: ArrayLike
    ) -> Array:
        """By a third-order expansion: Jakobi et al. 2020, doi:10.3389/frwa.2020.00010."""
        return moisture_error(counts, counts_sd, n0)


@dataclass(frozen=True)
class TransportSolution(Curve):
    """The universal transport solution: counts from soil moisture AND air humidity together.

    `p` are the nine coefficients p0 … p8 of one row of the tables of Köhli et al. 2021,
    doi:10.3389/frwa.2020.544847 (default: MCNP with the response function of the detector). Its
    curves are for a soil of 1430 kg m-3, whose volumetric moisture they take. N0 is their N_D, some
    1.6 times that of Desilets' curve.
    """

    p: tuple[float, ...] = (1.094, 0.028, 0.254, 3.537, 0.139, -0.0014, -0.0088, 0.000115, 0.0)

    humid: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.p) != 9 or not np.isfinite(self.p).all():
            raise DeclarationError(f"p of TransportSolution must be nine numbers; got {self.p!r}")

    def counts(self, moisture: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Counts [h-1] for a gravimetric moisture [kg kg-1] and an absolute humidity [g m-3]."""
        p = self.p
        t, h = 1.43 * np.asarray(moisture, float), np.asarray(humidity, float)
        air = p[0] + p[6] * h + p[7] * h**2
        if p[8]:
            air = air + p[8] * h**3 / t
        soil = (p[1] + p[2] * t) / (p[1] + t)
        shallow = np.exp(-p[3] * t) * (p[4] + p[5] * h)
        return np.asarray(np.asarray(n0, float) * (soil * air + shallow))

    def moisture(self, counts: ArrayLike, humidity: ArrayLike, n0: ArrayLike) -> Array:
        """Gravimetric moisture [kg kg-1] under `counts` [h-1]: inverse of `counts`.

        NaN where the counts are those of no moisture from `DRIEST` to `WETTEST`.
        """
        given = np.broadcast_arrays(*(np.asarray(a, float) for a in (counts, humidity, n0)))

        def excess(moisture: Array, wanted: Array, humid: Array, scale: Array) -> Array:
            return self.counts(moisture, humid, scale) - wanted

        found = find_root(excess, (DRIEST, WETTEST), args=tuple(given))
        return np.where(found.success, found.x, np.nan)

    def moisture_error(
        self, counts: ArrayLike, counts_sd: ArrayLike, humidity: ArrayLike, n0: ArrayLike
    ) -> Array:
        """Standard deviation of the moisture [kg kg-1] from that of the counts [h-1].

        Half of what one standard deviation less and more make, since the curve bends; the one of
        them where no moisture gives the other.
        """
        n, sd = np.asarray(counts, float), np.asarray(counts_sd, float)
        wet, here, dry = (self.moisture(n + sign * sd, humidity, n0) for sign in (-1, 0, 1))
        wetter = np.where(np.isnan(wet), here - dry, wet - here)
        drier = np.where(np.isnan(dry), wet - here, here - dry)
        return np.asarray(0.5 * (wetter + drier))


# --- the revised weighting (Schrön et al. 2017, doi:10.5194/hess-21-5009-2017) --------------------


def penetration_depth(moisture: ArrayLike, bulk_density: ArrayLike, distance: ArrayLike) -> Array:
    """D86 [m], the depth above which 86 % of the neutrons had their soil contact.

    `distance` is r*, `bulk_density` [kg m-3]. Schrön et al. 2017, App. A (D86),
    doi:10.5194/hess-21-5009-2017.
    """
    theta, r = np.asarray(moisture, float), np.asarray(distance, float)
    wet = (20.0 + theta) / (0.0429 + theta)
    dry = np.asarray(bulk_density, float) / WATER_DENSITY
    return np.asarray(0.01 / dry * (8.321 + 0.14249 * (0.96655 + np.exp(-0.01 * r)) * wet))


def depth_weight(depth: ArrayLike, reach: ArrayLike) -> Array:
    """W_d = exp(−2 d/D86), not normalised. Schrön et al. 2017, App. A."""
    return np.asarray(np.exp(-2 * np.asarray(depth, float) / np.asarray(reach, float)))


def rescaled_distance(
    distance: ArrayLike,
    pressure: ArrayLike = SEA_LEVEL,
    vegetation_height: ArrayLike = 0.0,
    moisture: ArrayLike = 0.0,
) -> Array:
    """r* = r / (F_p F_veg) [m]: thin air and bare ground spread the footprint.

    Schrön et al. 2017, App. A, doi:10.5194/hess-21-5009-2017 (neptoon up to 0.13.6 multiplied).
    """
    flat = np.asarray(distance, float) / pressure_stretch(pressure)
    return np.asarray(flat / vegetation_shade(vegetation_height, moisture))


def vegetation_shade(height: ArrayLike, moisture: ArrayLike) -> Array:
    """F_veg, by which plants of a height [m] shrink the footprint. Schrön et al. 2017, App. A."""
    growth = 1 - np.exp(-0.41 * np.asarray(height, float))
    return np.asarray(1 - 0.17 * growth * (1 + np.exp(-9.25 * np.asarray(moisture, float))))


def pressure_stretch(pressure: ArrayLike) -> Array:
    """F_p, by which thinner air stretches the footprint. Schrön et al. 2017, App. A."""
    return np.asarray(0.4922 / (0.86 - np.exp(-np.asarray(pressure, float) / SEA_LEVEL)))


def horizontal_weight(distance: ArrayLike, humidity: ArrayLike, moisture: ArrayLike) -> Array:
    """W_r, not normalised, at r* = `distance` [m] for an absolute humidity and a moisture.

    Three branches: to 1 m, to 50 m (exclusive), to 600 m; zero beyond. Schrön et al. 2017, App. A,
    doi:10.5194/hess-21-5009-2017.
    """
    r, h, t = np.broadcast_arrays(*(np.asarray(a, float) for a in (distance, humidity, moisture)))
    near = _near(r, h, t)
    return np.select([r <= 1, r < 50, r < 600], [near * -np.expm1(-3.7 * r), near, _far(r, h, t)])


def _near(r: Array, h: Array, t: Array) -> Array:
    f1 = 8735 * (1 + 0.00978 * h) * np.exp(-22.689 * t) + 11720 * (1 + 0.003632 * h) - 9306 * t
    f2 = (-2.7925e-2 + 6.851e-5 * h) * np.exp(-6.6577 * t / (1 + 12.2755 * t)) + 0.028544
    f3 = 247970 * (1 + 0.00191 * h) * np.exp(-23.289 * t) + 374655 - 258552 * t
    f4 = 5.4818e-2 * np.exp(-21.032 * t) + 0.6373 - 0.0791 * t + 5.425e-4 * h
    return np.asarray(f1 * np.exp(-f2 * (1 + 0.002455 * h) * r) + f3 * np.exp(-f4 * r))


def _far(r: Array, h: Array, t: Array) -> Array:
    # 15002337 as in neptoon and crspy; cosmicsense has 15002330 (7e-7 of the weight)
    f5 = (39006 - 15002337 / (2009.24 * t + h - 0.13)) * (0.01181 - t) * np.exp(-3.146 * t)
    f5 = f5 - 16.7417 * h * t + 3727
    f6 = 6.031e-5 * (h + 98.5) + 0.0013826 * t
    f7 = 11747 * (1 - 0.00475 * h) * np.exp(-55.033 * t * (1 - 0.00604 * h)) + 4521 - 3347.4 * t
    dry = np.exp(-13.29 * t / (1 + 0.0405 * h + 26.74 * t))
    f8 = ((-1.543e-2 + 8.81e-5 * h) * dry + 1.807e-2) * (2 + 0.0011 * h)
    return np.asarray(f5 * np.exp(-f6 * r) + f7 * (2 + 0.01998 * h) * np.exp(-f8 * r))


def footprint_radius(moisture: float, humidity: float, pressure: float = SEA_LEVEL) -> float:
    """R86 [m], within which 86 % of the neutrons come from: quantile of W_r, times F_p.

    The radii simulated by Köhli et al. 2015, doi:10.1002/2015WR017169, are 1 to 7 % larger than
    those of this fit to them, which ends at 600 m.
    """
    r = np.linspace(0.0, 600.0, 60_001)[:-1]
    total = np.cumsum(horizontal_weight(r + 0.005, humidity, moisture))
    radius = float(np.interp(0.86 * total[-1], total, r + 0.01))
    return radius * float(pressure_stretch(pressure))


# R86 [m] at sea level of the simulations, by moisture (row) and humidity (column).
SIMULATED_MOISTURE = 0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.49  # [m3 m-3]
SIMULATED_HUMIDITY = 1.0, 5.0, 10.0, 15.0, 20.0, 25.0  # [g m-3]
SIMULATED_RADIUS = (
    (226.0, 215.0, 203.0, 192.0, 181.0, 171.0),
    (230.0, 218.0, 205.0, 193.0, 183.0, 173.0),
    (220.0, 209.0, 197.0, 186.0, 175.0, 166.0),
    (182.0, 173.0, 163.0, 154.0, 146.0, 138.0),
    (149.0, 141.0, 133.0, 126.0, 119.0, 113.0),
    (130.0, 124.0, 117.0, 110.0, 105.0, 99.0),
    (126.0, 120.0, 113.0, 106.0, 101.0, 95.0),
)


def simulated_radius(
    moisture: ArrayLike, humidity: ArrayLike, pressure: ArrayLike | None = None
) -> Array:
    """R86 [m] of the simulated neutrons themselves, linear between the values of a table.

    Those of Köhli et al. 2015, doi:10.1002/2015WR017169, as in the supplement of Schrön et al.
    2017, doi:10.5194/hess-21-5009-2017, times F_p of the `pressure` [Pa] (None: at sea level).
    Beyond the table its nearest value.
    """
    axes = SIMULATED_MOISTURE, SIMULATED_HUMIDITY
    table = RegularGridInterpolator(axes, SIMULATED_RADIUS, bounds_error=False)  # NaN to NaN
    theta = np.clip(moisture, SIMULATED_MOISTURE[0], SIMULATED_MOISTURE[-1])
    vapour = np.clip(humidity, SIMULATED_HUMIDITY[0], SIMULATED_HUMIDITY[-1])
    stretch = 1.0 if pressure is None else pressure_stretch(pressure)
    return np.asarray(table((theta, vapour)) * stretch)


# --- weightings of a layered profile --------------------------------------------------------------


class Average(NamedTuple):
    """What a cosmic-ray sensor makes of profiles: mean and depth (member,), weights (…, layer)."""

    mean: Array
    depth: Array
    weights: Array


class Weighting(ABC):
    """How a cosmic-ray neutron sensor averages a profile.

    The author writes `reach`, `weight` and, for layers, `means` and `weights`.
    """

    tolerance: float
    iterations: int

    @abstractmethod
    def reach(self, moisture: ArrayLike) -> Array:
        """Depth [m] that scales the weights under a mean moisture."""

    @abstractmethod
    def weight(self, depth: ArrayLike, reach: ArrayLike) -> Array:
        """Weight of a point at `depth` [m], not normalised."""

    @abstractmethod
    def means(self, moisture: Array, top: Array, bottom: Array) -> tuple[Array, Array]:
        """Mean and depth reached [m] (member,) of profiles (member, layer) between faces [m].

        Layers lead downward. A member with NaN gets NaN.
        """

    @abstractmethod
    def weights(self, reach: Array, top: Array, bottom: Array) -> Array:
        """Weights (member, layer), of sum one, of layers under the depth reached (member,) [m]."""

    def average(self, moisture: Array, top: Array, bottom: Array) -> Average:
        """Both, of profiles (member, layer) between layer faces [m]."""
        mean, reach = self.means(moisture, top, bottom)
        return Average(mean, reach, self.weights(reach, top, bottom))

    def of_samples(self, moisture: ArrayLike, depth: ArrayLike) -> Average:
        """The same of point samples (sample,) of one profile, from their plain mean on."""
        theta, z = np.asarray(moisture, float), np.asarray(depth, float)
        given, low, high = theta.mean(), theta.min(), theta.max()
        for step in range(self.iterations):
            reach = self.reach(given)
            weights = self.weight(z, reach)
            weights = weights / weights.sum()
            mean = weights @ theta
            if not abs(mean - given) > self.tolerance * abs(given):
                break
            if step < PLAIN:
                given = mean
                continue
            if step > PLAIN:  # as the kernels: the plain iteration may go to and fro for ever
                low, high = (given, high) if mean > given else (low, given)
            given = 0.5 * (low + high)
        return Average(mean, reach, weights)


@dataclass(frozen=True)
class Conventional(Weighting):
    """Weights 1 − z/z* down to z* = 0.058/(θ̄ + 0.0829) m, the layer at z* cut; θ̄ iterated.

    The operator of TSMP-PDAF and so of Li et al.; it stops when θ̄ changes by less than `tolerance`
    (relative; 1 % there), after at most `iterations`. Where dry soil lies on wet theirs does not
    end; here the θ̄ that gives itself is then found by bisection. Franz et al. 2012,
    doi:10.1029/2012WR011871; Schrön et al. 2017, doi:10.5194/hess-21-5009-2017.
    """

    tolerance: float = 0.01
    iterations: int = 100

    def __post_init__(self) -> None:
        _check_iteration(self.tolerance, self.iterations)

    def reach(self, moisture: ArrayLike) -> Array:
        """z* [m]."""
        return np.asarray(0.058 / (np.asarray(moisture, float) + 0.0829))

    def weight(self, depth: ArrayLike, reach: ArrayLike) -> Array:
        """1 − z/z*, zero below z*."""
        return np.asarray(
            np.clip(1 - np.asarray(depth, float) / np.asarray(reach, float), 0.0, None)
        )

    def means(self, moisture: Array, top: Array, bottom: Array) -> tuple[Array, Array]:
        """Mean and z* [m] (member,)."""
        mean, reach = _kernels_cosmic.conventional(
            moisture, top, bottom, self.tolerance, self.iterations
        )
        return mean, reach

    def weights(self, reach: Array, top: Array, bottom: Array) -> Array:
        """1 − z/z* integrated over each layer."""
        return np.asarray(_kernels_cosmic.linear_weights(reach, top, bottom))


@dataclass(frozen=True)
class Revised(Weighting):
    """Weights exp(−2 z/D86) integrated over each layer, D86 following the mean to a fixed point.

    D86 is taken at `distance` from the sensor, rescaled to r* by `pressure` (None: it is as at sea
    level) and `vegetation_height`. Schrön et al. 2017, App. A, doi:10.5194/hess-21-5009-2017.
    """

    bulk_density: Amount = "1400 kg m-3"
    distance: Amount = "50 m"
    pressure: Amount | None = None
    vegetation_height: Amount = "0 m"
    tolerance: float = 1e-10
    iterations: int = 100

    def __post_init__(self) -> None:
        _check_iteration(self.tolerance, self.iterations)
        units = {
            "bulk_density": "kg m-3",
            "distance": "m",
            "pressure": "Pa",
            "vegetation_height": "m",
        }
        for name, unit in units.items():
            if getattr(self, name) is None:
                continue
            value = magnitude(getattr(self, name), unit, f"{name} of Revised")
            least = 0.0 if unit == "m" else np.nextafter(0.0, 1.0)
            if not value >= least:
                raise DeclarationError(f"{name} of Revised must not be negative; got {value!r}")
            object.__setattr__(self, name, value)

    def reach(self, moisture: ArrayLike) -> Array:
        """D86 [m]."""
        shade = vegetation_shade(float(self.vegetation_height), moisture)
        return penetration_depth(moisture, float(self.bulk_density), self._flat_distance / shade)

    def weight(self, depth: ArrayLike, reach: ArrayLike) -> Array:
        """exp(−2 z/D86)."""
        return depth_weight(depth, reach)

    def means(self, moisture: Array, top: Array, bottom: Array) -> tuple[Array, Array]:
        """Mean and D86 [m] (member,)."""
        density = float(self.bulk_density) / WATER_DENSITY
        place = self._flat_distance, float(self.vegetation_height)
        ends = self.tolerance, self.iterations
        mean, reach = _kernels_cosmic.revised(moisture, top, bottom, density, *place, *ends)
        return mean, reach

    def weights(self, reach: Array, top: Array, bottom: Array) -> Array:
        """exp(−2 z/D86) integrated over each layer."""
        return np.asarray(_kernels_cosmic.exponential_weights(reach, top, bottom))

    @property
    def _flat_distance(self) -> float:
        """The distance [m] over F_p, as over bare ground."""
        stretch = 1.0 if self.pressure is None else float(pressure_stretch(float(self.pressure)))
        return float(self.distance) / stretch


def _check_iteration(tolerance: float, iterations: int) -> None:
    if not 0 < tolerance < 1:
        raise DeclarationError(f"tolerance must lie between 0 and 1; got {tolerance!r}")
    if iterations < 1:
        raise DeclarationError(f"iterations must be at least 1; got {iterations!r}")
