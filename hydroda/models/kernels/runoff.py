"""Runoff from the surface and from within a column, and what lies below its bottom: tokens.

A form of runoff gives the saturated part of the ground, where supply runs off at once, and what
streams draw from layers and aquifer; a kind of bottom gives the flux through it.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import Choice, chosen_by, kernel
from hydroda.models.kernels.column import ICE, LIQ, SNOW
from hydroda.models.kernels.profile import DOWN, DZ, PASSING, PERMEABLE, STREAMS, UP, H, Z
from hydroda.models.kernels.soil import Coarse, face

MM = 1000.0  # kg m-2 of a metre of water
FULL = 1.0 - 1e-9  # an aquifer that holds this part of what it can is full

# ------------------------------------------------------------------------------------------ bottoms


class ZeroFlux(Choice):
    """Nothing passes the bottom."""


class FreeDrainage(Choice):
    """Water leaves by gravity alone."""


class Aquifer(NamedTuple):
    """Unconfined groundwater from the bottom of the column down to `depth` [m] below it.

    `yields` is its specific yield.
    """

    depth: float
    yields: float


class Below(NamedTuple):
    """Depth [m] of an aquifer's table under the lowest node; water [m] it can take and give."""

    gap: float
    room: float
    stock: float


@kernel
def _nothing_hidden(bottom: Any) -> tuple[float, float]:
    return 0.0, 1.0


@kernel
def _aquifer_hidden(bottom: Aquifer) -> tuple[float, float]:
    return bottom.depth * bottom.yields, bottom.yields


HIDDEN: dict[type, Callable[..., tuple[float, float]]] = {
    ZeroFlux: _nothing_hidden,
    FreeDrainage: _nothing_hidden,
    Aquifer: _aquifer_hidden,
}


@chosen_by(HIDDEN)
def hidden(bottom: Any) -> tuple[float, float]:
    """Water [m] that the ground below the column can hold, and its specific yield."""
    return HIDDEN[type(bottom)](bottom)


@kernel
def _nothing_below(bottom: Any, down: float, store: float) -> Below:
    return Below(down, 0.0, 0.0)


@kernel
def _aquifer_below(bottom: Aquifer, down: float, store: float) -> Below:
    room = max(bottom.depth * bottom.yields - store, 0.0)
    return Below(down + room / bottom.yields, room, store)


class Lowest(NamedTuple):
    """The lowest layer: h, K, dK/dh and Phi, the same at a water table; what of a flux its ice lets
    pass [1]."""

    now: tuple[float, float, float, float]
    wet: tuple[float, float, float, float]
    passing: float


@kernel
def _no_flux(bottom: ZeroFlux, soil: Lowest, under: Below, dt: float) -> tuple[float, float]:
    return 0.0, 0.0


@kernel
def _free_drainage(
    bottom: FreeDrainage, soil: Lowest, under: Below, dt: float
) -> tuple[float, float]:
    return soil.passing * soil.now[1], soil.passing * soil.now[2]


@kernel
def _recharge(bottom: Aquifer, soil: Lowest, under: Below, dt: float) -> tuple[float, float]:
    """Darcy's flux between the lowest node and the table (Niu et al. 2007, 10.1029/2006JD007522).

    Its conductivity is that of the node where water sinks, and the mean over the heads of node and
    table where it rises: with one of the table a dry column would drink it.
    The table answers within the step: to first order q (1 + dt dq/dgap / yield) is the flux to the
    old one, with dq/dgap = (Phi_table - Phi_node) / gap^2.
    """
    a, wet, passing = soil.now, soil.wet, soil.passing
    q, slope, _ = face(Coarse(0), under.gap, a, wet)
    area = under.gap * under.gap / (passing * dt)
    damping = 1.0 + max(wet[3] - a[3], 0.0) / (area * bottom.yields)
    turn = -a[1] / (area * bottom.yields) if damping > 1.0 else 0.0
    q = passing * q / damping
    slope = (passing * slope - q * turn) / damping
    if q * dt > under.room:
        return under.room / dt, 0.0
    if -q * dt > under.stock:
        return -under.stock / dt, 0.0
    return q, slope


BELOW: dict[type, Callable[..., Below]] = {
    ZeroFlux: _nothing_below,
    FreeDrainage: _nothing_below,
    Aquifer: _aquifer_below,
}
BOTTOM: dict[type, Callable[..., tuple[float, float]]] = {
    ZeroFlux: _no_flux,
    FreeDrainage: _free_drainage,
    Aquifer: _recharge,
}


@chosen_by(BELOW)
def below(bottom: Any, down: float, store: float) -> Below:
    """What lies `down` [m] under the lowest node and holds `store` [m]."""
    return BELOW[type(bottom)](bottom, down, store)


@chosen_by(BOTTOM)
def bottom_flux(bottom: Any, soil: Lowest, under: Below, dt: float) -> tuple[float, float]:
    """Flux out of the lowest layer, and its derivative with the head there."""
    return BOTTOM[type(bottom)](bottom, soil, under, dt)


@kernel
def water_table(bottom: Any, depth: float, g: np.ndarray, x: np.ndarray, aquifer: float) -> float:
    """Depth [m] of the water table, of heads x[H] and water of the aquifer [kg m-2].

    It is in the column where the aquifer is full, or absent. Without saturated layers it is where
    the head of the lowest one is hydrostatic.
    """
    largest, yields = hidden(bottom)
    if aquifer < FULL * MM * largest:
        return depth + (largest - aquifer / MM) / yields
    i = g.shape[1] - 1
    while i > 0 and x[H, i - 1] >= 0.0 and x[H, i] >= 0.0:
        i -= 1
    table = max(g[Z, i] - x[H, i], 0.0)
    return min(table, depth) if largest > 0.0 else table


# ------------------------------------------------------------------------------------------- runoff


class NoRunoff(Choice):
    """Nothing runs off but what the ground cannot take."""


class Topmodel(NamedTuple):
    """TOPMODEL concept of the Common Land Model (Dai et al. 2003, 10.1175/BAMS-84-8-1013).

    `share`: largest saturated part of the ground; `decay` [m-1]; base flow of the rest and of the
    saturated part [kg m-2 s-1]; depths [m] down to which wetness makes runoff and between which
    streams draw.
    """

    share: float
    decay: float
    base: float
    saturated: float
    top: float
    upper: float
    lower: float


class Simtop(NamedTuple):
    """SIMTOP (Niu et al. 2005, 10.1029/2005JD006111) with the numbers of CLM 4.

    `largest` saturated part of the ground, decay [m-1] of it (halved) and of the base flow with the
    depth of the water table, largest base flow [kg m-2 s-1], parameter of frozen areas.
    """

    largest: float
    over: float
    drain: float
    rate: float
    frozen: float


class Place(NamedTuple):
    """A column: depth of its bottom [m], coefficients and numbers of its layers, its state, depth
    of its water table [m]."""

    depth: float
    c: np.ndarray  # (layer, COEFFICIENTS)
    g: np.ndarray  # (NUMBERS, layer)
    state: np.ndarray  # (ROWS, SNOW + layer)
    table: float


class Rates(NamedTuple):
    """Saturated part of the ground; what streams draw from the aquifer [m s-1]."""

    saturated: float
    base: float


@kernel
def _no_runoff(r: NoRunoff, bottom: Any, place: Place, rows: np.ndarray, seconds: float) -> Rates:
    for i in range(place.c.shape[0]):
        rows[STREAMS, i], rows[PERMEABLE, i] = 0.0, 0.0
    return Rates(0.0, 0.0)


@kernel
def _within(g: np.ndarray, i: int, upper: float, lower: float) -> float:
    """Thickness [m] of layer i between two depths [m]."""
    high, low = g[Z, i] - g[UP, i], g[Z, i] + g[DOWN, i]
    return max(min(low, lower) - max(high, upper), 0.0)


@kernel
def _wetness(g: np.ndarray, c: np.ndarray, state: np.ndarray, i: int) -> float:
    """Part of the pores that water and ice fill."""
    water = state[LIQ, SNOW + i] + state[ICE, SNOW + i]
    return min(water / (MM * g[DZ, i] * c[i, 1]), 1.0)


@kernel
def _topmodel(r: Topmodel, bottom: Any, place: Place, rows: np.ndarray, seconds: float) -> Rates:
    """Saturated part f + (1 - f) w^4, f = share exp(-z_w), z_w = decay (depth - sum of s dz).

    Streams draw (1 - f) base K/K_s + f saturated exp(-z_w), by transmissivity. K/K_s of each layer
    stands where the paper has the power 2 B + 3 of a mean wetness: the same in even soil, and the
    solver knows its slope.
    """
    c, g, n = place.c, place.g, place.c.shape[0]
    dry, wet, over, all_k = place.depth, 0.0, 0.0, 0.0
    for i in range(n):
        s = _wetness(g, c, place.state, i)
        dry -= s * g[DZ, i]
        part = _within(g, i, 0.0, r.top)
        wet += part * s
        over += part
        all_k += _within(g, i, r.upper, r.lower) * c[i, 2]
    decline = math.exp(-max(r.decay * dry, 0.0))
    f = r.share * decline
    w = wet / over if over > 0.0 else 0.0
    for i in range(n):
        k = _within(g, i, r.upper, r.lower) / all_k if all_k > 0.0 else 0.0
        open_part = (
            rows[PASSING, i] if rows[PASSING, i] < rows[PASSING, i + 1] else rows[PASSING, i + 1]
        )
        rows[PERMEABLE, i] = (1.0 - f) * r.base / MM * k * open_part
        rows[STREAMS, i] = f * r.saturated / MM * decline * k * c[i, 2]
    return Rates(f + (1.0 - f) * w * w * w * w, 0.0)


@kernel
def _frozen(alpha: float, ice: float) -> float:
    """Part of an area that `ice`, a part of its water, makes impermeable."""
    if ice <= 0.0:
        return 0.0
    least = math.exp(-alpha)
    return (math.exp(-alpha * (1.0 - ice)) - least) / (1.0 - least)


@kernel
def _simtop(r: Simtop, bottom: Any, place: Place, rows: np.ndarray, seconds: float) -> Rates:
    """Saturated part (1 - i) largest exp(-over z / 2) + i, i the frozen part of the first layer.

    Streams draw rate (1 - i) exp(-drain z), with i of the layers below the table, z, from the
    saturated layers by transmissivity or, where the table is below them, from the aquifer. The
    table answers within the step, to first order.
    """
    c, g, state, table, n = place.c, place.g, place.state, place.table, place.c.shape[0]
    i = _frozen(r.frozen, _share_of_ice(state, 0))
    saturated = (1.0 - i) * r.largest * math.exp(-0.5 * r.over * table) + i
    ice, thick, all_k = 0.0, 0.0, 0.0
    for j in range(n):
        part = _within(g, j, table, place.depth)
        ice += part * _share_of_ice(state, j)
        thick += part
        all_k += part * c[j, 2]
    if thick > 0.0:
        ice /= thick
    else:
        ice = _share_of_ice(state, n - 1)
    rate = r.rate * (1.0 - _frozen(r.frozen, ice)) * math.exp(-r.drain * table) / MM
    largest, yields = hidden(bottom)
    in_aquifer = largest > 0.0 and table >= place.depth
    if in_aquifer:
        rate /= 1.0 + seconds * r.drain * rate / yields
    for j in range(n):
        part = _within(g, j, table, place.depth)
        rows[PERMEABLE, j] = 0.0
        rows[STREAMS, j] = rate * part * c[j, 2] / all_k if part > 0.0 else 0.0
    return Rates(saturated, rate if in_aquifer else 0.0)


@kernel
def _share_of_ice(state: np.ndarray, i: int) -> float:
    ice, liquid = state[ICE, SNOW + i], state[LIQ, SNOW + i]
    return ice / (ice + liquid) if ice > 0.0 else 0.0


RUNOFF: dict[type, Callable[..., Rates]] = {
    NoRunoff: _no_runoff,
    Topmodel: _topmodel,
    Simtop: _simtop,
}


@chosen_by(RUNOFF)
def shed(runoff: Any, bottom: Any, place: Place, rows: np.ndarray, seconds: float) -> Rates:
    """Runoff of a column; fills two of the rows."""
    return RUNOFF[type(runoff)](runoff, bottom, place, rows, seconds)
