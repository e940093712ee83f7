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

__all__ = [
    "DRIEST",
    "UNCHANGED",
    "Profile",
    "heads_in_order",
    "snow_as_set",
    "snow_in_order",
    "soil_in_order",
]

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
# Snow that melts gets as dense as water [kg m-3] in a forecast, and may stay so.
SOAKED = 1001.0
COLDEST = 150.0  # [K] of snow
LAYERS = ("snow_ice", "snow_liquid", "snow_thickness")
WATER_OF_LAYERS = frozenset({"snow_ice", "snow_liquid"})
SNOW = frozenset({"snow", "snow_depth", *LAYERS})


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

    `given` holds them by name, layers (member, column, place). What an analysis changed is kept
    where snow can be so, layers before their sums, and what it did not change follows: layers their
    sums in proportion, and depths the snow [mm]. What it put where no layer lay joins the top
    layer, or else the thin snow. Thin snow on `ground` [K] (member, column) that has grown thick
    begins a layer as warm as the ground, at most freezing.
    """
    if SNOW.isdisjoint(changed):
        return {name: given[name] for name in (*SNOW, "snow_temperature")}
    positive = {name: np.maximum(given[name], 0.0) for name in SNOW}
    lies = _layers(given, changed)
    layered = np.asarray(lies.any(axis=-1))
    ice, liquid, thickness = _layered_snow(positive, changed, lies)
    thin, lying = _thin_snow(positive, changed)
    whole = "snow" in changed and WATER_OF_LAYERS.isdisjoint(changed)
    snow = np.where(layered, positive["snow"] if whole else (ice + liquid).sum(axis=-1), thin)
    depth = np.where(layered, thickness.sum(axis=-1), lying)
    there = layered[..., None] & (ice + liquid > 0.0)
    # A forecast wants no empty place below a layer.
    order = np.argsort(there, axis=-1, kind="stable")
    ice, liquid, thickness, warmth = (
        np.take_along_axis(np.where(there, v, 0.0), order, axis=-1)
        for v in (ice, liquid, thickness, given["snow_temperature"])
    )
    begun = ~layered & (depth >= THINNEST)
    for layers, value in ((ice, snow), (thickness, depth), (warmth, np.minimum(ground, FREEZING))):
        layers[..., -1] = np.where(begun, value, layers[..., -1])
    return {
        "snow": snow,
        "snow_depth": depth,
        "snow_ice": ice,
        "snow_liquid": liquid,
        "snow_thickness": thickness,
        "snow_temperature": warmth,
    }


def snow_as_set(given: Mapping[str, Array], changed: Collection[str]) -> Array:
    """Snow [mm] as an analysis has set it, bounds or not: by its layers where it changed these."""
    if WATER_OF_LAYERS.isdisjoint(changed):
        return given["snow"]
    held = (given["snow_ice"] + given["snow_liquid"]).sum(axis=-1)
    thin = given["snow"] if "snow" in changed else given["snow"] + held
    return np.where(_layers(given, changed).any(axis=-1), held, thin)


def _layers(given: Mapping[str, Array], changed: Collection[str]) -> NDArray[np.bool_]:
    """Where a layer of snow lay before the analysis (member, column, place)."""
    telling = []
    if "snow_thickness" not in changed:
        telling.append(given["snow_thickness"] > 0.0)
    if WATER_OF_LAYERS.isdisjoint(changed):
        telling.append(given["snow_ice"] + given["snow_liquid"] > 0.0)
    # Without a layer the temperature is 0 K, or no more than an analysis has lifted it.
    return np.asarray(np.all(telling or [given["snow_temperature"] > COLDEST], axis=0))


def _layered_snow(
    given: Mapping[str, Array], changed: Collection[str], lies: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """Ice, liquid water [mm] and thickness [m] of layers, for columns that had any."""
    top = lies & (np.cumsum(lies, axis=-1) == 1)
    ice, liquid, thickness = (
        np.where(lies, v, 0.0)
        + np.where(top, np.where(lies, 0.0, v).sum(axis=-1, keepdims=True), 0.0)
        for v in (given[name] for name in LAYERS)
    )
    deep = not {"snow_depth", "snow_thickness"}.isdisjoint(changed)
    if "snow" in changed and WATER_OF_LAYERS.isdisjoint(changed):
        part = _part(given["snow"], ice + liquid)
        ice, liquid = ice * part, liquid * part
        thickness = thickness if deep else thickness * part
    water = ice + liquid
    if "snow_depth" in changed and "snow_thickness" not in changed:
        thickness = thickness * _part(_deep(given["snow_depth"], water.sum(axis=-1)), thickness)
    return ice, liquid, _deep(thickness, water)


def _thin_snow(given: Mapping[str, Array], changed: Collection[str]) -> tuple[Array, Array]:
    """Snow [mm] and its depth [m], for columns that had no layers."""
    snow, depth, densest = given["snow"], given["snow_depth"], DENSEST
    if "snow" not in changed and not WATER_OF_LAYERS.isdisjoint(changed):
        snow = snow + (given["snow_ice"] + given["snow_liquid"]).sum(axis=-1)
    if "snow_depth" in changed:
        # Thin, it only covers the ground: its depth is kept, however light that makes it.
        light = (snow > 0.0) & (depth < THINNEST) & (depth * SOAKED >= snow)
        return snow, np.where(light, depth, _deep(depth, snow))
    if "snow_thickness" in changed:
        depth, densest = depth + given["snow_thickness"].sum(axis=-1), SOAKED
    return snow, _deep(np.where(depth > 0.0, depth, snow / NEW_SNOW), snow, densest)


def _part(whole: Array, layers: Array) -> Array:
    """What brings layers to the sum `whole`; 1 where they are none."""
    held = layers.sum(axis=-1)
    return np.divide(whole, held, out=np.ones_like(held), where=held > 0.0)[..., None]


def _deep(depth: Array, water: Array, densest: float = SOAKED) -> Array:
    """The depth [m] of water [mm] of snow, brought between DENSEST and LIGHTEST if impossible."""
    possible = (depth * densest >= water) & (depth * LIGHTEST <= water)
    return np.where(possible, depth, np.clip(depth, water / DENSEST, water / LIGHTEST))
