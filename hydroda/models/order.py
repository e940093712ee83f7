"""What depends on soil water, ice and snow, put in order after an analysis of them.

No water comes from here: what bounds take or give is the caller's to report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hydroda.models.kernels.column import FREEZING, FUSION, GRAVITY
from hydroda.models.kernels.snow import THINNEST
from hydroda.models.kernels.water import LEAST_OPEN
from hydroda.models.retention import Retention, content, head

__all__ = ["DRIEST", "UNCHANGED", "Profile", "heads_in_order", "snow_in_order", "soil_in_order"]

Array = NDArray[np.float64]

# Drier than at this head [m], that of oven-dry soil, no analysis makes a layer.
DRIEST = -1e5
# Layers wetter than this part of their open pores after an analysis are cut to it: the retention
# curve is flat there, and a head cannot be read off it.
WETTEST = 0.9999
# Water contents closer than this to the ones of the heads were not changed by an analysis.
UNCHANGED = 1e-9
# Densities [kg m-3] of snow that an analysis puts on bare ground, and that it may have there.
NEW_SNOW, LIGHTEST, DENSEST = 250.0, 50.0, 500.0
SNOW_LAYERS = ("snow_ice", "snow_liquid", "snow_thickness")


class Profile(NamedTuple):
    """Liquid water and ice [m3 m-3], head [m] and temperature [K], (member, column, layer)."""

    theta: Array
    ice: Array
    h: Array
    temperature: Array


def heads_in_order(
    h: Array,
    theta: Array,
    full: Array,
    contents: Callable[[Array], Array],
    heads: Callable[[Array], Array],
    changed: Collection[str],
) -> tuple[Array, Array]:
    """Heads [m] and contents [m3 m-3] that fit, each cell from the one that decides there.

    Where an analysis changed both, the head decides in cells that both say are saturated; where it
    changed neither (but parameters), in saturated cells. `full` is the content of a saturated cell,
    `contents` and `heads` are the retention curve and its inverse.
    """
    fitting = contents(h)
    by_head = np.abs(theta - fitting) <= UNCHANGED
    if "h" in changed:
        # The head of a dry cell is thrown far above zero by a linear update.
        by_head |= (h >= 0.0) & (theta >= WETTEST * full)
    elif "theta" not in changed:
        by_head |= h >= 0.0
    cut = np.clip(theta, contents(np.full(h.shape, DRIEST)), WETTEST * full)
    # Near theta_r the head runs away; in sands theta at DRIEST is theta_r to the last bit, and one
    # head of -inf is enough to spoil every covariance of the next analysis.
    found = np.maximum(heads(cut), DRIEST)
    return np.where(by_head, h, found), np.where(by_head, fitting, cut)


def soil_in_order(
    soil: Retention, raw: Array, porosity: Array, given: Profile, changed: Collection[str]
) -> Profile:
    """The profile with water within the pores, and heads and temperatures that fit.

    `raw` (member, column, layer, parameter) and `porosity` are those of `soil`; `changed` names the
    variables an analysis has changed. Ice is kept before liquid water. Heads follow water contents,
    but where they are alone in `changed`. Layers whose water is that of their head are left alone,
    bit for bit.
    """
    ice = np.clip(given.ice, 0.0, (1.0 - LEAST_OPEN) * porosity)
    opened = np.maximum(1.0 - ice / porosity, LEAST_OPEN)
    fitting = opened * content(soil, raw, given.h)
    by_head = np.abs(given.theta - fitting) <= UNCHANGED
    if "h" in changed:
        saturated = (given.h >= 0.0) & (given.theta >= WETTEST * opened * porosity)
        by_head |= "theta" not in changed or saturated
    elif "theta" not in changed:
        by_head |= (given.h >= 0.0) & (given.theta >= fitting - UNCHANGED)
    driest = content(soil, raw, np.full(given.h.shape, DRIEST))
    cut = np.clip(given.theta, opened * driest, WETTEST * opened * porosity)
    theta = np.where(
        by_head, np.where(np.abs(given.theta - fitting) <= UNCHANGED, given.theta, fitting), cut
    )
    # In sands the content at DRIEST is theta_r to the last bit, and its head infinite.
    h = np.where(by_head, given.h, np.maximum(head(soil, raw, cut / opened), DRIEST))
    temperature = given.temperature
    if "temperature" not in changed:
        temperature = _temperature(soil, raw, theta, ice, temperature)
    return Profile(theta, ice, h, temperature)


def _temperature(
    soil: Retention, raw: Array, theta: Array, ice: Array, temperature: Array
) -> Array:
    """No warmer than freezing where there is ice; elsewhere so warm that the water is liquid.

    Water under a head h freezes at T = T_f L / (L - g h) (Clapeyron). What remains out of balance,
    the heat of the next step puts right.
    """
    freezing = FREEZING * FUSION / (FUSION - GRAVITY * np.minimum(head(soil, raw, theta), 0.0))
    return np.where(ice > 0.0, np.minimum(temperature, FREEZING), np.maximum(temperature, freezing))


def snow_in_order(
    given: Mapping[str, Array], changed: Collection[str], ground: Array
) -> dict[str, Array]:
    """snow, snow_depth and the snow layers in agreement, none negative.

    `given` holds them by name, layers (member, column, place). Where an analysis has changed snow
    [mm], its layers and depth follow in proportion; where it has changed the water of layers, the
    sum does. New snow on bare ground of `ground` [K] (member, column) lies without a layer while it
    is thin, or begins one as warm as the ground, at most freezing.
    """
    ice, liquid, thickness = (np.maximum(given[name], 0.0) for name in SNOW_LAYERS)
    snow, depth = np.maximum(given["snow"], 0.0), np.maximum(given["snow_depth"], 0.0)
    warmth = given["snow_temperature"]
    layered = (thickness > 0.0).any(axis=-1)
    held = (ice + liquid).sum(axis=-1)
    if {"snow_ice", "snow_liquid"}.isdisjoint(changed) and "snow" in changed:
        # The water of the pack before the analysis is still in its layers, or else in its depth.
        part = np.divide(snow, held, out=np.ones_like(snow), where=layered & (held > 0.0))
        ice, liquid, thickness = (v * part[..., None] for v in (ice, liquid, thickness))
        depth = np.where(layered, depth * part, np.clip(depth, snow / DENSEST, snow / LIGHTEST))
        depth = np.where(~layered & (given["snow_depth"] <= 0.0), snow / NEW_SNOW, depth)
    else:
        snow = np.where(layered, held, snow)
    gone = snow <= 0.0
    ice, liquid, thickness, warmth = (
        np.where(gone[..., None], 0.0, v) for v in (ice, liquid, thickness, warmth)
    )
    begun = ~layered & ~gone & (depth >= THINNEST)
    for layers, value in ((ice, snow), (thickness, depth), (warmth, np.minimum(ground, FREEZING))):
        layers[..., -1] = np.where(begun, value, layers[..., -1])
    return {
        "snow": snow,
        "snow_depth": np.where(gone, 0.0, depth),
        "snow_ice": ice,
        "snow_liquid": liquid,
        "snow_thickness": thickness,
        "snow_temperature": warmth,
    }
