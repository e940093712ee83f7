"""The land surface over flow in three dimensions: what passes between them in every land step.

The top layers of a column belong to both. The flow holds their liquid water, as the water that its
balance goes on from, and their heads; the land holds their ice and temperature. Freezing changes
the pores that the flow sees and how fast it passes them.
"""

import math
from typing import NamedTuple

import numpy as np

from hydroda.compiled import kernel
from hydroda.models.kernels import canopy, heat, radiation
from hydroda.models.kernels.column import DZ, ICE, LIQ, SNOW, H
from hydroda.models.kernels.land import (
    Asked,
    Field,
    Parts,
    Plot,
    Season,
    Weather,
    _field_saturation,
    surface,
)
from hydroda.models.kernels.land import settle as book
from hydroda.models.kernels.soil import coefficients
from hydroda.models.kernels.water import LEAST_OPEN

MM = 1000.0  # kg m-2 of a metre of water
ASKED = 12


class Land(NamedTuple):
    """The land of one member: state, soils as heat sees them, what the last step asked."""

    x: np.ndarray  # (column, ROWS, SNOW + layer)
    s: np.ndarray  # (column, SCALARS)
    share: np.ndarray  # (column, layer)
    ground: np.ndarray  # (column, GROUND, layer)
    c: np.ndarray  # (column, layer, COEFFICIENTS)
    field: np.ndarray  # (column,) saturation of the top layer at field capacity
    asked: np.ndarray  # (column, ASKED)
    sums: np.ndarray  # (column, SUMS)


class Under(NamedTuple):
    """Arrays of the flow that the land reads and sets; `layers` of a column lie together."""

    layers: int
    head: np.ndarray  # (cell,) [m]
    water: np.ndarray  # (cell,) that the balance goes on from, with the pond [m]
    pond: np.ndarray  # (column,) [m]
    residual: np.ndarray  # (cell,) contents of the open pores: theta_r, theta_s - theta_r
    span: np.ndarray
    residual_of_all: np.ndarray  # (cell,) the same of all pores
    span_of_all: np.ndarray
    rain: np.ndarray  # (column,) [m s-1]
    evaporation: np.ndarray  # (column,)
    uptake: np.ndarray  # (cell,)


class Slowed(NamedTuple):
    """Conductances of the flow that ice lowers, and what they are without."""

    east: np.ndarray  # (cell,)
    north: np.ndarray
    east_of_all: np.ndarray
    north_of_all: np.ndarray
    ease: np.ndarray  # (column, layer) of the faces below
    beside: np.ndarray  # (column, 4) west, east, south, north
    edge: np.ndarray  # (edge,) conductances of boundaries and their cells
    edge_of_all: np.ndarray
    cell: np.ndarray


@kernel
def prepare(parts: Parts, up: np.ndarray, field: Field, m: int, land: Land) -> None:
    """Fills the soils of the land: `up` is the distance of the nodes to the tops of layers [m]."""
    for i in range(land.x.shape[0]):
        raw = field.raw[min(m, field.raw.shape[0] - 1), min(i, field.raw.shape[1] - 1)]
        pores = field.porosity[
            min(m, field.porosity.shape[0] - 1), min(i, field.porosity.shape[1] - 1)
        ]
        warm = field.thermal[min(m, field.thermal.shape[0] - 1), min(i, field.thermal.shape[1] - 1)]
        c, _ = coefficients(parts.curve, raw)
        land.c[i] = c
        land.ground[i] = heat.ground(parts.curve, c, up, pores, warm).numbers
        land.field[i] = _field_saturation(parts.curve, c[0], parts.place.field)


@kernel
def _plot(parts: Parts, field: Field, m: int, i: int, land: Land) -> Plot:
    kind = field.kind[min(i, field.kind.size - 1)]
    colour = field.colour[min(i, field.colour.shape[0] - 1)]
    return Plot(
        canopy.plant(field.plants[kind]),
        radiation.optics(field.optics[kind]),
        radiation.SoilColour(colour[0], colour[1], colour[2], colour[3]),
        field.roots[kind],
        land.ground[i, heat.POROSITY],
        heat.Ground(parts.curve, land.c[i], land.ground[i]),
        0,
        land.field[i],
    )


@kernel
def offer(
    parts: Parts,
    field: Field,
    m: int,
    season: np.ndarray,
    step: int,
    hour: int,
    seconds: float,
    land: Land,
    under: Under,
    first: int,
    last: int,
) -> None:
    """Leaves, snow and heat of columns `first` to `last` through one step of the weather.

    season (column or 1, 4, step of the day). Sets what the flow gets and is asked for, its liquid
    water after freezing and melting, and the pores that ice leaves.
    """
    n = land.share.shape[1]
    work = np.empty((heat.WORK, SNOW + n))
    for i in range(first, last):
        x, top = land.x[i], i * under.layers
        for k in range(n):
            above = under.pond[i] if k == 0 else 0.0
            x[LIQ, SNOW + k] = MM * (under.water[top + k] - above)
            x[H, SNOW + k] = under.head[top + k]
        sky = field.weather[min(m, field.weather.shape[0] - 1), min(i, field.weather.shape[1] - 1)]
        sun = season[min(i, season.shape[0] - 1)]
        asked = surface(
            parts,
            _plot(parts, field, m, i, land),
            x,
            land.s[i],
            land.share[i],
            work,
            Weather(
                sky[0, step], sky[1, step], sky[2, step], sky[3, step], sky[4, step],
                sky[5, step], sky[6, step],
            ),
            Season(sun[0, hour], sun[1, hour], sun[2, hour], sun[3, hour]),
            seconds,
        )  # fmt: skip
        for j in range(ASKED):
            land.asked[i, j] = asked[j]
        under.rain[i] = asked.supply / MM
        under.evaporation[i] = asked.evaporation / MM
        for k in range(n):
            above = under.pond[i] if k == 0 else 0.0
            under.water[top + k] = x[LIQ, SNOW + k] / MM + above
            under.uptake[top + k] = land.share[i, k] * asked.transpiration / MM
            part = 1.0 - _frozen(x, land.ground[i, heat.POROSITY, k], k)
            part = max(part, LEAST_OPEN)
            under.residual[top + k] = part * under.residual_of_all[top + k]
            under.span[top + k] = part * under.span_of_all[top + k]


@kernel
def _frozen(x: np.ndarray, porosity: float, k: int) -> float:
    """Part of the pores of layer k that is ice."""
    return x[ICE, SNOW + k] / (MM * x[DZ, SNOW + k] * porosity)


@kernel
def slow(impedance: float, land: Land, layers: int, slowed: Slowed) -> bool:
    """Lowers conductances by 10^(-impedance * mean part of ice of both cells); False: no ice.

    Lundin 1990, 10.1016/0022-1694(90)90161-5, as in the land columns.
    """
    n = land.share.shape[1]
    icy = False
    for i in range(land.x.shape[0]):
        for k in range(n):
            part = _frozen(land.x[i], land.ground[i, heat.POROSITY, k], k)
            icy = icy or part > 0.0
            here = i * layers + k
            below = 0.0
            if k + 1 < n:
                below = _frozen(land.x[i], land.ground[i, heat.POROSITY, k + 1], k + 1)
            slowed.ease[i, k] = _part(impedance, part + below)
            east, north = slowed.beside[i, 1], slowed.beside[i, 3]
            if east >= 0:
                other = _frozen(land.x[east], land.ground[east, heat.POROSITY, k], k)
                slowed.east[here] = _part(impedance, part + other) * slowed.east_of_all[here]
            if north >= 0:
                other = _frozen(land.x[north], land.ground[north, heat.POROSITY, k], k)
                slowed.north[here] = _part(impedance, part + other) * slowed.north_of_all[here]
    for e in range(slowed.cell.size):
        i, k = slowed.cell[e] // layers, slowed.cell[e] % layers
        if k < n:
            part = _frozen(land.x[i], land.ground[i, heat.POROSITY, k], k)
            slowed.edge[e] = _part(impedance, 2.0 * part) * slowed.edge_of_all[e]
    return icy


@kernel
def _part(impedance: float, both: float) -> float:
    return math.pow(10.0, -0.5 * impedance * both) if both > 0.0 else 1.0


@kernel
def settle(
    field: Field,
    m: int,
    step: int,
    seconds: float,
    land: Land,
    evaporated: np.ndarray,
    transpired: np.ndarray,
    before: np.ndarray,
) -> None:
    """Books a step with what the flow could give [m]: sums (column,) since the start, and `before`
    (2, column) those of the step before, which follow.
    """
    for i in range(land.x.shape[0]):
        sky = field.weather[min(m, field.weather.shape[0] - 1), min(i, field.weather.shape[1] - 1)]
        a = land.asked[i]
        asked = Asked(
            a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]
        )  # fmt: skip
        per = MM / seconds
        book(
            asked,
            sky[0, step],
            per * (evaporated[i] - before[0, i]),
            per * (transpired[i] - before[1, i]),
            seconds,
            land.sums[i],
        )
        before[0, i], before[1, i] = evaporated[i], transpired[i]
