"""Heads and contents of all cells of a member that fit after an analysis, in one sweep.

The curve is evaluated once in each unsaturated cell, and inverted where the content decides. Cells
that wait for either are gathered into lanes (`kernels.flow.lanes`), whatever lies between them.
"""

from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import chosen_by, inlined_kernel, kernel
from hydroda.compiled import fused_kernel as fused
from hydroda.models.kernels.column import FREEZING, FUSION, GRAVITY
from hydroda.models.kernels.flow.lanes import LANES, LOG2_E, exp2, log2
from hydroda.models.kernels.soil import BrooksCorey, Gardner, VanGenuchten
from hydroda.models.kernels.water import LEAST_OPEN

# Drier than at this head [m], that of oven-dry soil, no analysis makes a cell; wetter than this
# part of its open pores neither: there a head cannot be read off the curve. Contents closer than
# the last to those of the heads were not changed.
DRIEST, WETTEST, UNCHANGED = -1e5, 0.9999, 1e-9
# What an analysis has changed, of heads and contents.
HEADS, CONTENTS, BOTH, NEITHER = range(4)
# What comes out by column: water of the ground before and after and the pond [m], depths [m] of the
# water table and of a perched one.
BEFORE, AFTER, POND, TABLE, PERCHED = range(5)
SUMS = 5
# So many cells are in work at once: what they need stays in the nearest memories.
BLOCK = 1024

# Scratch rows of lanes: h or s, the parameters of the curve, what comes out, what is under way.
IN, FIRST, SECOND, OUT, W1, W2 = range(6)
ROWS = 6
P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11 = (
    float(np.log(2.0) ** i / np.prod(np.arange(1.0, i + 1.0))) for i in range(1, 12)
)
SHIFT = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number
SHIFT_BITS = int(np.float64(SHIFT).view(np.int64))


class Curve(NamedTuple):
    """The curve of each cell (cell,): theta_r, theta_s, and what the kind of curve needs.

    van Genuchten: alpha, n; Brooks and Corey: 1 / |entry head|, pore-size index; Gardner: alpha.
    """

    low: np.ndarray
    full: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Ground(NamedTuple):
    """What is known of the layers, and where water counts as a pond.

    storage (column or 1, layer or 1) [m-1]; dz, z (layer,) [m]; suction: part of S_s h S that
    counts where h < 0; offset: head of the top cell above which water is ponded [m].
    """

    storage: np.ndarray
    dz: np.ndarray
    z: np.ndarray
    suction: float
    offset: float


class Frozen(NamedTuple):
    """Ice [m3 m-3] and temperature [K] of the top layers (column, layer of the land); or none."""

    ice: np.ndarray
    temperature: np.ndarray


class Task(NamedTuple):
    """What an analysis changed, and what is to be put in order after it.

    mode   : which of heads and contents were changed
    deep   : whether layers without a temperature are put in order too
    iced   : whether ice is kept within the pores; else it is known to lie there
    thawed : whether temperatures follow ice and heads
    """

    mode: int
    deep: bool
    iced: bool
    thawed: bool


# ------------------------------------------------------------------------------------------ curves


@inlined_kernel
def _less_one(x: float) -> float:
    """2^x - 1 for x from 0 to 1020, without cancellation where x is small."""
    shifted = x + SHIFT
    whole = np.float64(shifted).view(np.int64) - SHIFT_BITS
    f = x - (shifted - SHIFT)
    f2 = f * f
    f4 = f2 * f2
    low = (P1 + f * P2) + f2 * (P3 + f * P4)
    middle = (P5 + f * P6) + f2 * (P7 + f * P8)
    high = (P9 + f * P10) + f2 * P11
    power = np.int64((whole + 1023) << 52).view(np.float64)
    return power * (f * (low + f4 * (middle + f4 * high))) + (power - 1.0)


@fused
def _saturation_van_genuchten(w: np.ndarray) -> None:
    for j in range(LANES):
        w[W1 * LANES + j] = log2(w[FIRST * LANES + j] * max(-w[IN * LANES + j], 1e-12))
    for j in range(LANES):
        w[W1 * LANES + j] = exp2(w[SECOND * LANES + j] * w[W1 * LANES + j])
    for j in range(LANES):
        m = 1.0 - 1.0 / w[SECOND * LANES + j]
        w[W1 * LANES + j] = -m * log2(1.0 + w[W1 * LANES + j])
    for j in range(LANES):
        w[OUT * LANES + j] = exp2(w[W1 * LANES + j])


@fused
def _saturation_brooks_corey(w: np.ndarray) -> None:
    for j in range(LANES):
        w[W1 * LANES + j] = log2(max(-w[FIRST * LANES + j] * w[IN * LANES + j], 1.0))
    for j in range(LANES):
        w[OUT * LANES + j] = exp2(-w[SECOND * LANES + j] * w[W1 * LANES + j])


@fused
def _saturation_gardner(w: np.ndarray) -> None:
    for j in range(LANES):
        w[OUT * LANES + j] = exp2(w[FIRST * LANES + j] * LOG2_E * min(w[IN * LANES + j], 0.0))


@fused
def _head_van_genuchten(w: np.ndarray) -> None:
    for j in range(LANES):
        n = w[SECOND * LANES + j]
        w[W1 * LANES + j] = min(-log2(w[IN * LANES + j]) * n / (n - 1.0), 1020.0)
    for j in range(LANES):
        w[W2 * LANES + j] = max(_less_one(w[W1 * LANES + j]), 1e-300)
    for j in range(LANES):
        w[W1 * LANES + j] = log2(w[W2 * LANES + j]) / w[SECOND * LANES + j]
    for j in range(LANES):
        w[OUT * LANES + j] = -exp2(w[W1 * LANES + j]) / w[FIRST * LANES + j]


@fused
def _head_brooks_corey(w: np.ndarray) -> None:
    for j in range(LANES):
        w[W1 * LANES + j] = -log2(w[IN * LANES + j]) / w[SECOND * LANES + j]
    for j in range(LANES):
        w[OUT * LANES + j] = -exp2(w[W1 * LANES + j]) / w[FIRST * LANES + j]


@fused
def _head_gardner(w: np.ndarray) -> None:
    for j in range(LANES):
        w[OUT * LANES + j] = log2(w[IN * LANES + j]) / (LOG2_E * w[FIRST * LANES + j])


@chosen_by(
    {
        VanGenuchten: _saturation_van_genuchten,
        BrooksCorey: _saturation_brooks_corey,
        Gardner: _saturation_gardner,
    },
    given=False,
)
def saturation(token: Any, w: np.ndarray) -> None:
    """Fill OUT with the saturation at the heads IN, below 0."""
    raise NotImplementedError


@chosen_by(
    {
        VanGenuchten: _head_van_genuchten,
        BrooksCorey: _head_brooks_corey,
        Gardner: _head_gardner,
    },
    given=False,
)
def head(token: Any, w: np.ndarray) -> None:
    """Fill OUT with the heads at the saturations IN, between 0 and 1."""
    raise NotImplementedError


@kernel
def _contents(
    token: Any, curve: Curve, base: int, cells: np.ndarray, count: int, h: np.ndarray,
    w: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Contents without ice of the gathered cells at the heads h; all count from `base` on."""
    for start in range(0, count, LANES):
        for j in range(LANES):
            c = cells[min(start + j, count - 1)]
            w[IN * LANES + j] = h[c]
            w[FIRST * LANES + j] = curve.first[base + c]
            w[SECOND * LANES + j] = curve.second[base + c]
        saturation(token, w)
        for j in range(min(LANES, count - start)):
            c = cells[start + j]
            span = curve.full[base + c] - curve.low[base + c]
            out[c] = curve.low[base + c] + span * w[OUT * LANES + j]


@kernel
def _heads(
    token: Any, curve: Curve, base: int, cells: np.ndarray, count: int, pores: np.ndarray,
    w: np.ndarray, h: np.ndarray, theta: np.ndarray, driest: np.ndarray,
) -> None:  # fmt: skip
    """Heads of the gathered cells from theta, which is kept within what a curve can tell.

    `pores` is the part of the pores that ice leaves; `driest` scratch.
    """
    dry = 0
    for start in range(0, count, LANES):
        for j in range(LANES):
            c = cells[min(start + j, count - 1)]
            low, full = curve.low[base + c], curve.full[base + c]
            cut = min(theta[c] / pores[c], WETTEST * full)
            w[IN * LANES + j] = max((cut - low) / (full - low), 1e-300)
            w[FIRST * LANES + j] = curve.first[base + c]
            w[SECOND * LANES + j] = curve.second[base + c]
        head(token, w)
        for j in range(min(LANES, count - start)):
            c = cells[start + j]
            h[c] = w[OUT * LANES + j]
            theta[c] = min(theta[c], WETTEST * (pores[c] * curve.full[base + c]))
            if h[c] <= DRIEST or theta[c] <= pores[c] * curve.low[base + c]:
                h[c] = DRIEST
                cells[dry] = c  # in the place of one that is done
                dry += 1
    _contents(token, curve, base, cells, dry, h, w, driest)
    for k in range(dry):
        theta[cells[k]] = pores[cells[k]] * driest[cells[k]]


# ----------------------------------------------------------------------------------- one after all


@inlined_kernel
def _pressed(h: float, theta: float, storage: float, full: float, suction: float) -> float:
    """Water per volume that pressure stores; theta [m3 m-3] is that of the head."""
    return storage * max(h, 0.0) + suction * storage / full * min(h, 0.0) * theta


@inlined_kernel
def _decided(mode: int, top: bool, h: float, theta: float, fitting: float, full: float) -> bool:
    """Whether the content follows the head, not the head the content."""
    by_head = mode == HEADS or abs(theta - fitting) <= UNCHANGED
    if mode == BOTH:
        # The head of a dry cell is thrown far above zero by a linear update.
        by_head = by_head or (h >= 0.0 and theta >= WETTEST * full)
    elif mode == NEITHER:
        by_head = by_head or (h >= 0.0 and (not top or theta >= fitting - UNCHANGED))
    return by_head


@kernel
def agree(
    token: Any, task: Task, curve: Curve, ground: Ground, frozen: Frozen, h: np.ndarray,
    theta: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    """Put one member in order, in place: h and theta (cell,), `frozen`; fill sums (column, SUMS).

    Where only heads were changed, h is not written.
    """
    mode = task.mode
    columns, layers, top = sums.shape[0], ground.dz.size, frozen.ice.shape[1]
    step = max(1, BLOCK // layers)
    size = step * layers
    cells, fit, pores = np.empty(size, np.int64), np.empty(size), np.ones(size)
    was, driest, w = np.ones(size), np.empty(size), np.zeros(ROWS * LANES)
    for first in range(0, columns, step):
        last = min(first + step, columns)
        base = first * layers
        here, now = h[base : last * layers], theta[base : last * layers]
        count = 0
        for c in range(here.size):
            fit[c] = curve.full[base + c]
            if not here[c] >= 0.0:
                cells[count] = c
                count += 1
        _contents(token, curve, base, cells, count, here, w, fit)
        count = 0
        for i in range(first, last):
            before = 0.0
            for layer in range(layers):
                c = (i - first) * layers + layer
                full = curve.full[base + c]
                storage = ground.storage[
                    min(i, ground.storage.shape[0] - 1), min(layer, ground.storage.shape[1] - 1)
                ]
                if layer < top:
                    ice = frozen.ice[i, layer]
                    was[c] = max(1.0 - ice / full, LEAST_OPEN)
                    pores[c] = was[c]
                    if task.iced:
                        ice = min(max(ice, 0.0), (1.0 - LEAST_OPEN) * full)
                        frozen.ice[i, layer] = ice
                        pores[c] = max(1.0 - ice / full, LEAST_OPEN)
                came = was[c] * fit[c]
                if mode == HEADS and not abs(now[c] - came) <= UNCHANGED:
                    now[c] = came
                # A cell that the analysis left unsaturated is under no pressure; a pond is told.
                lost = mode != HEADS and mode != NEITHER and layer > 0
                lost = lost and here[c] > 0.0 and now[c] < came - UNCHANGED
                under = 0.0 if lost else here[c]
                extra = _pressed(under, came, storage, was[c] * full, ground.suction)
                before += (now[c] + extra) * ground.dz[layer]
                if layer >= top and not task.deep:
                    continue
                fitting = pores[c] * fit[c]
                if not _decided(mode, layer < top, here[c], now[c], fitting, pores[c] * full):
                    cells[count] = c
                    count += 1
                elif not abs(now[c] - fitting) <= UNCHANGED:
                    now[c] = fitting
            sums[i, BEFORE] = before + max(here[(i - first) * layers] - ground.offset, 0.0)
        _heads(token, curve, base, cells, count, pores, w, here, now, driest)
        for i in range(first, last):
            c = (i - first) * layers
            if task.thawed:
                for layer in range(top):
                    frozen.temperature[i, layer] = _temperature(
                        here[c + layer], frozen.ice[i, layer], frozen.temperature[i, layer]
                    )
            after = 0.0
            for layer in range(layers):
                storage = ground.storage[
                    min(i, ground.storage.shape[0] - 1), min(layer, ground.storage.shape[1] - 1)
                ]
                own = here[c + layer]
                full = pores[c + layer] * curve.full[base + c + layer]
                extra = _pressed(own, now[c + layer], storage, full, ground.suction)
                after += (now[c + layer] + extra) * ground.dz[layer]
            pond = max(here[c] - ground.offset, 0.0)
            sums[i, AFTER], sums[i, POND] = after + pond, pond
            tables(here[c : c + layers], ground.z, ground.dz, sums[i])


@inlined_kernel
def _temperature(h: float, ice: float, temperature: float) -> float:
    """No warmer than freezing where there is ice; elsewhere so warm that the water is liquid.

    Water under a head h freezes at T = T_f L / (L - g h) (Clapeyron). What remains out of balance,
    the heat of the next step puts right.
    """
    freezing = FREEZING * FUSION / (FUSION - GRAVITY * min(h, 0.0))
    return min(temperature, FREEZING) if ice > 0.0 else max(temperature, freezing)


@kernel
def tables(h: np.ndarray, z: np.ndarray, dz: np.ndarray, sums: np.ndarray) -> None:
    """Depths of the water table and of a perched one, NaN where there is none, into `sums`.

    As `columns.water_table_depth` and `terrestrial.perched_table_depth`.
    """
    layers = h.size
    first = layers
    while first > 0 and h[first - 1] >= 0.0:
        first -= 1
    layer = min(first, layers - 1)
    depth = z[layer] - h[layer]
    lies = depth <= z[layers - 1] + 0.5 * dz[layers - 1]
    sums[TABLE] = max(depth, 0.0) if lies else np.nan
    sums[PERCHED] = np.nan
    for layer in range(first):  # above the lowest dry layer
        if h[layer] >= 0.0:
            sums[PERCHED] = max(z[layer] - h[layer], 0.0)
            break


@kernel
def all_tables(h: np.ndarray, z: np.ndarray, dz: np.ndarray, sums: np.ndarray) -> None:
    """`tables` of the columns of one member: h (column, layer), sums (column, SUMS)."""
    for i in range(h.shape[0]):
        tables(h[i], z, dz, sums[i])


@kernel
def content(theta: np.ndarray, h: np.ndarray, ground: Ground, out: np.ndarray) -> None:
    """Water [m] of the columns of one member as they stand (column,), without suction.

    theta, h (column, layer)
    """
    for i in range(theta.shape[0]):
        total = 0.0
        for layer in range(theta.shape[1]):
            storage = ground.storage[
                min(i, ground.storage.shape[0] - 1), min(layer, ground.storage.shape[1] - 1)
            ]
            extra = _pressed(h[i, layer], 0.0, storage, 1.0, 0.0)
            total += (theta[i, layer] + extra) * ground.dz[layer]
        out[i] = total + max(h[i, 0] - ground.offset, 0.0)


@kernel
def summed(values: np.ndarray, dz: np.ndarray, out: np.ndarray) -> None:
    """Values of the columns of one member times the thickness of their layers (column,)."""
    for i in range(values.shape[0]):
        total = 0.0
        for layer in range(values.shape[1]):
            total += values[i, layer] * dz[layer]
        out[i] = total
