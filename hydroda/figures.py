"""The standard figures of a result, of observations and of an experiment, one file each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hydroda import plotting
from hydroda.errors import DataError
from hydroda.experiment import Experiment
from hydroda.obs import ObservationNetwork, Records
from hydroda.result import ASSIMILATION, MEMBERS, OPEN_LOOP, TRUTH, Result
from hydroda.rng import Streams
from hydroda.verification import rank_histogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD, WATER_TABLE = "h", "water_table_depth"
# A gap of so many usual steps parts a line.
LONG_GAP = 10

# Of more stations than this only the first are drawn by themselves.
MANY_STATIONS = 12

Named = Iterator[tuple[str, "Figure"]]


def draw(result: Result, folder: str | Path) -> list[Path]:
    """The files written to `folder`: series, map, profiles, parameters, innovations, ranks, …"""
    parts: tuple[Callable[[Result], Named], ...] = (
        series,
        maps,
        profiles,
        parameters,
        innovations,
        inflation,
        ranks,
        scores,
    )
    return _saved((pair for part in parts for pair in part(result)), folder)


def draw_records(records: Records, folder: str | Path) -> list[Path]:
    """The files written to `folder`: availability, map, and the series of every quantity."""
    return _saved(_of_records(records), folder)


def draw_declared(experiment: Experiment, folder: str | Path) -> list[Path]:
    """The files written to `folder` of what an experiment has measured, before any run."""
    network = experiment.read_network()
    shown: Named = _of_network(network) if network.data is not None else _mapped(network)
    own = ((name, picture()) for name, picture in experiment.pictures().items())
    return _saved(chain(shown, own), folder)


def _saved(figures: Named, folder: str | Path) -> list[Path]:
    return [
        plotting.save(figure, Path(folder) / f"{_file_name(name)}.png") for name, figure in figures
    ]


def _of_network(network: ObservationNetwork) -> Named:
    yield "availability", plotting.availability(network)
    yield from _mapped(network)


def _mapped(network: ObservationNetwork | Records) -> Named:
    """The map of several stations, where all have a place."""
    with suppress(DataError):
        if len(network.stations) > 1:
            yield "network", plotting.map_network(network)


def _of_records(records: Records) -> Named:
    yield "availability", plotting.availability(records)
    yield from _mapped(records)
    for quantity, unit in records.units.items():
        values = records.values[records.values["quantity"] == quantity]
        stations = dict.fromkeys(values["station"])
        for station in list(stations)[:MANY_STATIONS]:
            own = values[values["station"] == station]
            figure = plotting.observed_series(own, quantity, unit)
            yield f"observed {quantity} {station}", figure


def series(result: Result) -> Named:
    """What each sensor saw, with the forecasts of the open loop and of the assimilation."""
    main, free = result.series(), _open_loop(result)
    for name, data in main.items():
        for station in data["station"].values:
            here = _parted(data.sel(station=station))
            observed = here["observed"].rename(name)
            used = here["time"] <= _end_of_assimilation(result)
            used = used & (not name.endswith("(withheld)"))
            figure = plotting.time_series(
                here["simulated"].rename(name),
                label=result.main.replace("_", " "),
                open_loop=_parted(free[name].sel(station=station))["simulated"]
                if name in free
                else None,
                observations=observed.where(used),
                withheld=observed.where(~used),
                refused=here["refused"],
                error_sd=here["error"],
                forecast_from=_end_of_assimilation(result)
                if here["time"].values[-1] > _end_of_assimilation(result)
                else None,
            )
            yield f"series {name} {station}", figure


def profiles(result: Result) -> Named:
    """Each layered state through time, at the first column; heads as pF with the water table."""
    analysis = result.leg()["analysis"].to_dataset()
    table = analysis.get(WATER_TABLE)
    for name, variable in analysis.data_vars.items():
        if {"time", "layer"} <= set(variable.dims) and "realization" not in variable.dims:
            column = variable.isel(column=0) if "column" in variable.dims else variable
            if str(name).endswith("_spread") or not _moves(column):
                continue
            if name == HEAD:
                shown = None if table is None else table.isel(column=0)
                known = shown is not None and bool(shown.notnull().any())
                figure = plotting.heads_through_time(column, water_table=shown if known else None)
            else:
                figure = plotting.profile_through_time(column)
            yield f"profile {name}", figure


def parameters(result: Result) -> Named:
    """Each parameter whose members were kept, at the first column and in the top layer."""
    for name in result.leg()["analysis"].to_dataset():
        if str(name).endswith(MEMBERS):
            members = result.members(str(name).removesuffix(MEMBERS))
            first = {dim: 0 for dim in ("column", "layer") if dim in members.dims}
            yield f"parameter {members.name}", plotting.parameter_history(members.isel(first))


def maps(result: Result) -> Named:
    """The stations, where there are several with a place."""
    stations = result.stations()
    if not stations:
        return
    stations = stations.dropna("station", subset=["x", "y"])
    if stations.sizes["station"] > 1:
        yield "stations", plotting.map_stations(stations, stations["assimilated"])


def innovations(result: Result) -> Named:
    """Innovations of what was assimilated, against what they should be."""
    if ASSIMILATION not in result.legs:
        return
    frame = result.observations(ASSIMILATION)
    for quantity, part in frame[frame["status"].str.startswith("assimilated")].groupby("quantity"):
        part = part.assign(
            expected=np.hypot(part["prior_spread"], part["sd"]),
            outlier=part["status"].str.contains("outlier").astype(float),
        )
        table = part.set_index(["time", "series"])[["innovation", "expected", "outlier"]]
        data = table.to_xarray().rename(series="station")
        innovation = data["innovation"].assign_attrs(units=part["unit"].iloc[0])
        figure = plotting.innovation_history(
            innovation.rename(f"innovation of {quantity}"),
            data["expected"],
            outlier=data["outlier"].fillna(0).astype(bool),
        )
        yield f"innovations {quantity}", figure


def inflation(result: Result) -> Named:
    """The inflation factor of each update that has one."""
    if ASSIMILATION not in result.legs:
        return
    events = result.leg(ASSIMILATION)["updates"].to_dataset()
    if "inflation" not in events:
        return
    for update in np.unique(events["update"].values.astype(str)):
        own = events.isel(event=np.flatnonzero(events["update"].values == update))
        factor = own["inflation"].rename(event="time").assign_coords(time=own["time"].values)
        yield f"inflation {update}", plotting.inflation_history(factor)


def ranks(result: Result) -> Named:
    """The rank of each observation among the members that forecast it, errors added."""
    seed = int(result.attrs["seed"])
    for name, data in result.series().items():
        if TRUTH in result.legs or bool(data["observed"].notnull().sum() > data.sizes["member"]):
            counts = rank_histogram(
                data["simulated"],
                data["observed"],
                Streams(seed).generator("ranks", name),
                error_sd=data["error"],
            )
            yield f"ranks {name}", plotting.rank_histogram(counts)


def scores(result: Result) -> Named:
    """The table of scores over the whole run."""
    table = result.scores()
    if len(table):
        yield "scores", plotting.scores_table(table[table["group"] == "all"])


def _end_of_assimilation(result: Result) -> np.datetime64:
    until = result.attrs.get("assimilate_until")
    return np.datetime64(until or result.attrs["end"])


def _parted(series: xr.Dataset) -> xr.Dataset:
    """`series` with an empty time in each long gap, so that lines do not cross it."""
    times = series["time"].values
    steps = np.diff(times)
    if not steps.size:
        return series
    wide = np.flatnonzero(steps > LONG_GAP * np.median(steps))
    middles = times[wide] + steps[wide] // 2
    return series.reindex(time=np.sort(np.concatenate([times, middles])))


def _open_loop(result: Result) -> dict[str, xr.Dataset]:
    return result.series(OPEN_LOOP) if result.main != OPEN_LOOP and OPEN_LOOP in result.legs else {}


def _moves(variable: xr.DataArray) -> bool:
    """Whether there is something to see: it changes through time."""
    return bool((variable.max("time") > variable.min("time")).any())


def _file_name(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in name)
    return "_".join(part for part in kept.split("_") if part)
