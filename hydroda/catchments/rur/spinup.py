"""Members in balance with their own soils and aquifers before a run (Li 3.2).

Li et al. run the subsurface alone for 100 years under mean recharge, then the coupled model through
one year ten times. Here the years start from the water table that has no change left where flow is
level (Dupuit), so that few of them are needed, and both phases end when storage changes by less
than a tolerance. What a member still changes by a year, and why each phase ended, is its `Balance`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from hydroda.catchments.rur.drains import Drains, OpenSurface
from hydroda.catchments.rur.rur import RurCatchment
from hydroda.catchments.rur.spread import SpreadForcing
from hydroda.errors import DataError, ForecastError
from hydroda.files import replacing
from hydroda.fingerprint import fingerprint
from hydroda.forcing import Forcing, ForcingWindow, PerturbedForcing
from hydroda.meteorology import reference_evapotranspiration
from hydroda.models.boundaries import Well
from hydroda.models.grid import Grid
from hydroda.models.terrestrial import EvaporatingSurface, Still, TerrestrialSystem
from hydroda.rng import Streams
from hydroda.units import Amount, Duration, duration, magnitude

Array = NDArray[np.float64]

DAY = np.timedelta64(86400 * 10**9, "ns")
NOW = np.datetime64(0, "ns")  # a date for weather that does not change
YEAR = 365.25  # [D]
MM = 1000.0
# Lengths of the runs of the subsurface [years]: short ones first, until the heads have settled.
LENGTHS = (0.03, 0.1, 0.3, 1.0, 1.0, 2.0, 5.0, 10.0)
STEPS = 2  # of each of them
TOLERANCE = "1e-6 m"  # of the water balance of a cell in steps of years
RETRIES = 3
MODELLED = ("models", "catchments/rur", "forcing")
BALANCED, BOUNDED = "balanced", "out of years"
# What a state in balance does not depend on: instruments and how they are used.
APART = (
    "model", "updates", "network", "assimilate_until", "every", "keep", "stored", "members",
    "period", "wells", "about", "crns", "fluxes", "weighting", "well_representativeness", "level",
    "screening",
)  # fmt: skip


@dataclass(frozen=True)
class Balance:
    """How one phase ended for one member: `change` is the mean size over columns [mm a-1]."""

    member: str
    phase: str
    years: float
    change: float
    ended: str


@dataclass(frozen=True)
class SpinUp:
    """Two phases and when they end.

    years     : the subsurface alone under mean recharge, at most
    repeats   : the coupled model through the `lead` before the start, so often at most
    tolerance : of the change of storage in a year, mean size over columns, that ends a phase
    """

    years: float = 100.0
    repeats: int = 10
    lead: Duration = "365 D"
    tolerance: Amount = "1 mm"

    def __post_init__(self) -> None:
        object.__setattr__(self, "lead", duration(self.lead, "lead"))
        object.__setattr__(self, "tolerance", magnitude(self.tolerance, "mm", "tolerance"))

    def of(
        self,
        rur: RurCatchment,
        members: Sequence[int | str],
        folder: Path | None = None,
        progress: Any = None,
    ) -> tuple[xr.Dataset, tuple[Balance, ...]]:
        """These members of `rur` at its start, in balance as far as it goes, and how far.

        Those that `folder` has are read from there. A member does not depend on the others.
        """
        file = None if folder is None else folder / f"{self.key(rur, members)}.nc"
        if file is not None and file.exists():
            return _read(file)
        streams = Streams(rur.seed)
        draws = [_drawn(rur, streams, member) for member in members]
        data = xr.concat(draws, "member", data_vars="minimal", coords="minimal", join="exact")
        names = [str(member) for member in members]
        data, alone = self._alone(rur, data, names, progress)
        data, coupled = self._coupled(rur, data, members, names, progress)
        found = (*alone, *coupled)
        if file is not None:
            _write(file, data, found)
        return data, found

    def key(self, rur: RurCatchment, members: Sequence[int | str]) -> str:
        """16 digits of everything on which the members depend, the code of the package included."""
        declared = {f.name: getattr(rur, f.name) for f in fields(rur) if f.name not in APART}
        return fingerprint(
            version("hydroda"), code(), self, declared, rur.model, rur.read_forcing(),
            rur.span[0], tuple(members),
        )[:16]  # fmt: skip

    # --- the subsurface alone

    def _alone(
        self, rur: RurCatchment, data: xr.Dataset, names: list[str], progress: Any
    ) -> tuple[xr.Dataset, list[Balance]]:
        """Heads in balance with mean recharge, member by member."""
        system, recharge = _subsurface(rur), mean_recharge(rur)
        data = with_heads(rur, data, level_heads(rur, data, recharge))
        if self.years <= 0.0:
            return data, []
        ground = [
            v for v in data if "layer" in data[v].dims or v in ("manning", "specific_storage")
        ]
        soil = data[[v for v in ground if v in system.state.variables]]
        found: dict[int, Balance] = {}
        left, done = np.arange(len(names)), 0.0
        for length in _shown(_lengths(self.years), progress, "spin-up, ground"):
            before = soil.isel(member=left)
            after = _forecast(system, before, _steady(recharge, length))
            done += length
            change = _change(system, before, after) / length
            heads = soil["h"].values.copy()
            heads[left] = after["h"].values
            soil = soil.assign(h=soil["h"].copy(data=heads))
            soil = soil.assign(theta=soil["theta"].copy(data=system._contents(soil, heads)))
            settled = (change < float(self.tolerance)) & (length >= 1.0)
            for member, size, ended in zip(left, change, settled, strict=True):
                said = BALANCED if ended else BOUNDED
                found[int(member)] = Balance(names[member], "ground", done, float(size), said)
            left = left[~settled]
            if not left.size:
                break
        return with_heads(rur, data, soil["h"].values), [found[m] for m in sorted(found)]

    # --- the coupled model

    def _coupled(
        self, rur: RurCatchment, data: xr.Dataset, members: Sequence[int | str], names: list[str],
        progress: Any,
    ) -> tuple[xr.Dataset, list[Balance]]:  # fmt: skip
        """The members at the start of the period, after the same weather again and again."""
        lead = np.timedelta64(duration(self.lead, "lead"))
        if self.repeats < 1 or lead <= np.timedelta64(0, "ns"):
            return data, []
        assert rur.model is not None  # built with the declaration
        end, forcing = rur.span[0], rur.read_forcing()
        weather: Forcing | PerturbedForcing = forcing
        if rur.noise is not None:
            weather = forcing.perturbed(
                rur.noise, Streams(rur.seed), tuple(members), end - lead, end
            )
        days, change = np.arange(end - lead, end, DAY), np.full(len(names), np.nan)
        years = float(lead / DAY) / YEAR
        for number in range(1, self.repeats + 1):
            before = data
            for day in _shown(days, progress, f"spin-up, {number} of {self.repeats}"):
                until = min(day + DAY, end)
                data = _forecast(rur.model, data, weather.between(day, until), day, until)
            change = _change(rur.model, before, data) / years
            if (change < float(self.tolerance)).all():
                break
        said = [BALANCED if size < float(self.tolerance) else BOUNDED for size in change]
        return data, [
            Balance(name, "coupled", number * years, float(size), ended)
            for name, size, ended in zip(names, change, said, strict=True)
        ]


# ---------------------------------------------------------------------------- the first water table


def mean_recharge(rur: RurCatchment) -> Array:
    """Rain less evapotranspiration [m s-1] (column,), from the means of the climate.

    ET = P / √(1 + (P/E)²) with the potential E (Pike 1964, 10.1016/0022-1694(64)90022-8).
    """
    forcing = rur.read_forcing()
    mean = forcing.data.mean("time")
    values = {str(name): np.asarray(mean[name].values, float) for name in forcing.variables}
    if isinstance(forcing, SpreadForcing):
        spread = forcing.spread.over({name: v[None, None] for name, v in values.items()})
        values = {name: v[0, 0] for name, v in spread.items()}
    if "potential_evapotranspiration" not in values:
        values["potential_evapotranspiration"] = reference_evapotranspiration(
            values["air_temperature"], values["relative_humidity"], values["wind_speed"],
            values["shortwave"], values["pressure"], forcing.step_seconds,
            longwave=values["longwave"],
        )  # fmt: skip
    rain, potential = values["rain"], np.maximum(values["potential_evapotranspiration"], 1e-12)
    left = rain - rain / np.sqrt(1.0 + (rain / potential) ** 2)
    columns = rur.terrain.grid.columns
    return np.array(np.broadcast_to(left, columns)) / (MM * forcing.step_seconds)


def balanced_tables(rur: RurCatchment, data: xr.Dataset, recharge: Array) -> Array:
    """Depths [m] (member, column) of water tables that level flow would leave as they are.

    Under a mean `recharge` [m s-1] (column,), with the log10 K_s of the members and what wells pump
    and drains take of the catchment (Dupuit).
    """
    assert rur.model is not None  # built with the declaration
    grid, ground = rur.terrain.grid, rur.terrain.heights
    pumped = np.zeros(grid.columns)
    for each in rur.model.boundaries:
        if isinstance(each, Well):
            pumped[grid.column_at(each.x, each.y)] -= float(each.rate) / grid.area
    drains = [each for each in rur.model.boundaries if isinstance(each, Drains)]
    shape = (data.sizes["member"], grid.columns, grid.layers)
    depths = np.empty(shape[:2])
    for m, log10_ks in enumerate(np.broadcast_to(data["log10_Ks"].values, shape)):
        k, surface = 10.0**log10_ks, ground.copy()
        for each in drains:
            above = recharge / (each.factor * k[:, each.layer(grid)])
            surface -= np.maximum(float(each.depth) - above, 0.0)
        depths[m] = ground - steady_levels(grid, surface, ground, k, recharge - pumped)
    return depths


def level_heads(rur: RurCatchment, data: xr.Dataset, recharge: Array) -> Array:
    """Heads (member, column, layer) over `balanced_tables`.

    Above the table recharge goes down by gravity, at the head at which K is just enough for it.
    """
    assert rur.model is not None
    depths = balanced_tables(rur, data, recharge)
    shape = (*depths.shape, rur.terrain.grid.layers)
    k, alpha, n = (np.broadcast_to(data[v].values, shape) for v in ("log10_Ks", "alpha", "n"))
    heads = rur.model.z - depths[:, :, None]
    for m in range(shape[0]):
        falling = head_of_flow(recharge[:, None], 10.0 ** k[m], alpha[m], n[m])
        heads[m] = np.where(heads[m] >= 0.0, heads[m], np.maximum(heads[m], falling))
    return heads


def steady_levels(
    grid: Grid, surface: Array, ground: Array, k: Array, gain: Array, most: int = 200
) -> Array:
    """Levels [m] (column,) at which level flow carries off `gain` [m s-1], none above `surface`.

    k [m s-1] (column, layer) lies under `ground` [m]; water that comes to the surface leaves there.
    Which columns it leaves is found by trial: those that would take water in are let go.
    """
    dz = grid.dz
    bottom, deepest = np.cumsum(dz), float(dz.sum() - 0.5 * dz[-1])
    here, side = np.nonzero(grid.beside >= 0)
    there = grid.beside[here, side]
    face = 2.0 * k[here] * k[there] / (k[here] + k[there]) * dz
    face = face / np.asarray(grid.widths)[side, None] ** 2
    level, leaves = surface.copy(), np.ones(grid.columns, bool)
    for trial in range(most):
        depth = np.clip(ground - level, 0.0, deepest)
        wet = np.clip((bottom - depth[:, None]) / dz, 0.0, 1.0)
        higher = np.where(level[here] >= level[there], here, there)
        between = (face * wet[higher]).sum(axis=1)
        flow = coo_matrix((between, (here, there)), (grid.columns, grid.columns)).tocsr()
        total = np.asarray(flow.sum(axis=1)).ravel()
        found, free = surface.copy(), ~leaves
        if free.any():
            rows = (diags(total) - flow).tocsr()[free]
            right = gain[free] - rows[:, leaves] @ surface[leaves]
            found[free] = spsolve(rows[:, free].tocsc(), right)
        leaving = gain + flow @ found - total * found
        again = np.where(leaves, leaving > 0.0, found >= surface)
        again[np.argmin(surface)] = True  # the outlet: without any the levels have no datum
        found = np.clip(found, ground - deepest, surface)
        moved = float(np.abs(found - level).max())
        level = level + (1.0 if trial < 3 else 0.6) * (found - level)
        if moved < 0.01 and (again == leaves).all():
            break
        leaves = again
    return level


def head_of_flow(flow: Array, k: Array, alpha: Array, n: Array) -> Array:
    """The head [m], 0 or less, at which van Genuchten-Mualem K is `flow` [m s-1]."""
    m = 1.0 - 1.0 / n
    wanted = np.log(np.clip(flow / k, 1e-12, 0.95))
    low, high = np.full(k.shape, -30.0), np.full(k.shape, -1e-12)
    for _ in range(50):
        middle = 0.5 * (low + high)
        inner = 1.0 - (1.0 - np.exp(middle / m)) ** m
        less = 0.5 * middle + 2.0 * np.log(np.maximum(inner, 1e-300)) < wanted
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    saturation = np.exp(high)
    return np.asarray(-((saturation ** (-1.0 / m) - 1.0) ** (1.0 / n)) / alpha)


# ------------------------------------------------------------------------------------------- parts


def with_heads(rur: RurCatchment, data: xr.Dataset, heads: Array) -> xr.Dataset:
    """The members with other heads, and the contents that belong to them."""
    assert rur.model is not None
    return rur.model.reconcile(data.assign(h=data["h"].copy(data=heads)), ("h",))[0]


def _drawn(rur: RurCatchment, streams: Streams, member: int | str) -> xr.Dataset:
    """One member before its spin-up, from the stream that a run draws it from."""
    own = (member,) if isinstance(member, str) else ("prior", member)
    return rur.prior(streams.generator(*own), 1)


def _subsurface(rur: RurCatchment) -> TerrestrialSystem:
    """The flow alone; what comes to the surface leaves at once."""
    assert rur.model is not None
    boundaries = (*rur.model.boundaries, OpenSurface())
    longest = f"{YEAR * max(LENGTHS)} D"
    steps = replace(rur.model.steps, largest=longest, tolerance=TOLERANCE)
    return replace(
        rur.model, surface=EvaporatingSurface(), overland=Still(), boundaries=boundaries,
        steps=steps,
    )  # fmt: skip


def _lengths(years: float) -> list[float]:
    """Lengths [years] of runs that sum up to `years`."""
    found, left = [], years
    wanted = iter(LENGTHS)
    while left > 1e-9:
        found.append(min(next(wanted, LENGTHS[-1]), left))
        left -= found[-1]
    return found


def _steady(recharge: Array, years: float) -> ForcingWindow:
    """Recharge as rain in a few steps; their stamps say nothing."""
    seconds = years * YEAR * 86400.0 / STEPS
    rain = np.broadcast_to(MM * seconds * recharge, (1, STEPS, recharge.size))
    return ForcingWindow(NOW + np.arange(STEPS) * DAY, seconds, {"rain": np.array(rain)})


def _forecast(
    system: TerrestrialSystem,
    data: xr.Dataset,
    window: ForcingWindow,
    start: Any = NOW,
    end: Any = NOW + DAY,
) -> xr.Dataset:
    """The members at the end of a window, failed ones again with smaller steps.

    Raises
    ------
    ForecastError
        A member has no solution with small steps either.
    """
    after = system.forecast(data, window, start, end)
    for _ in range(RETRIES):
        failed = np.flatnonzero(~np.isfinite(after["h"].values).all(axis=(1, 2)))
        if not failed.size:
            return after
        system = system.refined()
        part = window.of_members(failed.tolist())
        again = system.forecast(data.isel(member=failed), part, start, end)
        values = {}
        for name, old in after.data_vars.items():
            values[name] = old.copy(data=old.values.copy())
            values[name].values[failed] = again[name].values
        after = after.assign(values)
    raise ForecastError(
        f"the spin-up of members {', '.join(map(str, failed))} has no solution from {start} on: "
        f"{again.attrs.get('failures', '')}"
    )


def _change(system: TerrestrialSystem, before: xr.Dataset, after: xr.Dataset) -> Array:
    """Mean size over columns of the change of storage (member,) [mm]."""
    change = system.water(after).values - system.water(before).values
    return np.asarray(np.abs(change).mean(axis=1))


def _shown(items: Iterable[Any], progress: Any, label: str) -> Iterator[Any]:
    items = list(items)
    yield from items if progress is None else progress(items, len(items), label)


@cache
def code(*folders: str) -> str:
    """Fingerprint of the source of some folders of the package: other code, other results.

    Without any those on which a state in balance depends.
    """
    digest, root = hashlib.sha256(), Path(__file__).resolve().parents[2]
    for folder in folders or MODELLED:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _write(file: Path, data: xr.Dataset, balances: Sequence[Balance]) -> None:
    told = json.dumps([asdict(each) for each in balances])
    with replacing(file) as temporary:
        data.assign_attrs(balance=told).to_netcdf(temporary)


def _read(file: Path) -> tuple[xr.Dataset, tuple[Balance, ...]]:
    try:
        with xr.open_dataset(file, decode_timedelta=False) as opened:
            data = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{file} is damaged ({error}); remove it and run again") from error
    told = json.loads(data.attrs.pop("balance"))
    return data, tuple(Balance(**each) for each in told)


def balance_table(balances: Sequence[Balance]) -> pd.DataFrame:
    """A row per phase: members, years and change [mm a-1] of the median and of the worst."""
    frame = pd.DataFrame([asdict(each) for each in balances])
    if frame.empty:
        return frame
    rows = []
    for phase, part in frame.groupby("phase", sort=False):
        rows.append(
            (phase, len(part), part["years"].max(), part["change"].median(), part["change"].max(),
             int((part["ended"] == BALANCED).sum()))
        )  # fmt: skip
    columns = ["phase", "members", "years", "median change", "largest change", "balanced"]
    return pd.DataFrame(rows, columns=columns)
