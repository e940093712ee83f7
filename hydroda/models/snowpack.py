"""Snow in layers: how it falls, settles, holds water and covers the ground."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from hydroda.errors import DeclarationError
from hydroda.models.kernels import snow as kernels
from hydroda.units import Amount, magnitude

__all__ = [
    "AndersonDensity",
    "Compaction",
    "HedstromPomeroy",
    "NiuYang",
    "RoughCover",
    "SnowAgeing",
    "Snowpack",
]


def _positive(record: Any, units: dict[str, str]) -> None:
    """Turn the fields of a frozen dataclass into SI numbers, none negative."""
    for name, unit in units.items():
        value = magnitude(getattr(record, name), unit, name)
        if not value >= 0.0:
            raise DeclarationError(
                f"{name} of {type(record).__name__} must not be negative; got {value}"
            )
        object.__setattr__(record, name, value)


@dataclass(frozen=True)
class NiuYang:
    """Cover by depth, and less of it the denser the snow (10.1029/2007JD008674): CLM 4."""

    fresh: Amount = "100 kg/m3"
    melting: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, {"fresh": "kg/m3", "melting": ""})

    def kernel(self) -> kernels.NiuYang:
        return kernels.NiuYang(float(self.fresh), float(self.melting))


@dataclass(frozen=True)
class RoughCover:
    """Cover depth/(10 roughness + depth): CoLM and CLM 3."""

    def kernel(self) -> kernels.RoughCover:
        return kernels.RoughCover()


@dataclass(frozen=True)
class AndersonDensity:
    """Fresh snow of 50 kg m-3 below -15 °C to 169 at 2 °C (Anderson 1976): CLM and CoLM."""

    token: ClassVar[Any] = kernels.AndersonDensity()


@dataclass(frozen=True)
class HedstromPomeroy:
    """Fresh snow of 67.9 + 51.25 e^(T/2.59 °C) kg m-3 (Hedstrom and Pomeroy 1998)."""

    token: ClassVar[Any] = kernels.HedstromPomeroy()


@dataclass(frozen=True)
class Compaction:
    """How snow settles (Anderson 1976).

    New snow settles at `rate` at the melting point, slower by e per 1/`cold` and, above the density
    `firm`, per 1/`dense`; `wet` times faster with liquid water in it. Under a load it yields with a
    `viscosity` that grows by e per 1/`stiff_cold` and per 1/`stiff_dense`.
    """

    rate: Amount = "2.777e-6 1/s"
    cold: Amount = "0.04 1/K"
    dense: Amount = "0.046 m3/kg"
    firm: Amount = "100 kg/m3"
    wet: float = 2.0
    viscosity: Amount = "9e5 kg s/m2"
    stiff_cold: Amount = "0.08 1/K"
    stiff_dense: Amount = "0.023 m3/kg"

    units: ClassVar[dict[str, str]] = {
        "rate": "1/s",
        "cold": "1/K",
        "dense": "m3/kg",
        "firm": "kg/m3",
        "wet": "",
        "viscosity": "kg s/m2",
        "stiff_cold": "1/K",
        "stiff_dense": "m3/kg",
    }

    def __post_init__(self) -> None:
        _positive(self, self.units)

    def kernel(self) -> kernels.Compaction:
        return kernels.Compaction(*(float(getattr(self, item.name)) for item in fields(self)))


@dataclass(frozen=True)
class SnowAgeing:
    """Age of the surface by warmth, undone by `renewing` of fresh snow (Dickinson et al. 1993)."""

    rate: Amount = "1e-6 1/s"
    activation: Amount = "5000 K"
    steady: float = 0.3
    renewing: Amount = "10 kg/m2"

    def __post_init__(self) -> None:
        _positive(self, {"rate": "1/s", "activation": "K", "steady": "", "renewing": "kg/m2"})

    def kernel(self) -> kernels.Ageing:
        return kernels.Ageing(*(float(getattr(self, item.name)) for item in fields(self)))


@dataclass(frozen=True)
class Snowpack:
    """Snow of up to five layers. `holding` is the part of its pores that keeps liquid water.

    >>> Snowpack(cover=RoughCover()).holding
    0.033
    """

    cover: NiuYang | RoughCover = field(default_factory=NiuYang)
    fresh: AndersonDensity | HedstromPomeroy = field(default_factory=AndersonDensity)
    compaction: Compaction = field(default_factory=Compaction)
    ageing: SnowAgeing = field(default_factory=SnowAgeing)
    holding: float = 0.033

    def __post_init__(self) -> None:
        if not 0.0 <= self.holding <= 1.0:
            raise DeclarationError(f"holding must lie in 0 to 1; got {self.holding}")

    def kernel(self) -> kernels.Pack:
        """The choices as the kernels want them."""
        return kernels.Pack(
            self.cover.kernel(),
            self.fresh.token,
            self.compaction.kernel(),
            float(self.holding),
            self.ageing.kernel(),
        )
