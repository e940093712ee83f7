"""Two land columns through 1998 at Bondville, beside Noah 2.7.1 at its own test site.

Soybean, no-till after maize, on silt loam: half-hourly weather, evapotranspiration of 256 days,
heat, radiation, soil temperature and moisture as measured. Nothing is fitted: `bondville_column`
says where every parameter comes from. Published are the scores of Noah's own output for the same
weather and days (NOAA-EMC/NoahLSM, plot/THERMO.GRS and HYDRO.GRS).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hydroda import plotting
from hydroda.catchments._bondville_data import LATENT_HEAT, LOCAL, Bondville
from hydroda.catchments.bondville import bondville_column, measured
from hydroda.errors import DeclarationError
from hydroda.models.canopy import KelvinHumidity, SakaguchiZeng
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.land_column import LandColumn
from hydroda.models.runoff import Aquifer, Simtop, Topmodel
from hydroda.studies.report import Bar, StudyReport, Value, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COVERED = 0.8  # a day counts with more of it measured than this
SETTLED = 1.0  # years are repeated until the column gains or loses less [mm]
YEARS = {"small": 1, "medium": 10, "paper": 10}  # of spin-up at most
HOURS = {"small": 24, "medium": 3, "paper": 3}  # between looks at the state
REQUIRED_CORRELATION, REQUIRED_BIAS = 0.92, 0.34  # Noah's, of daily evapotranspiration
WATER_CLOSED, ENERGY_CLOSED = 1e-6, 1e-3  # [mm], [W m-2]
LATENT = "evapotranspiration"
HEATS = ("latent_heat", "sensible_heat", "ground_heat", "net_radiation")

# Correlation, bias and RMSE of Noah's half-hourly output, THERMO.GRS, as our columns are scored;
# its layers (middles at 5, 25, 70 and 150 cm) interpolated to the depths of the sensors.
NOAH: Mapping[str, tuple[float, float, float]] = {
    "latent_heat": (0.916, 9.85, 25.28),
    "sensible_heat": (0.381, -7.77, 25.32),
    "ground_heat": (0.748, -1.72, 12.09),
    "net_radiation": (0.973, -11.28, 17.84),
    "temperature 2 cm": (0.987, -0.80, 1.95),
    "temperature 8 cm": (0.987, -0.85, 1.79),
    "temperature 32 cm": (0.976, -1.14, 2.18),
    "temperature 64 cm": (0.933, -0.14, 2.25),
}
COLUMNS: dict[str, LandColumn] = {
    "CLM4Column": bondville_column(CLM4Column),
    "CoLMColumn": bondville_column(CoLMColumn),
}
# What explains the difference of the two: parts of one in the other, and the Common Land Model as
# it was released from 2002 on, which leaves out the base flow of its paper.
NO_BASE_FLOW = Topmodel(base="0 mm/s", saturated="0 mm/s")
VARIANTS: dict[str, LandColumn] = {
    "CoLMColumn, SIMTOP and aquifer": bondville_column(
        CoLMColumn, runoff=Simtop(), bottom=Aquifer()
    ),
    "CoLMColumn, no base flow": bondville_column(CoLMColumn, runoff=NO_BASE_FLOW),
    "CoLMColumn, no base flow, ground of CLM 4": bondville_column(
        CoLMColumn, runoff=NO_BASE_FLOW, humidity=SakaguchiZeng()
    ),
    "CLM4Column, humidity of CoLM": bondville_column(CLM4Column, humidity=KelvinHumidity()),
}


@dataclass(frozen=True, eq=False)
class Year:
    """One column through the year: daily means and sums (local day), and how it closed.

    `spin_up` years went before it, the last of which changed the water by `settled` [mm].
    """

    daily: pd.DataFrame
    water_error: float
    energy_error: float
    spin_up: int
    settled: float


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """Scores of both columns beside Noah's, what each month had, and their one-step difference.

    size : "small" looks once a day after one year of spin-up; "paper" adds columns with parts of
        each other
    data : the folder with the measured year

    Raises
    ------
    DeclarationError
        The data are not named.
    """
    if data is None:
        raise DeclarationError("bondville1998 needs its data: --data FOLDER, as `run bondville`")
    begin, size = time.monotonic(), size or "medium"
    site = measured(data)
    columns = COLUMNS | (VARIANTS if size == "paper" else {})
    years = {name: through_the_year(c, site, size, name, progress) for name, c in columns.items()}
    observed = observations(site)
    values = [*_scores(years, observed), *_months(years, observed), *_tower(observed)]
    apart = one_day_apart(COLUMNS["CLM4Column"], COLUMNS["CoLMColumn"], site, progress)
    values += _apart(apart)
    return StudyReport(
        study="bondville1998",
        size=size,
        seeds=tuple(seeds),
        wall_seconds=time.monotonic() - begin,
        values=tuple(values),
        verdicts=tuple(_verdicts(years, observed)),
        figures={
            "evapotranspiration": lambda: _weekly(years, observed, LATENT),
            "soil_moisture": lambda: _weekly(years, observed, "moisture 5 cm"),
            "one_day_apart": lambda: _figure_apart(apart),
        },
    )


# ------------------------------------------------------------------------------------ simulations


def start(column: LandColumn) -> xr.Dataset:
    """Moist and at the mean temperature of the year: where the spin-up begins."""
    theta = np.full((1, 1, column.dz.size), 0.37)
    return column.dataset(theta=theta, temperature="284 K", water_table="3 m")


def spun_up(column: LandColumn, site: Bondville, years: int) -> tuple[xr.Dataset, int, float]:
    """The column after the same year again and again, how often, and its last change [mm]."""
    first, last = _period(site)
    ensemble, settled, passed = start(column), np.inf, 0
    while abs(settled) >= SETTLED and passed < years:
        before = float(ensemble["water"].item())
        ensemble = column.forecast(ensemble, site.forcing.between(first, last), first, last)
        settled, passed = float(ensemble["water"].item()) - before, passed + 1
    return ensemble, passed, settled


def through_the_year(
    column: LandColumn, site: Bondville, size: str, name: str, progress: Bar | None = None
) -> Year:
    """The year after its spin-up."""
    ensemble, years, settled = spun_up(column, site, YEARS[size])
    steps = np.arange(*_period(site), np.timedelta64(HOURS[size], "h"))
    found = _looks(column, ensemble, site, steps, np.timedelta64(HOURS[size], "h"))
    rows = list(found if progress is None else progress(found, len(steps), name))
    table = pd.DataFrame(rows)
    errors = table[["budget_error", "energy_error"]].abs().max()
    days = table.groupby(_local_days(pd.DatetimeIndex(steps, tz="UTC")))
    daily = days.mean().assign(**{each: days[each].sum() for each in SUMMED})
    return Year(daily, float(errors.iloc[0]), float(errors.iloc[1]), years, settled)


SUMMED = ("evapotranspiration", "transpiration", "interception", "runoff", "drainage")


def _period(site: Bondville) -> tuple[np.datetime64, np.datetime64]:
    times = site.forcing.data["time"].values
    return times[0], times[-1] + (times[1] - times[0])


def _looks(
    column: LandColumn, ensemble: xr.Dataset, site: Bondville, steps: Any, length: np.timedelta64
) -> Iterator[dict[str, float]]:
    kept = (*SUMMED, *HEATS, "budget_error", "energy_error", "snow")
    for begin in steps:
        end = begin + length
        ensemble = column.forecast(ensemble, site.forcing.between(begin, end), begin, end)
        yield {name: float(ensemble[name].item()) for name in kept} | _at_depths(column, ensemble)


def _at_depths(column: LandColumn, ensemble: xr.Dataset) -> dict[str, float]:
    """Temperature [K] and liquid water [m3 m-3] where the sensors are."""
    warmth, theta = (ensemble[name].values[0, 0] for name in ("temperature", "theta"))
    found = {
        f"temperature {cm} cm": float(np.interp(cm / 100, column.z, warmth))
        for cm in (2, 8, 32, 64)
    }
    return found | {"moisture 5 cm": float(np.interp(0.05, column.z, theta))}


def one_day_apart(
    truth: LandColumn, other: LandColumn, site: Bondville, progress: Bar | None = None
) -> xr.DataArray:
    """Moisture of `other` after one day from the state of `truth`, minus that of `truth`.

    (day, layer) [m3 m-3]: bias and error of a model by layer (Dan et al. 2020, Fig. 3). Both know
    the same variables; soil and texture are the same.
    """
    ensemble, _, _ = spun_up(truth, site, 1)
    day = np.timedelta64(1, "D")
    days = np.arange(*_period(site), day)

    def differences() -> Iterator[np.ndarray]:
        nonlocal ensemble
        for begin in days:
            weather = site.forcing.between(begin, begin + day)
            after = other.forecast(ensemble, weather, begin, begin + day)
            ensemble = truth.forecast(ensemble, weather, begin, begin + day)
            total = [each["theta"] + each["ice"] for each in (after, ensemble)]
            yield (total[0] - total[1]).values[0, 0]

    rows = differences()
    found = list(rows if progress is None else progress(rows, len(days), "one day apart"))
    return xr.DataArray(
        np.array(found),
        coords={"day": days, "depth": ("layer", truth.z)},
        dims=("day", "layer"),
        attrs={"units": "m3 m-3"},
    )


# ------------------------------------------------------------------------------------------ scores


def observations(site: Bondville) -> pd.DataFrame:
    """Daily means as measured, NaN where too little of a day was; evapotranspiration [mm/day]."""
    rows = {name: _daily(site.fluxes[name]) for name in HEATS}
    for depth in site.soil_temperature:
        rows[f"temperature {depth}"] = _daily(site.soil_temperature[depth])
    rows["moisture 5 cm"] = _daily(site.soil_moisture["5 cm"])
    rows[LATENT] = site.daily_evapotranspiration(COVERED)
    if site.noah is not None:
        noah = site.noah.set_index(pd.DatetimeIndex(site.noah.index))
        rows |= {f"noah {LATENT}": noah["et_mm"], "noah moisture 5 cm": noah["smc1"]}
    return pd.DataFrame(rows)


def _daily(series: pd.Series) -> pd.Series:
    days = series.groupby(_local_days(pd.DatetimeIndex(series.index)))
    return days.mean().where(days.count() > COVERED * 48)


def score(simulated: pd.Series, observed: pd.Series) -> tuple[float, float, float, int]:
    """Correlation, bias, RMSE, and on how many days."""
    both = pd.concat([simulated, observed], axis=1).dropna().to_numpy()
    error = both[:, 0] - both[:, 1]
    r = float(np.corrcoef(both.T)[0, 1])
    return r, float(error.mean()), float(np.sqrt((error**2).mean())), len(both)


def _local_days(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return times.tz_convert(LOCAL).normalize().tz_localize(None)


QUANTITIES = {
    LATENT: "mm/day",
    **dict.fromkeys(HEATS, "W m-2"),
    **{f"temperature {cm} cm": "K" for cm in (2, 8, 32, 64)},
    "moisture 5 cm": "m3 m-3",
}


def _noah(quantity: str, observed: pd.DataFrame) -> tuple[float | None, float | None, float | None]:
    if f"noah {quantity}" in observed:
        return score(observed[f"noah {quantity}"], observed[quantity])[:3]
    return NOAH.get(quantity, (None, None, None))


def _scores(years: Mapping[str, Year], observed: pd.DataFrame) -> Iterator[Value]:
    for quantity, unit in QUANTITIES.items():
        noah = _noah(quantity, observed)
        for name, year in years.items():
            r, bias, rmse, days = score(year.daily[quantity], observed[quantity])
            own = r, bias, rmse
            for column, ours, given in zip(("r", "bias", "RMSE"), own, noah, strict=True):
                of = "" if column == "r" else unit
                yield Value(f"{quantity} beside Noah", name, column, of, given, ours)
            yield Value(f"{quantity} beside Noah", name, "days", "", None, float(days))


def _months(years: Mapping[str, Year], observed: pd.DataFrame) -> Iterator[Value]:
    """Evapotranspiration by month on the days with measurements; published: as measured."""
    there = observed[LATENT].dropna()
    series = {name: year.daily[LATENT] for name, year in years.items()}
    if f"noah {LATENT}" in observed:
        series["Noah 2.7.1"] = observed[f"noah {LATENT}"]
    for name, values in series.items():
        own = values.reindex(there.index)
        for month, days in there.groupby(pd.DatetimeIndex(there.index).month):
            mean = float(own[days.index].mean())
            shown = pd.Timestamp(2001, int(str(month)), 1).strftime("%b")
            yield Value(
                "evapotranspiration by month (measured)", name, shown, "mm/day",
                float(days.mean()), mean,
            )  # fmt: skip


def _tower(observed: pd.DataFrame) -> Iterator[Value]:
    """How far the tower agrees with itself, on the days that are scored.

    Its evaporation beside what its other three fluxes leave for it and beside the evaporation that
    closes its balance at its own Bowen ratio; the part of net radiation and ground heat that its
    two heats make up.
    """
    table = "the tower beside itself"
    days = observed.dropna(subset=[LATENT, *HEATS])
    available = days["net_radiation"] - days["ground_heat"]
    heats = days["latent_heat"] + days["sensible_heat"]
    for row, flux in (
        ("what its other fluxes leave", available - days["sensible_heat"]),
        ("closed at its Bowen ratio", available * days["latent_heat"] / heats),
    ):
        r, bias, rmse, _ = score(flux * 86400.0 / LATENT_HEAT, days[LATENT])
        for column, ours in (("r", r), ("bias", bias), ("RMSE", rmse)):
            yield Value(table, row, column, "" if column == "r" else "mm/day", None, ours)
    yield Value(
        table,
        "heats over what is available",
        "mean",
        "",
        None,
        float(heats.mean() / available.mean()),
    )


def _apart(apart: xr.DataArray) -> Iterator[Value]:
    bias, error = apart.mean("day"), np.sqrt((apart**2).mean("day"))
    for layer, depth in enumerate(apart["depth"].values):
        row = f"{100 * depth:.1f} cm"
        for column, values in (("bias", bias), ("error", error)):
            yield Value(
                "one day of CoLMColumn from the state of CLM4Column", row, column, "percent",
                None, 100.0 * float(values[layer]),
            )  # fmt: skip


def _verdicts(years: Mapping[str, Year], observed: pd.DataFrame) -> Iterator[Verdict]:
    noah = _noah(LATENT, observed)
    for name, year in years.items():
        r, bias, _, days = score(year.daily[LATENT], observed[LATENT])
        yield Verdict(
            f"{name}: evapotranspiration",
            f"daily r at least {REQUIRED_CORRELATION}, |bias| at most {REQUIRED_BIAS} mm/day",
            "Noah: " + ", ".join("" if v is None else f"{v:.3f}" for v in noah[:2]),
            f"{r:.3f}, {bias:+.3f} on {days} days",
            round(r, 2) >= REQUIRED_CORRELATION and abs(bias) <= REQUIRED_BIAS,
        )
        yield Verdict(
            f"{name}: closure",
            f"water within {WATER_CLOSED} mm and energy within {ENERGY_CLOSED} W m-2",
            "",
            f"{year.water_error:.1g} mm, {year.energy_error:.1g} W m-2",
            year.water_error < WATER_CLOSED and year.energy_error < ENERGY_CLOSED,
        )
        yield Verdict(
            f"{name}: spin-up",
            f"the year before changed the water by less than {SETTLED} mm",
            "",
            f"{year.settled:+.2f} mm in year {year.spin_up}",
            abs(year.settled) < SETTLED,
        )


# ----------------------------------------------------------------------------------------- figures


def _weekly(years: Mapping[str, Year], observed: pd.DataFrame, quantity: str) -> Figure:
    """Means of weeks of the columns, Noah and the measurements, on the days that were measured."""
    series = {name: year.daily[quantity] for name, year in years.items()}
    if f"noah {quantity}" in observed:
        series["Noah 2.7.1"] = observed[f"noah {quantity}"]
    there = observed[quantity].notna()
    table = pd.DataFrame(series | {"observed": observed[quantity]}).where(there, axis=0)
    table.index = pd.DatetimeIndex(table.index)
    weekly = table.resample("7D").mean()
    runs = xr.DataArray(
        weekly[list(series)].to_numpy(float).T,
        coords={"run": list(series), "time": weekly.index.to_numpy()},
        dims=("run", "time"),
        name=quantity,
        attrs={"units": QUANTITIES[quantity]},
    )
    points = runs.isel(run=0, drop=True).copy(data=weekly["observed"].to_numpy(float))
    return plotting.series_beside(runs, points)


def _figure_apart(apart: xr.DataArray) -> Figure:
    """Bias and error of a day of CoLMColumn from the state of CLM4Column, by depth."""
    values = 100.0 * np.array([apart.mean("day"), np.sqrt((apart**2).mean("day"))])
    curves = xr.DataArray(
        values.T,
        coords={"scheme": ["bias", "error"], "depth": apart["depth"]},
        dims=("layer", "scheme"),
        name="one day of CoLMColumn minus CLM4Column",
        attrs={"units": "percent"},
    )
    return plotting.weights_with_depth(curves)
