"""How water runs off a land column, and the aquifer below it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from hydroda.errors import DeclarationError
from hydroda.models.kernels import runoff as kernels
from hydroda.models.land import Underground, normalise
from hydroda.units import Amount

__all__ = [
    "Aquifer",
    "NoRunoff",
    "Runoff",
    "Simtop",
    "Topmodel",
]

MM = 1000.0


class Runoff(ABC):
    """Where the ground is saturated and what streams draw; the author writes `kernel`."""

    @abstractmethod
    def kernel(self) -> Any:
        """The token of the kernels."""


@dataclass(frozen=True)
class NoRunoff(Runoff):
    """Nothing runs off but what the ground cannot take."""

    def kernel(self) -> kernels.NoRunoff:
        return kernels.NoRunoff()


@dataclass(frozen=True)
class Topmodel(Runoff):
    """TOPMODEL concept of the Common Land Model (Dai et al. 2003, 10.1175/BAMS-84-8-1013).

    A part f = share exp(-z) of the ground is saturated, z = decay times the thickness of all air in
    the soil; elsewhere the fourth power of the wetness of the upper `top` runs off. Streams draw
    `base` times K/K_s from the layers between two depths, and `saturated` exp(-z) where the ground
    is saturated. The base flow is that of the paper; the Common Land Model as released since 2002
    has none, which is "0 mm/s" for both.
    """

    share: float = 0.3
    decay: Amount = "1 1/m"
    base: Amount = "4e-2 mm/s"
    saturated: Amount = "1e-5 mm/s"
    top: Amount = "9.06 cm"
    upper: Amount = "28.91 cm"
    lower: Amount = "229.61 cm"

    def __post_init__(self) -> None:
        normalise(self, {"decay": "1/m", "base": "m/s", "saturated": "m/s"})
        normalise(self, dict.fromkeys(("top", "upper", "lower"), "m"))
        if not 0.0 <= self.share <= 1.0:
            raise DeclarationError(f"Topmodel needs 0 <= share <= 1; got {self.share}")
        if not 0.0 <= float(self.upper) < float(self.lower):
            raise DeclarationError(
                f"Topmodel needs 0 <= upper < lower; got {self.upper} and {self.lower}"
            )

    def kernel(self) -> kernels.Topmodel:
        return kernels.Topmodel(
            float(self.share),
            float(self.decay),
            MM * float(self.base),
            MM * float(self.saturated),
            float(self.top),
            float(self.upper),
            float(self.lower),
        )


@dataclass(frozen=True)
class Simtop(Runoff):
    """SIMTOP (Niu et al. 2005, 10.1029/2005JD006111) with the numbers of CLM 4.

    With the water table at depth z, a part largest exp(-over z / 2) of the ground is saturated, and
    streams draw rate exp(-drain z). Ice seals a part of the ground and of what streams draw from;
    `frozen` is its parameter.
    """

    largest: float = 0.38
    over: Amount = "0.5 1/m"
    drain: Amount = "2.5 1/m"
    rate: Amount = "5.5e-3 mm/s"
    frozen: float = 3.0

    def __post_init__(self) -> None:
        normalise(self, {"over": "1/m", "drain": "1/m", "rate": "m/s"})
        if not 0.0 <= self.largest <= 1.0:
            raise DeclarationError(f"Simtop needs 0 <= largest <= 1; got {self.largest}")

    def kernel(self) -> kernels.Simtop:
        return kernels.Simtop(
            float(self.largest),
            float(self.over),
            float(self.drain),
            MM * float(self.rate),
            float(self.frozen),
        )


@dataclass(frozen=True)
class Aquifer(Underground):
    """Unconfined groundwater down to `depth` below the column (Niu et al. 2007).

    10.1029/2006JD007522. It takes what percolates and gives it back to a drier column; once full,
    the water table is in the column.
    """

    depth: Amount = "25 m"
    specific_yield: float = 0.2

    def __post_init__(self) -> None:
        normalise(self, {"depth": "m"})
        if float(self.depth) <= 0.0 or not 0.0 < self.specific_yield <= 1.0:
            raise DeclarationError(
                "Aquifer needs depth > 0 and 0 < specific_yield <= 1; got "
                f"{self.depth} and {self.specific_yield}"
            )

    def token(self) -> kernels.Aquifer:
        return kernels.Aquifer(float(self.depth), float(self.specific_yield))

    def store(self, below: float) -> float:
        """Water [mm] held with the water table `below` [m] the bottom of the column."""
        thickness = min(max(float(self.depth) - below, 0.0), float(self.depth))
        return MM * self.specific_yield * thickness
