"""Nature, the members in balance, and the experiments: what the tables are made of.

Each experiment leaves a series file (see the package); what a folder has is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.drains import Drains
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.spinup import Balance, SpinUp, code
from hydroda.cycling import SECONDS
from hydroda.experiment import Progress, silent
from hydroda.files import replacing
from hydroda.fingerprint import fingerprint
from hydroda.models.terrestrial import Surface
from hydroda.obs import ObservationNetwork
from hydroda.obs.records import Records
from hydroda.obs.screening import distance_classes
from hydroda.obs.sensors import predicted
from hydroda.result import ASSIMILATION, OPEN_LOOP, Result
from hydroda.studies.li2025.experiments import EXPERIMENTS, KS, LI, VALIDATED, Choices, Study
from hydroda.studies.report import Bar
from hydroda.units import Amount

Array = NDArray[np.float64]

STORED = ("theta", "water_table_depth", "evaporation", "transpiration", KS, "water")
TOP = 10  # layers of which series files have moisture
NATURE, OPEN = "nature", "OL"
DAY = np.timedelta64(1, "D")

Edges: TypeAlias = tuple[Amount, ...]


@dataclass(frozen=True)
class Setting:
    """One size of the study: cells, members, days from the start, days of validation after them.

    `drains` stand for streams that the cells do not resolve; the ensemble and nature have the same.
    `choices` are those of the eleven experiments and of their scores; `label` keeps a case of
    another nature apart from that of the paper.
    """

    cell: str = "500 m"
    members: int = 128
    start: str = "2016-01-01"
    days: int = 1096
    validation: int = 365
    seed: int = 1
    spinup: SpinUp = field(default_factory=SpinUp)
    drains: Drains | None = field(default_factory=Drains)
    nature: Nature = field(default_factory=Nature)
    choices: Choices = LI
    surface: Surface | None = None
    forcing: str | None = None
    label: str = ""

    @property
    def folder(self) -> str:
        """What a case of this setting is kept under."""
        return f"seed-{self.seed}" + (f"-{self.label}" if self.label else "")

    @property
    def until(self) -> np.datetime64:
        """The end of the experiments and the start of the validation of K_s."""
        return np.datetime64(self.start) + self.days * DAY

    @property
    def end(self) -> np.datetime64:
        return self.until + self.validation * DAY

    def catchment(self, start: Any = None, end: Any = None) -> RurCatchment:
        """The catchment over the experiments, or over another period."""
        period = (
            str(self.start if start is None else start),
            str(self.until if end is None else end),
        )
        fields: dict[str, Any] = {
            "cell": self.cell, "members": self.members, "period": period, "seed": self.seed,
            "boundaries": () if self.drains is None else (self.drains,),
            "surface": self.surface, "forcing": self.forcing, "stored": STORED,
        }  # fmt: skip
        return RurCatchment(**fields)

    def of_nature(self) -> Nature:
        """Nature by the seed of the setting."""
        return replace(self.nature, seed=self.seed)


@dataclass(frozen=True, eq=False)
class Case:
    """Series of nature, of experiments, and of validations of K_s, by name; how balanced all is.

    `ingredients` is what nature has and the ensemble does not know.
    """

    setting: Setting
    nature: xr.Dataset
    runs: Mapping[str, xr.Dataset]
    validation: Mapping[str, xr.Dataset]
    balances: Mapping[str, tuple[Balance, ...]]
    ingredients: pd.DataFrame


@dataclass(frozen=True)
class Planned:
    """One run of a case: an experiment under choices.

    spoilt      : what happens to the readings on their way
    instruments : further ones, with what they read of nature
    adapted     : what is known of the members before the run begins changes it
    """

    study: Study
    choices: Choices = LI
    spoilt: Callable[[Records], Records] | None = None
    instruments: Callable[[ObservationNetwork, xr.Dataset], ObservationNetwork] | None = None
    adapted: Callable[[RurCatchment, xr.Dataset], RurCatchment] | None = None

    @property
    def name(self) -> str:
        return self.study.name

    def of(
        self, rur: RurCatchment, readings: Records, nature: xr.Dataset, start: xr.Dataset
    ) -> RurCatchment:
        """The experiment with the readings of nature."""
        rur = self.study.experiment(rur, self.choices)
        data = readings if self.spoilt is None else self.spoilt(readings)
        network = rur.read_network().with_data(data)
        if self.instruments is not None:
            network = self.instruments(network, nature)
        rur = replace(rur, network=network)
        return rur if self.adapted is None else self.adapted(rur, start)


PAPER = tuple(Planned(study) for study in EXPERIMENTS.values())


@dataclass(frozen=True)
class Place:
    """Where a case is kept, and what shows its progress; no folder keeps nothing."""

    folder: Path | None = None
    progress: Bar | None = None

    def under(self, *names: str) -> Path | None:
        return None if self.folder is None else self.folder.joinpath(*names)

    def shown(self, label: str) -> Progress:
        """The progress of one run under a name of its own."""
        if self.progress is None:
            return silent
        bar = self.progress
        return lambda steps, total, _: bar(steps, total, label)

    def kept(self, file: Path | None, key: str, make: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The series file that has this key, or what `make` gives, written there."""
        if file is not None and file.exists():
            with xr.open_dataset(file) as opened:
                if opened.attrs.get("key") == key:
                    return opened.load()
        found = make().assign_attrs(key=key)
        if file is not None:
            packed = {str(n): {"zlib": True} for n, v in found.items() if v.dtype.kind == "f"}
            with replacing(file) as temporary:
                found.to_netcdf(temporary, encoding=packed)
        return found


def carried_out(
    setting: Setting, plans: Sequence[Planned] = PAPER, place: Place | None = None,
    validated: Sequence[str] = VALIDATED,
) -> Case:  # fmt: skip
    """Nature, then the experiments from one ensemble, then the K_s of some in later days."""
    place = place or Place()
    own = replace(place, folder=place.under(setting.folder))
    rur, whole = setting.catchment(), setting.catchment(end=setting.end)
    nature = setting.of_nature()
    birth, of_nature = setting.spinup.of(
        nature.of(whole), ["truth"], place.under("spinup"), place.progress
    )
    sources = (code(), code("filters", "obs"))
    key = fingerprint(sources, setting, birth, whole.read_forcing())
    truth = own.kept(
        own.under("nature.nc"), key, lambda: _nature_series(nature, whole, birth, setting)
    )
    readings = readings_of(truth, whole)
    members = range(setting.members)
    begun: dict[Any, tuple[xr.Dataset, tuple[Balance, ...]]] = {}
    for soils in dict.fromkeys([setting.choices.soils, *(plan.choices.soils for plan in plans)]):
        fields: dict[str, Any] = {"soils": soils}
        drawn = replace(rur, **fields)
        begun[soils] = setting.spinup.of(drawn, members, place.under("spinup"), place.progress)

    def run(plan: Planned, name: str, over: RurCatchment, start: xr.Dataset) -> xr.Dataset:
        experiment = plan.of(over, readings, truth, start)
        return _run(experiment, start, key, own, name, setting.choices.edges)

    runs = {plan.name: run(plan, plan.name, rur, begun[plan.choices.soils][0]) for plan in plans}
    validation = {}
    wanted = [name for name in validated if name in runs] if setting.validation else []
    if wanted and OPEN in runs:
        later = setting.catchment(setting.until, setting.end)
        last = final_members(runs[OPEN])
        free = Planned(EXPERIMENTS[OPEN], setting.choices)
        for name in (OPEN, *wanted):
            begin = last if name == OPEN else with_ks(last, final_members(runs[name]), later)
            validation[name] = run(free, f"KS-{name}", later, begin)
    runs, validation = _with_truth(runs, truth), _with_truth(validation, truth)
    balances = {NATURE: of_nature, "members": begun[setting.choices.soils][1]}
    return Case(setting, truth, runs, validation, balances, nature.ingredients(rur))


# ----------------------------------------------------------------------------------------- one run


def _run(
    experiment: RurCatchment, start: xr.Dataset, key: str, own: Place, name: str, edges: Edges
) -> xr.Dataset:
    """The series of one experiment, with the members at the end as variables `final_…`."""
    said = fingerprint(key, experiment.updates, experiment.network.sensors,
                       experiment.network.records.digest, experiment.period, start)  # fmt: skip

    def make() -> xr.Dataset:
        # A run of other code or another start is another run.
        folder = own.under("runs", f"{name}-{said[:8]}")
        result = experiment.run(folder, start=start, resume=True, progress=own.shown(name))
        return series_of(result, experiment, start, edges)

    return own.kept(own.under("series", f"{name}.nc"), said, make)


def _with_truth(runs: Mapping[str, xr.Dataset], nature: xr.Dataset) -> dict[str, xr.Dataset]:
    """The series with what nature was at their stations, `true` (time, station)."""
    found = {}
    for name, run in runs.items():
        own = nature["predicted"].reindex(time=run["time"].values, station=run["station"].values)
        found[name] = run.assign(true=(("time", "station"), own.values))
    return found


def series_of(
    result: Result, rur: RurCatchment, start: xr.Dataset, edges: Edges = LI.edges
) -> xr.Dataset:
    """The series file of a run (see the package)."""
    leg = ASSIMILATION if rur.updates else OPEN_LOOP
    tree = result.leg(leg)
    forecast = tree["forecast"].to_dataset()
    maps = _maps(forecast)
    final = result.ensemble(leg)
    ks = {
        "log10_Ks_start": _mean_ks(start).mean("member"),
        "log10_Ks_end": _mean_ks(final).mean("member"),
        "log10_Ks_end_spread": _mean_ks(final).std("member", ddof=1),
    }
    table = tree["observations"].to_dataset()
    stations = _stations(table, edges)
    if "water" in maps:
        held = tree["analysis"].to_dataset()["water"].values
        maps["water_analysed"] = maps["water"].copy(data=held.astype("float32"))
    updates = tree["updates"].to_dataset()
    water = _by_time(updates, {"water_added": "increment", "water_moved": "moved"}, maps["time"])
    closure = xr.DataArray(tree["cycles"]["closure"].values, dims="time")
    members = {f"final_{n}": final[n].rename(None) for n in final.data_vars}
    found = maps.assign(ks).merge(stations, join="exact").assign(water)
    found = found.assign(closure=closure.assign_attrs(units="mm"))
    if "update" in updates:
        found = found.assign({f"update_{n}": v for n, v in updates.items()})
    failures = tree["failures"].to_dataset()
    lost = int(failures.sizes.get("failure", 0))
    return found.assign(members).assign_attrs(
        title=rur.title, members=rur.members, seed=rur.seed, failures=lost,
        experiment=repr(rur.updates),
    )  # fmt: skip


def final_members(series: xr.Dataset) -> xr.Dataset:
    """The members at the end of a series."""
    names = {str(n): str(n).removeprefix("final_") for n in series if str(n).startswith("final_")}
    return series[list(names)].rename(names).drop_vars(["time", "station"], errors="ignore")


def with_ks(members: xr.Dataset, other: xr.Dataset, rur: RurCatchment) -> xr.Dataset:
    """The members with log10 K_s of others, everything else in agreement with it."""
    assert rur.model is not None
    changed = members.assign({KS: members[KS].copy(data=other[KS].values)})
    return rur.model.reconcile(changed, (KS,))[0]


def _mean_ks(data: xr.Dataset) -> xr.DataArray:
    return data[KS].drop_vars([c for c in data[KS].coords if c not in ("layer", "column")])


def _maps(forecast: xr.Dataset) -> xr.Dataset:
    """Daily maps of a forecast, those of the tower as a sum."""
    keep = ("x", "y", "elevation", "depth", "thickness", "time")
    found = xr.Dataset(coords={n: forecast.coords[n] for n in keep if n in forecast.coords})
    for name in ("theta", "theta_spread"):
        if name in forecast:
            top = forecast[name].isel(layer=slice(0, TOP)).rename(layer="top_layer")
            bare = top.drop_vars([c for c in top.coords if c != "time"])
            found[name] = bare.astype("float32").assign_attrs(units="m3 m-3")
    for name in ("water_table_depth", "water_table_depth_spread", "water"):
        if name in forecast:
            found[name] = forecast[name].astype("float32")
    found["evapotranspiration"] = (
        (forecast["evaporation"] + forecast["transpiration"]).astype("float32")
    ).assign_attrs(units="mm d-1")
    return found


def _stations(table: xr.Dataset, edges: Edges) -> xr.Dataset:
    """What was observed and predicted, (time, station), and where stations are."""
    station = table["station"].values.astype(str)
    names, first, number = np.unique(station, return_index=True, return_inverse=True)
    times, when = np.unique(table["time"].values, return_inverse=True)
    columns = {
        "observed": table["value"].values,
        "error": table["used_sd"].values,
        "predicted": table["prior"].mean("realization").values,
        "predicted_spread": table["prior"].std("realization", ddof=1).values,
        "analysed": table["posterior"].mean("realization").values,
        "analysed_spread": table["posterior"].std("realization", ddof=1).values,
    }
    found = xr.Dataset(coords={"time": times, "station": names})
    for name, values in columns.items():
        field = np.full((times.size, names.size), np.nan)
        field[when, number] = values
        found[name] = (("time", "station"), field)
    about = {"quantity": "quantity", "role": "role", "unit": "unit",
             "station_x": "x", "station_y": "y"}  # fmt: skip
    for name, column in about.items():
        own = table[column].values[first]
        found[name] = ("station", own if own.dtype.kind == "f" else own.astype(str))
    return found.merge(_classes(found, edges), join="exact")


def _classes(found: xr.Dataset, edges: Edges) -> xr.Dataset:
    """Distance [m] and class [km] of each well to the nearest one that is assimilated."""
    wells = found["quantity"].values == "groundwater_level"
    distance = np.full(wells.size, np.nan)
    group = np.full(wells.size, "", dtype="U12")
    used = wells & (found["role"].values == "assimilated")
    if used.any():
        names = found["station"].values
        places = pd.DataFrame(
            {"x": found["station_x"].values, "y": found["station_y"].values}, index=names
        )[wells]
        classes = distance_classes(places, names[used].tolist(), edges)
        distance[wells], group[wells] = classes["distance"].values, classes["group"].values
    return xr.Dataset({"distance": ("station", distance), "group": ("station", group)})


def _by_time(events: xr.Dataset, names: Mapping[str, str], times: xr.DataArray) -> dict[str, Any]:
    """Sums over the analyses of each time (time,) [mm]."""
    found = {}
    for name, said in names.items():
        values = np.zeros(times.size)
        if name in events:
            where = np.searchsorted(times.values, events["time"].values)
            np.add.at(values, where, events[name].values)
        found[said] = ("time", values, {"units": "mm"})
    return found


# ------------------------------------------------------------------------------------------ nature


def _nature_series(
    nature: Nature, rur: RurCatchment, birth: xr.Dataset, setting: Setting
) -> xr.Dataset:
    """The series file of nature: states, and what the instruments of Li read."""
    instruments = EXPERIMENTS[OPEN].experiment(rur, setting.choices)
    truth = nature.truth(instruments, birth)
    forecast = truth.tree["forecast"].to_dataset()
    forecast = forecast.assign_coords(
        {n: birth.coords[n] for n in ("x", "y", "elevation", "depth", "thickness")}
    )
    maps = _maps(forecast)
    network = truth.network
    sensors = network.sensors
    values = network.table
    station = np.array([s.station for s in sensors])[values["sensor"].to_numpy(int)]
    table = pd.DataFrame({"time": values["end"], "station": station, "value": values["value"]})
    observed = table.pivot(index="time", columns="station", values="value")
    names = [s.station for s in sensors]
    observed = observed.reindex(columns=names)
    found = maps.sel(time=observed.index.to_numpy()).assign(
        observed=(("time", "station"), observed.to_numpy()),
        quantity=("station", np.array([s.quantity for s in sensors], dtype=str)),
        role=("station", np.array(["withheld" if network.validates(s) else "assimilated"
                                   for s in sensors], dtype=str)),
        # Every sensor of the catchment has its place.
        station_x=("station", np.array([float(s.x) for s in sensors])),  # type: ignore[arg-type]
        station_y=("station", np.array([float(s.y) for s in sensors])),  # type: ignore[arg-type]
        log10_Ks_start=_mean_ks(birth).isel(member=0, drop=True),
    ).assign_coords(station=np.array(names, dtype=str))  # fmt: skip
    found = found.assign(predicted=_without_error(network, forecast, found))
    found = found.merge(_classes(found, setting.choices.edges), join="exact")
    return found.assign_attrs(title="nature", seed=setting.seed)


def _without_error(
    network: ObservationNetwork, forecast: xr.Dataset, found: xr.Dataset
) -> xr.DataArray:
    """What the instruments would read of nature without an error (time, station)."""
    days = forecast.sel(time=found["time"].values).drop_vars("time").rename(time="member")
    days = days.assign_attrs({SECONDS: 86400.0})
    values = predicted(network.sensors, days).T
    return xr.DataArray(values, dims=("time", "station"))


def readings_of(nature: xr.Dataset, rur: RurCatchment) -> Records:
    """The readings of nature as records, for whatever sensors an experiment has."""
    network = EXPERIMENTS[OPEN].experiment(rur, LI).read_network()
    order = [s.station for s in network.sensors]
    values = nature["observed"].sel(station=order).values
    data = network.with_readings(nature["time"].values, values).data
    assert isinstance(data, Records)
    return data
