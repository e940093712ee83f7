"""Shortwave radiation of a land column: its parts, the albedo of the ground, leaves in two streams.

Two bands, visible (below 0.7 um) and near infrared, each with a direct beam and diffuse light;
`mu` is the cosine of the solar zenith angle. Light is in W m-2 of ground. The canopy follows
Sellers (1985), 10.1080/01431168508948283, and Oleson et al. (2010), CLM 4.0, NCAR/TN-478+STR,
section 3.1; sunlit and shaded leaves share the light as in Dai et al. (2004),
10.1175/1520-0442(2004)017<2281:ATMFCT>2.0.CO;2, both integrated exactly over the canopy.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hydroda.compiled import chosen_by, kernel

LOWEST = 1e-3  # of mu: a lower sun gives its beam to the diffuse light
BRIGHTEST = 1.0 - 1e-8  # of the scattering by leaves: the two solutions become one at 1
DETUNING = 1e-4  # the beam and the diffuse light must not fade at exactly the same rate
SNOW_SCATTERING = 0.8, 0.4  # of snow on leaves, visible and near infrared; half of it upward
HALVES = 0.5
BARE = 1e-6  # leaf and stem area index below which there is no canopy


class Sky(NamedTuple):
    """Incoming shortwave [W m-2]."""

    vis_direct: float
    vis_diffuse: float
    nir_direct: float
    nir_diffuse: float


class Albedo(NamedTuple):
    """What the ground reflects of a beam and of diffuse light [1]."""

    vis_direct: float
    vis_diffuse: float
    nir_direct: float
    nir_diffuse: float


class SoilColour(NamedTuple):
    """Albedo of dry and of saturated soil [1]."""

    dry_vis: float
    dry_nir: float
    wet_vis: float
    wet_nir: float


class Optics(NamedTuple):
    """Leaves and stems of a plant: orientation and what they reflect and transmit [1].

    phi1, phi2, mean_mu follow from the orientation (`orientation`): the projection of leaves
    towards mu is phi1 + phi2 mu, and mean_mu the mean inverse optical depth of diffuse light.
    """

    orientation: float
    leaf_reflects_vis: float
    leaf_reflects_nir: float
    stem_reflects_vis: float
    stem_reflects_nir: float
    leaf_transmits_vis: float
    leaf_transmits_nir: float
    stem_transmits_vis: float
    stem_transmits_nir: float
    nitrogen_fading: float
    phi1: float
    phi2: float
    mean_mu: float


class Absorbed(NamedTuple):
    """Where shortwave went [W m-2 of ground]; the first four sum to what came.

    par_sun, par_shade: visible light absorbed per area of leaves and stems [W m-2]; lai_sun,
    lai_shade [1]; vmax_sun, vmax_shade: mean capacity of those leaves relative to the top leaf.
    """

    sun: float
    shade: float
    ground: float
    reflected: float
    par_sun: float
    par_shade: float
    lai_sun: float
    lai_shade: float
    vmax_sun: float
    vmax_shade: float


class Band(NamedTuple):
    sun: float
    shade: float
    ground: float
    reflected: float


@kernel
def optics(row: np.ndarray) -> Optics:
    """Optics from the row of a plant table (`hydroda.models.plants`)."""
    return Optics(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10],
        row[11], row[12],
    )  # fmt: skip


@kernel
def orientation(chi: float) -> tuple[float, float, float]:
    """phi1, phi2 and mean inverse optical depth of diffuse light (Oleson 2010 Eq. 3.3, 3.4)."""
    chi = min(max(chi, -0.4), 0.6)
    if abs(chi) < 0.01:
        chi = 0.01
    phi1 = 0.5 - 0.633 * chi - 0.33 * chi * chi
    phi2 = 0.877 * (1.0 - 2.0 * phi1)
    return phi1, phi2, (1.0 - phi1 / phi2 * math.log((phi1 + phi2) / phi1)) / phi2


# ------------------------------------------------------------------------------- parts of shortwave


class FixedSplit(NamedTuple):
    """Always the same share visible and direct (CLM 3 offline)."""

    visible: float = 0.5
    direct: float = 0.7


class CloudSplit(NamedTuple):
    """Shares from the cloud that a shortwave betrays (Goudriaan 1977; SiB and CoLM)."""

    darkest: float = 0.58  # cloud cover beyond which the shares stay


class FluxSplit(NamedTuple):
    """Half of it visible; direct shares are polynomials of the flux (CLM 3.5 and 4 offline)."""

    visible: float = 0.5


@kernel
def _fixed_split(token: FixedSplit, shortwave: float, mu: float) -> Sky:
    vis = token.visible * shortwave
    nir = shortwave - vis
    return Sky(
        token.direct * vis,
        (1.0 - token.direct) * vis,
        token.direct * nir,
        (1.0 - token.direct) * nir,
    )


@kernel
def _cloud_split(token: CloudSplit, shortwave: float, mu: float) -> Sky:
    sun = max(mu, 0.01)
    cloud = (1160.0 * sun - shortwave) / (963.0 * sun)
    cloud = max(min(max(cloud, 0.0), 1.0), token.darkest)
    diffuse = 1.0
    if sun > 0.0223:
        diffuse = min(max(0.0604 / (sun - 0.0223) + 0.0683, 0.0), 1.0)
    diffuse += (1.0 - diffuse) * cloud
    visible = (580.0 - cloud * 464.0) / ((580.0 - cloud * 499.0) + (580.0 - cloud * 464.0))
    vis = visible * shortwave
    nir = shortwave - vis
    return Sky((1.0 - diffuse) * vis, diffuse * vis, (1.0 - diffuse) * nir, diffuse * nir)


@kernel
def _flux_split(token: FluxSplit, shortwave: float, mu: float) -> Sky:
    vis = token.visible * shortwave
    nir = shortwave - vis
    a = 0.17639 + vis * (0.00380 + vis * (-9.0039e-6 + vis * 8.1351e-9))
    b = 0.29548 + nir * (0.00504 + nir * (-1.4957e-5 + nir * 1.4881e-8))
    a = min(max(a, 0.01), 0.99)
    b = min(max(b, 0.01), 0.99)
    return Sky(a * vis, (1.0 - a) * vis, b * nir, (1.0 - b) * nir)


SPLIT: dict[type, Callable[..., Sky]] = {
    FixedSplit: _fixed_split,
    CloudSplit: _cloud_split,
    FluxSplit: _flux_split,
}


@chosen_by(SPLIT)
def _shares(token: Any, shortwave: float, mu: float) -> Sky:
    return SPLIT[type(token)](token, shortwave, mu)


@kernel
def split(token: Any, shortwave: float, mu: float) -> Sky:
    """Shortwave [W m-2] in two bands, direct and diffuse; without a sun all of it is diffuse."""
    sky = _shares(token, shortwave, mu)
    if mu > LOWEST:
        return sky
    return Sky(0.0, sky.vis_direct + sky.vis_diffuse, 0.0, sky.nir_direct + sky.nir_diffuse)


# ------------------------------------------------------------------------------------ ground albedo


class AgedSnow(NamedTuple):
    """Albedo of snow by age and sun (BATS: Dickinson et al. 1993, NCAR/TN-387+STR).

    New snow in the visible and near infrared; what ageing takes of them.
    """

    vis: float = 0.95
    nir: float = 0.65
    ageing_vis: float = 0.2
    ageing_nir: float = 0.5


@kernel
def _aged_snow(token: AgedSnow, age: float, mu: float) -> Albedo:
    """Oleson et al. (2004), NCAR/TN-461+STR, section 3.2.2; brighter under a low sun."""
    old = age / (1.0 + age)
    vis = token.vis * (1.0 - token.ageing_vis * old)
    nir = token.nir * (1.0 - token.ageing_nir * old)
    low = 0.4 * max(1.5 / (1.0 + 4.0 * max(mu, LOWEST)) - 0.5, 0.0)
    return Albedo(vis + low * (1.0 - vis), vis, nir + low * (1.0 - nir), nir)


SNOW_ALBEDO: dict[type, Callable[..., Albedo]] = {AgedSnow: _aged_snow}


@chosen_by(SNOW_ALBEDO)
def snow_albedo(token: Any, age: float, mu: float) -> Albedo:
    """Albedo of snow whose surface has an age [1]."""
    return SNOW_ALBEDO[type(token)](token, age, mu)


@kernel
def ground_albedo(
    colour: SoilColour, snow: Any, theta: float, cover: float, age: float, mu: float
) -> Albedo:
    """Albedo of ground with a share `cover` under snow (Oleson 2010, section 3.2).

    theta: water of the top layer of soil [m3 m-3], which darkens it.
    """
    dry = max(0.11 - 0.40 * theta, 0.0)
    vis = min(colour.wet_vis + dry, colour.dry_vis)
    nir = min(colour.wet_nir + dry, colour.dry_nir)
    if cover <= 0.0:
        return Albedo(vis, vis, nir, nir)
    white = snow_albedo(snow, age, mu)
    return Albedo(
        vis + cover * (white.vis_direct - vis),
        vis + cover * (white.vis_diffuse - vis),
        nir + cover * (white.nir_direct - nir),
        nir + cover * (white.nir_diffuse - nir),
    )


# ------------------------------------------------------------------------------------------- canopy


@kernel
def _faded(rate: float, length: float, fade: float) -> float:
    """int_0^length exp(-rate x) dx, where fade = exp(-rate length), also for a rate of about 0."""
    z = rate * length
    if z < 1e-4:
        return length * (1.0 - z * (0.5 - z / 6.0))
    return (1.0 - fade) / rate


@kernel
def _band(
    direct: float,
    diffuse: float,
    soil_direct: float,
    soil_diffuse: float,
    scattering: float,
    upward: float,
    beam_upward: float,
    m: float,
    k: float,
    fade_k: float,
    area: float,
) -> Band:
    """Light of one band in a canopy of leaf and stem area `area`, absorbed by whom.

    scattering omega, of which `upward` is beta for diffuse and `beam_upward` beta_0 for direct
    light; m the mean inverse optical depth of diffuse light, k the optical depth of the beam, of
    which fade_k = exp(-k area) comes through. With x the area above, down and up are
        down = A e^(-h x) + B r e^(-h (L - x)) + P_down e^(-k x)
        up   = A r e^(-h x) + B e^(-h (L - x)) + P_up e^(-k x)
    """
    omega = min(scattering, BRIGHTEST)
    a, c = 1.0 - omega * (1.0 - upward), omega * upward
    h = math.sqrt(max((a - c) * (a + c), 0.0)) / m
    if abs(k - h) < DETUNING * h:
        k = h * (1.0 + DETUNING)
        fade_k = math.exp(-k * area)
    r = c / (a + m * h)
    fade_h = math.exp(-h * area)
    mk = m * k
    source = direct * omega * mk / ((a - mk) * (a + mk) - c * c)
    p_up = source * (beam_upward * (a - mk) + c * (1.0 - beam_upward))
    p_down = source * ((1.0 - beam_upward) * (a + mk) + c * beam_upward)
    top = diffuse - p_down
    bottom = fade_k * (direct * soil_direct + p_down * soil_diffuse - p_up)
    back = fade_h * (r - soil_diffuse)
    big_b = (bottom - top * back) / ((1.0 - soil_diffuse * r) - r * fade_h * back)
    big_a = top - big_b * r * fade_h
    reflected = big_a * r + big_b * fade_h + p_up
    through = big_a * fade_h + big_b * r + p_down * fade_k
    ground = (1.0 - soil_diffuse) * through + (1.0 - soil_direct) * direct * fade_k
    # Sunlit leaves are the share e^(-k x): they absorb the beam and their part of the scattered.
    sunny = big_a * _faded(k + h, area, fade_k * fade_h) + big_b * (fade_k - fade_h) / (h - k)
    sunny = (1.0 + r) * sunny + (p_up + p_down) * _faded(2.0 * k, area, fade_k * fade_k)
    sun = (1.0 - omega) * (direct * (1.0 - fade_k) + sunny / m)
    return Band(sun, direct + diffuse - reflected - ground - sun, ground, reflected)


@kernel
def absorb(
    plant: Optics,
    sky: Sky,
    ground: Albedo,
    mu: float,
    lai: float,
    sai: float,
    snowy: float,
) -> Absorbed:
    """Shortwave absorbed by sunlit and shaded leaves and the ground, and what is reflected.

    lai, sai: leaf and stem area above the snow; snowy: share of them that carries snow.
    """
    area = lai + sai
    total = sky.vis_direct + sky.vis_diffuse + sky.nir_direct + sky.nir_diffuse
    if total <= 0.0:
        return Absorbed(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, lai, 1.0, 1.0)
    if area < BARE:
        reflected = (
            ground.vis_direct * sky.vis_direct
            + ground.vis_diffuse * sky.vis_diffuse
            + ground.nir_direct * sky.nir_direct
            + ground.nir_diffuse * sky.nir_diffuse
        )
        return Absorbed(0.0, 0.0, total - reflected, reflected, 0.0, 0.0, 0.0, lai, 1.0, 1.0)
    mu = max(mu, LOWEST)
    towards = plant.phi1 + plant.phi2 * mu
    k = towards / mu
    fade = math.exp(-k * area)
    single = _single_scattering(plant, towards, mu)
    leaf = lai / area
    level = 0.25 * (1.0 + plant.orientation) * (1.0 + plant.orientation)  # cos^2 of the leaf angle

    rho = leaf * plant.leaf_reflects_vis + (1.0 - leaf) * plant.stem_reflects_vis
    tau = leaf * plant.leaf_transmits_vis + (1.0 - leaf) * plant.stem_transmits_vis
    omega, upward, beam = _scattering(
        rho, tau, level, single, plant.mean_mu, k, snowy, SNOW_SCATTERING[0]
    )
    vis = _band(
        sky.vis_direct, sky.vis_diffuse, ground.vis_direct, ground.vis_diffuse,
        omega, upward, beam, plant.mean_mu, k, fade, area,
    )  # fmt: skip
    rho = leaf * plant.leaf_reflects_nir + (1.0 - leaf) * plant.stem_reflects_nir
    tau = leaf * plant.leaf_transmits_nir + (1.0 - leaf) * plant.stem_transmits_nir
    omega, upward, beam = _scattering(
        rho, tau, level, single, plant.mean_mu, k, snowy, SNOW_SCATTERING[1]
    )
    nir = _band(
        sky.nir_direct, sky.nir_diffuse, ground.nir_direct, ground.nir_diffuse,
        omega, upward, beam, plant.mean_mu, k, fade, area,
    )  # fmt: skip

    lit = _faded(k, area, fade)
    shaded = max(area - lit, 1e-9 * area)
    strength, strength_lit = _strength(plant.nitrogen_fading, k, area, fade, lit)
    return Absorbed(
        vis.sun + nir.sun,
        vis.shade + nir.shade,
        vis.ground + nir.ground,
        vis.reflected + nir.reflected,
        max(vis.sun, 0.0) / lit,
        max(vis.shade, 0.0) / shaded,
        leaf * lit,
        leaf * (area - lit),
        strength_lit / lit,
        max(strength - strength_lit, 0.0) / shaded,
    )


@kernel
def _strength(fading: float, k: float, area: float, fade: float, lit: float) -> tuple[float, float]:
    """Capacity of all leaves and of the sunlit ones, in areas of top leaf."""
    if fading <= 0.0:
        return area, lit
    deep = math.exp(-fading * area)
    return _faded(fading, area, deep), _faded(fading + k, area, deep * fade)


@kernel
def _single_scattering(plant: Optics, towards: float, mu: float) -> float:
    """Of a beam, upward, over omega (Oleson 2010 Eq. 3.15)."""
    beside = towards + mu * plant.phi2
    if beside < 1e-6:
        return 0.5 * towards / 1e-6
    flat = mu * plant.phi1
    return 0.5 * towards / beside * (1.0 - flat / beside * math.log((flat + beside) / flat))


@kernel
def _scattering(
    rho: float,
    tau: float,
    level: float,
    single: float,
    m: float,
    k: float,
    snowy: float,
    snow: float,
) -> tuple[float, float, float]:
    """omega, beta and beta_0 of leaves, of which some carry snow (Oleson 2010 Eq. 3.5 to 3.14)."""
    omega = rho + tau
    up = 0.5 * (omega + (rho - tau) * level)
    beam = omega * (1.0 + m * k) / (m * k) * single
    if snowy > 0.0:
        omega += snowy * (snow - omega)
        up += snowy * (HALVES * snow - up)
        beam += snowy * (HALVES * snow - beam)
    if omega <= 0.0:
        return 0.0, 0.5, 0.5
    return omega, up / omega, min(beam / omega, 1.0)
