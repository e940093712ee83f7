"""Heat of soil and snow: what conducts it, what stores it, and how a step is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydroda.errors import DeclarationError
from hydroda.models.kernels import heat as kernels
from hydroda.models.kernels.column import CONDUCTIVITY_OF_WATER

__all__ = [
    "CoteKonrad",
    "Farouki",
    "JordanSnow",
    "Skin",
    "SoilHeat",
    "SturmSnow",
    "Thermal",
    "WholeLayer",
    "nodes",
    "thermal",
    "thickness",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Farouki:
    """Conductivity between dry and saturated by Johansen's logarithm of saturation, as in CLM."""

    def kernel(self) -> kernels.Farouki:
        return kernels.Farouki()


@dataclass(frozen=True)
class CoteKonrad:
    """Conductivity between dry and saturated as k S/(1 + (k - 1) S) (10.1139/t04-106).

    The numbers k are those of silt and clay; gravel 4.6 and 1.7, sand 3.55 and 0.95, peat 0.6 and
    0.25.
    """

    unfrozen: float = 1.9
    frozen: float = 0.85

    def __post_init__(self) -> None:
        for name in ("unfrozen", "frozen"):
            if not getattr(self, name) > 0.0:
                raise DeclarationError(f"{name} must be positive; got {getattr(self, name)}")

    def kernel(self) -> kernels.CoteKonrad:
        return kernels.CoteKonrad(float(self.unfrozen), float(self.frozen))


@dataclass(frozen=True)
class JordanSnow:
    """Conductivity of snow by its density: Jordan 1991, as in CLM."""

    token: ClassVar[Any] = kernels.Jordan()


@dataclass(frozen=True)
class SturmSnow:
    """Conductivity of snow by its density: Sturm et al. 1997 (10.3189/S0022143000002781)."""

    token: ClassVar[Any] = kernels.Sturm()


@dataclass(frozen=True)
class WholeLayer:
    """The top node has the heat capacity of its layer: energy is a function of the state."""

    def kernel(self) -> kernels.WholeLayer:
        return kernels.WholeLayer()


@dataclass(frozen=True)
class Skin:
    """The top node follows the surface more closely than its layer: CLM's and CoLM's 0.34.

    Its layer is taken to end `share` of the way from the surface to the next node, halved with its
    own depth.
    """

    share: float = 0.34

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise DeclarationError(f"Skin needs a share between 0 and 1; got {self.share}")

    def kernel(self) -> kernels.Skin:
        return kernels.Skin(float(self.share))


@dataclass(frozen=True)
class SoilHeat:
    """How heat moves in soil and snow.

    `implicit` weighs the new temperatures in the fluxes: 1 damps whatever the step, 0.5 is
    Crank-Nicolson and wants steps short against the thinnest layer.

    >>> SoilHeat(snow=SturmSnow(), top=Skin())
    SoilHeat(conductivity=Farouki(), snow=SturmSnow(), top=Skin(share=0.34), implicit=1.0)
    """

    conductivity: Farouki | CoteKonrad = field(default_factory=Farouki)
    snow: JordanSnow | SturmSnow = field(default_factory=JordanSnow)
    top: WholeLayer | Skin = field(default_factory=WholeLayer)
    implicit: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.implicit <= 1.0:
            raise DeclarationError(
                f"implicit must lie between 0.5 (Crank-Nicolson) and 1; got {self.implicit}"
            )

    def kernel(self) -> kernels.Conduction:
        """The choices as the kernels want them."""
        return kernels.Conduction(
            self.conductivity.kernel(), self.snow.token, self.top.kernel(), float(self.implicit)
        )


# ------------------------------------------------------------------------ what soil is made of


class Thermal(NamedTuple):
    """Thermal numbers of soils, arrays of one shape.

    Heat capacity of the solids per volume of soil [J m-3 K-1]; (1 - porosity) times the logarithm
    of the conductivity of the solids; conductivity dry, and saturated with liquid water
    [W m-1 K-1].
    """

    solid: Array
    matrix: Array
    dry: Array
    wet: Array


def thermal(
    sand: ArrayLike, clay: ArrayLike, porosity: ArrayLike, organic: ArrayLike = 0.0
) -> Thermal:
    """Thermal numbers from sand and clay [% of the mineral soil], porosity and organic part.

    Farouki 1981 as in CLM 4 (Oleson et al. 2010); organic matter of Lawrence and Slater 2008
    (10.1007/s00382-007-0278-1). Silt counts through neither, as there.
    """
    sand, clay, porosity, organic = np.broadcast_arrays(
        *(np.asarray(values, float) for values in (sand, clay, porosity, organic))
    )
    _check(sand, clay, porosity, organic)
    fine = sand + clay
    capacity = _mixed((2.128e6 * sand + 2.385e6 * clay) / fine, 2.5e6, organic)
    solids = _mixed((8.80 * sand + 2.92 * clay) / fine, 0.25, organic)
    density = 2700.0 * (1.0 - porosity)
    dry = _mixed((0.135 * density + 64.7) / (2700.0 - 0.947 * density), 0.05, organic)
    matrix = (1.0 - porosity) * np.log(solids)
    wet = np.exp(matrix + porosity * np.log(CONDUCTIVITY_OF_WATER))
    return Thermal((1.0 - porosity) * capacity, matrix, dry, wet)


def _mixed(mineral: Array, peat: float, organic: Array) -> Array:
    return (1.0 - organic) * mineral + organic * peat


def _check(sand: Array, clay: Array, porosity: Array, organic: Array) -> None:
    worst = np.max(sand + clay)
    if np.min(sand) < 0.0 or np.min(clay) < 0.0 or worst > 100.0 + 1e-9:
        raise DeclarationError(
            f"sand and clay must be parts of 100 %, none negative; their sum goes up to {worst:g} %"
        )
    if np.min(sand + clay) <= 0.0:
        raise DeclarationError("sand + clay must be above 0 %: pure silt has no thermal numbers")
    for name, values in (("porosity", porosity), ("organic", organic)):
        if not (np.min(values) >= 0.0 and np.max(values) <= 1.0):
            raise DeclarationError(
                f"{name} must lie in 0 to 1; got {np.min(values):g} to {np.max(values):g}"
            )


# ------------------------------------------------------------------------------------------- nodes


def nodes(count: int = 10) -> Array:
    """Depths [m] of the nodes of CLM and CoLM: 0.025 (e^((i - 1/2)/2) - 1), i = 1 to count."""
    return 0.025 * np.expm1(0.5 * (np.arange(count) + 0.5))


def thickness(depths: ArrayLike) -> Array:
    """Thickness [m] of layers whose faces lie midway between nodes; the last ends as it began."""
    z = np.asarray(depths, float)
    if z.size < 2 or z[0] <= 0.0 or not np.all(np.diff(z) > 0.0):
        raise DeclarationError(f"nodes must be at least two growing depths; got {z.tolist()}")
    faces = 0.5 * (z[1:] + z[:-1])
    return np.diff(np.concatenate([[0.0], faces, [faces[-1] + z[-1] - z[-2]]]))
