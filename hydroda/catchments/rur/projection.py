"""From longitude and latitude to metres on a plane, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TransverseMercator:
    """A conformal plane along a meridian; the ellipsoid and zone 32 north of UTM by default.

    Krueger's series to the fourth order of the third flattening n: micrometres within 1000 km of
    the meridian. Karney 2011, Eq. 7-11 and 35-36, 10.1007/s00190-011-0445-3.
    """

    meridian: float = 9.0  # [degree]
    latitude: float = 0.0  # of the origin [degree]
    scale: float = 0.9996
    east: float = 500e3  # of the origin [m]
    north: float = 0.0
    axis: float = 6378137.0  # [m]
    flattening: float = 1 / 298.257223563
    crs: str = "EPSG:32632"

    @property
    def _n(self) -> float:
        return self.flattening / (2.0 - self.flattening)

    @property
    def _radius(self) -> float:
        """Of the circle as long as the meridian [m], scaled."""
        n = self._n
        return self.scale * self.axis / (1.0 + n) * (1.0 + n**2 / 4.0 + n**4 / 64.0)

    @property
    def _forward(self) -> tuple[float, ...]:
        n = self._n
        return (
            n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180,
            13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440,
            61 * n**3 / 240 - 103 * n**4 / 140,
            49561 * n**4 / 161280,
        )

    @property
    def _backward(self) -> tuple[float, ...]:
        n = self._n
        return (
            n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96 - n**4 / 360,
            n**2 / 48 + n**3 / 15 - 437 * n**4 / 1440,
            17 * n**3 / 480 - 37 * n**4 / 840,
            4397 * n**4 / 161280,
        )

    def _conformal(self, latitude: Array) -> Array:
        """Tangent of the conformal latitude."""
        e = np.sqrt(self.flattening * (2.0 - self.flattening))
        tau = np.tan(np.radians(latitude))
        sigma = np.sinh(e * np.arctanh(e * tau / np.hypot(1.0, tau)))
        return np.asarray(tau * np.hypot(1.0, sigma) - sigma * np.hypot(1.0, tau))

    def _along(self) -> float:
        """Distance of the origin from the equator [m]."""
        xi = np.arctan(self._conformal(np.asarray(self.latitude)))
        terms = enumerate(self._forward, 1)
        return float(self._radius * (xi + sum(a * np.sin(2 * j * xi) for j, a in terms)))

    def plane(self, longitude: ArrayLike, latitude: ArrayLike) -> tuple[Array, Array]:
        """x and y [m] of places [degree]."""
        tau = self._conformal(np.asarray(latitude, float))
        angle = np.radians(np.asarray(longitude, float) - self.meridian)
        xi = np.arctan2(tau, np.cos(angle))
        eta = np.arcsinh(np.sin(angle) / np.hypot(tau, np.cos(angle)))
        wave = xi + 1j * eta
        wave = wave + sum(
            a * np.sin(2 * j * (xi + 1j * eta)) for j, a in enumerate(self._forward, 1)
        )
        x = self.east + self._radius * np.imag(wave)
        return np.asarray(x), np.asarray(self.north + self._radius * np.real(wave) - self._along())

    def sphere(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Longitude and latitude [degree] of places [m]."""
        east = (np.asarray(x, float) - self.east) / self._radius
        north = (np.asarray(y, float) - self.north + self._along()) / self._radius
        wave = north + 1j * east
        wave = wave - sum(
            b * np.sin(2 * j * (north + 1j * east)) for j, b in enumerate(self._backward, 1)
        )
        xi, eta = np.real(wave), np.imag(wave)
        longitude = self.meridian + np.degrees(np.arctan2(np.sinh(eta), np.cos(xi)))
        wanted = np.sin(xi) / np.hypot(np.sinh(eta), np.cos(xi))
        latitude = np.degrees(np.arctan(wanted))
        for _ in range(6):  # Newton on the tangent; three do
            miss = self._conformal(latitude) - wanted
            latitude = latitude - np.degrees(miss / (1.0 + wanted**2))
        return np.asarray(longitude), np.asarray(latitude)


UTM32 = TransverseMercator()
