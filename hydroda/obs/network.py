"""Sensors together with what they measured, and which of it may be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hydroda.errors import DataError, DeclarationError
from hydroda.obs.dinoloket import Datum
from hydroda.obs.formats import read_all
from hydroda.obs.records import KEY, REFERENCE, TOO_FEW, Records
from hydroda.obs.sensors import Sensor, predicted
from hydroda.units import Duration, duration, instant

Source: TypeAlias = "Records | xr.Dataset | str | Path | Sequence[str | Path | Records]"

SAME_DEPTH = 1e-3  # [m], between a sensor and its series; a NaN on either side fits any depth


class Reason(StrEnum):
    """Why a value is used or not."""

    USABLE = "usable"
    MISSING = "missing"
    FLAGGED = "bad_flag"
    TOO_FEW = "too_few"
    RANGE = "outside_physical_range"
    OUTSIDE = "outside_domain"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Observation:
    """One value of a sensor, valid over [`time`, `end`], with its standard deviation `error`."""

    id: str
    sensor: Sensor
    time: np.datetime64
    end: np.datetime64
    value: float
    error: float
    reason: Reason = Reason.USABLE


@dataclass(frozen=True, eq=False)
class Observations:
    """Many observations as arrays (obs,), in the order of `end` and then of the sensors.

    `sensor` is the number of the sensor in `sensors`; an observation counts at its `end`.
    """

    sensors: tuple[Sensor, ...]
    id: NDArray[np.object_]
    sensor: NDArray[np.int64]
    time: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    reason: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, keep: Any) -> Observations:
        """Those that `keep` (a mask, a slice or numbers) chooses."""
        names = ("id", "sensor", "time", "end", "value", "error", "reason")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def __iter__(self) -> Iterator[Observation]:
        rows = zip(
            self.id,
            self.sensor,
            self.time,
            self.end,
            self.value,
            self.error,
            self.reason,
            strict=True,
        )
        for name, number, time, end, value, error, reason in rows:
            sensor = self.sensors[number]
            yield Observation(name, sensor, time, end, float(value), float(error), reason)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which of them filters may use (obs,)."""
        return np.asarray(self.reason == Reason.USABLE)

    @property
    def quantity(self) -> NDArray[np.object_]:
        """What each observes (obs,)."""
        return np.array([sensor.quantity for sensor in self.sensors], dtype=object)[self.sensor]

    def predict(self, ensemble: xr.Dataset) -> NDArray[np.float64]:
        """What the sensors would read (obs, member); each sensor is asked once."""
        asked, where = np.unique(self.sensor, return_inverse=True)
        return predicted([self.sensors[number] for number in asked], ensemble)[where]


@dataclass(frozen=True)
class ObservationNetwork:
    """Sensors, their series (None in a twin) and the stations `withheld` for validation.

    `data` are records, a dataset or files; they are read when first asked for. `zone` declares the
    zone of times that have none. `every` is the cadence of sensors that do not say their own.
    `outside` are the stations that `inside` found out of the domain.

    A value is used at the moment its interval ends, so that no analysis knows the future.
    """

    sensors: tuple[Sensor, ...]
    data: Source | None = None
    withheld: tuple[str, ...] = ()
    zone: str | None = None
    every: Duration | None = None
    outside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("sensors", "withheld", "outside"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if isinstance(self.data, xr.Dataset):  # which could not be compared nor printed
            object.__setattr__(self, "data", read_all(self.data))
        if self.every is not None:
            object.__setattr__(self, "every", duration(self.every, "every of the network"))
        keys = [_key(sensor) for sensor in self.sensors]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            station, quantity, _ = min(twice)
            raise DeclarationError(
                f"station {station!r} has two sensors of {quantity} at one depth"
            )
        unknown = sorted(set(self.withheld) - set(self.stations))
        if unknown:
            raise DeclarationError(
                f"withheld names {unknown[0]!r}, which is no station; "
                f"the stations are {', '.join(self.stations)}"
            )

    def __len__(self) -> int:
        return len(self.sensors)

    # --- parts ---

    @property
    def stations(self) -> tuple[str, ...]:
        """Names of the stations, in the order of the sensors."""
        return tuple(dict.fromkeys(sensor.station for sensor in self.sensors))

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities observed, in the order of the sensors."""
        return tuple(dict.fromkeys(sensor.quantity for sensor in self.sensors))

    def select(self, quantity: str) -> ObservationNetwork:
        """The part of the network that observes `quantity`.

        Raises
        ------
        DeclarationError
            No sensor does.
        """
        if quantity not in self.quantities:
            raise DeclarationError(
                f"no sensor of the network observes {quantity!r}; "
                f"observed are {', '.join(self.quantities)}"
            )
        return self._part(sensor for sensor in self.sensors if sensor.quantity == quantity)

    @property
    def assimilated(self) -> ObservationNetwork:
        """The part that filters may use."""
        return self._part(sensor for sensor in self.sensors if not self.validates(sensor))

    @property
    def validation(self) -> ObservationNetwork:
        """The part that filters never see: withheld stations and sensors that only validate."""
        return replace(
            self._part(sensor for sensor in self.sensors if self.validates(sensor)), withheld=()
        )

    def validates(self, sensor: Sensor) -> bool:
        """Whether filters never see the sensor."""
        return sensor.validates_only or sensor.station in self.withheld

    def _part(self, sensors: Iterable[Sensor]) -> ObservationNetwork:
        kept = tuple(sensors)
        names = {sensor.station for sensor in kept}
        return replace(
            self,
            sensors=kept,
            data=None if self.data is None else _of_sensors(self.records, kept),
            withheld=tuple(name for name in self.withheld if name in names),
            outside=tuple(name for name in self.outside if name in names),
        )

    def with_data(self, data: Source | None) -> ObservationNetwork:
        """The same sensors with other series."""
        return replace(self, data=data)

    def with_readings(self, times: Any, values: Any, errors: Any = np.nan) -> ObservationNetwork:
        """The same sensors with readings (time, sensor) at instants, in each sensor's unit.

        NaN leaves a reading out. `errors` (time, sensor) take the place of the sensors' own.
        """
        times = pd.DatetimeIndex(times).tz_localize(None)
        values = np.asarray(values, float)
        shape = (len(times), len(self.sensors))
        frame = pd.DataFrame(
            {
                "time": np.repeat(times.to_numpy(), shape[1]),
                "station": [sensor.station for sensor in self.sensors] * shape[0],
                "quantity": [sensor.quantity for sensor in self.sensors] * shape[0],
                "depth": [_key(sensor)[2] for sensor in self.sensors] * shape[0],
                "value": np.broadcast_to(values, shape).ravel(),
                "error": np.broadcast_to(np.asarray(errors, float), shape).ravel(),
            }
        )
        units = {sensor.quantity: sensor.unit for sensor in self.sensors}
        return self.with_data(Records.of(frame[frame["value"].notna()], units, zone="UTC"))

    # --- place ---

    def check(self, ensemble: xr.Dataset) -> None:
        """Nothing, if every sensor stands in the domain; for use before a run.

        Raises
        ------
        DeclarationError
            Names the first station outside, how far it is, and how many more there are.
        """
        faults = list(self._faults(ensemble).values())
        if faults:
            more = f" (and {len(faults) - 1} more stations)" if len(faults) > 1 else ""
            raise DeclarationError(f"{faults[0]}{more}")

    def inside(self, ensemble: xr.Dataset) -> ObservationNetwork:
        """The same network, with the values of stations out of the domain refused and listed."""
        return replace(self, outside=tuple(self._faults(ensemble)))

    def _faults(self, ensemble: xr.Dataset) -> dict[str, str]:
        faults: dict[str, str] = {}
        for sensor in self.sensors:
            try:
                sensor.column(ensemble)
            except DeclarationError as error:
                faults.setdefault(sensor.station, str(error))
        return faults

    def predict(
        self, ensemble: xr.Dataset, sensors: Sequence[Sensor] | None = None
    ) -> NDArray[np.float64]:
        """What the sensors would read (obs, member), each in its unit; default all sensors."""
        return predicted(self.sensors if sensors is None else sensors, ensemble)

    # --- series ---

    @cached_property
    def records(self) -> Records:
        """The series as they were read, of the quantities observed, in the units of the sensors.

        Raises
        ------
        DeclarationError
            The network has no data: it is meant for a twin.
        """
        if self.data is None:
            raise DeclarationError("the network has no data: give data=… or run a twin")
        records = read_all(self.data, self.zone)
        observed = set(records.units) & set(self.quantities)
        if observed and observed < set(
            records.units
        ):  # files of an archive hold more than a network has sensors for
            records = records.select(quantities=observed)
        return records.in_units({sensor.quantity: sensor.unit for sensor in self.sensors})

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every value with `id`, `sensor` (number), `error` and `reason`, in the order of `end`.

        Raises
        ------
        DataError
            Duplicate times, an unknown station, a station without any value, an error that is not
            positive, values that are mostly impossible.
        """
        frame = self.records.values.copy()
        frame["sensor"] = _sensor_numbers(frame, self.sensors)
        _refuse_duplicates(frame)
        frame["id"] = _ids(frame)
        reasons, errors = np.full(len(frame), Reason.USABLE, dtype=object), np.empty(len(frame))
        rows_of: dict[Any, Any] = frame.groupby("sensor").indices
        for number, sensor in enumerate(self.sensors):
            rows = rows_of.get(number)
            if rows is not None:
                reasons[rows], errors[rows] = self._judged(sensor, frame.iloc[rows])
            elif not isinstance(self.data, Records):  # a part, or a twin too short for a reading
                raise DataError(f"{sensor} has no value of {sensor.quantity} in the data")
        frame["reason"], frame["error"] = reasons, errors
        return frame.sort_values(["end", "sensor", "time"], kind="stable", ignore_index=True)

    def _judged(
        self, sensor: Sensor, series: pd.DataFrame
    ) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
        """Reasons and errors of the series of one sensor."""
        values, own = (series[name].to_numpy(np.float64) for name in ("value", "error"))
        impossible = _refuse_nonsense(sensor, series["time"], values, own)
        flags = series["flag"].to_numpy(object)
        validates = self.validates(sensor)
        reasons = np.full(len(series), Reason.WITHHELD if validates else Reason.USABLE, object)
        reasons[np.full(len(series), sensor.station in self.outside)] = Reason.OUTSIDE
        reasons[impossible] = Reason.RANGE
        reasons[flags != ""] = Reason.FLAGGED
        reasons[flags == TOO_FEW] = Reason.TOO_FEW
        reasons[~np.isfinite(values)] = Reason.MISSING
        if validates and not sensor.error_known:  # what only validates may come without an error
            return reasons, own
        return reasons, sensor.error(values, own)

    def times(self, start: Any, end: Any, quantity: str | None = None) -> NDArray[np.datetime64]:
        """The moments in (start, end] at which usable values are ready (time,).

        Without data: every `every` after `start`, of each sensor or of the network.
        """
        first, last = instant(start, "start"), instant(end, "end")
        if self.data is not None:
            known = self.between(first, last)
            wanted = known.usable & ((known.quantity == quantity) | (quantity is None))
            return np.unique(known.end[wanted])
        chosen = [sensor for sensor in self.sensors if quantity in (None, sensor.quantity)]
        moments = [_moments(sensor.every or self.every, first, last, sensor) for sensor in chosen]
        return np.unique(np.concatenate(moments)) if moments else np.empty(0, "datetime64[ns]")

    def at(self, quantity: str, start: Any, end: Any) -> Observations:
        """The usable observations of `quantity` that are ready in (start, end]."""
        known = self.between(start, end)
        return known[known.usable & (known.quantity == quantity)]

    def between(self, start: Any, end: Any) -> Observations:
        """All observations that are ready in (start, end], those not usable with their reason."""
        ends = self._observations.end
        bounds = [instant(start, "start"), instant(end, "end")]
        first, last = np.searchsorted(ends, bounds, side="right")
        return self._observations[first:last]

    @cached_property
    def _observations(self) -> Observations:
        table = self.table
        return Observations(
            self.sensors,
            table["id"].to_numpy(object),
            table["sensor"].to_numpy(np.int64),
            table["time"].to_numpy("datetime64[ns]"),
            table["end"].to_numpy("datetime64[ns]"),
            table["value"].to_numpy(np.float64),
            table["error"].to_numpy(np.float64),
            np.array([Reason(reason) for reason in table["reason"]], dtype=object),
        )


def sensors_at(records: Records, like: Sensor) -> tuple[Sensor, ...]:
    """A sensor such as `like` for every series of its quantity, at the place that `records` know.

    Levels above a datum make wells with the elevation of their ground, where `like` has none.

    >>> wells = sensors_at(read("wells.nc"), GroundwaterLevel(station="", sd="5 cm"))
    """
    values = records.values[records.values["quantity"] == like.quantity]
    above = getattr(like, "ground", 0) is None and (
        records.attributes.get(REFERENCE) in (Datum.NAP.name.lower(), "datum")
    )
    sensors = []
    for station, depth in values[["station", "depth"]].drop_duplicates().itertuples(index=False):
        known: dict[str, Any] = {"station": station}
        for name, value in records.stations.loc[station].dropna().items():
            if name in ("x", "y"):
                known[str(name)] = f"{float(value)!r} m"
            elif name in ("lon", "lat"):
                known[str(name)] = float(value)
        if not np.isnan(depth) and any(field.name == "depth" for field in fields(like)):
            known["depth"] = f"{float(depth)!r} m"
        if above:
            known["ground"] = f"{_ground(records, station)!r} m"
        sensors.append(replace(like, **known))
    return tuple(sensors)


def _ground(records: Records, station: str) -> float:
    """Elevation of the ground at a well [m].

    Raises
    ------
    DataError
        It is not known, and the level would be taken for a depth.
    """
    known = records.stations.get("elevation", pd.Series(dtype=float)).get(station, np.nan)
    if np.isnan(known):
        raise DataError(
            f"the levels of station {station!r} are in relation to "
            f"{records.attributes[REFERENCE]}, and the elevation of its ground is not known; give "
            "it among the stations, or say ground='… m'"
        )
    return float(known)


def _key(sensor: Sensor) -> tuple[str, str, float]:
    """What distinguishes series: a depth counts only where the sensor's reading belongs to one."""
    own = any(field.name == "depth" for field in fields(sensor))
    depth = sensor.depth if own else None
    return sensor.station, sensor.quantity, np.nan if depth is None else float(depth)


def _of_sensors(records: Records, sensors: Sequence[Sensor]) -> Records:
    numbers = _sensor_numbers(records.values, sensors, strict=False)
    return records.where(numbers >= 0)


def _sensor_numbers(
    frame: pd.DataFrame, sensors: Sequence[Sensor], strict: bool = True
) -> NDArray[np.int64]:
    """Number of the sensor of every row; -1, or DataError if `strict`, where there is none."""
    numbers = np.full(len(frame), -1)
    groups: dict[Any, Any] = frame.groupby(KEY, dropna=False).indices
    for (station, quantity, depth), rows in groups.items():
        fitting = [
            number
            for number, sensor in enumerate(sensors)
            if (sensor.station, sensor.quantity) == (station, quantity)
            and not abs(_key(sensor)[2] - depth) > SAME_DEPTH
        ]
        if len(fitting) == 1:
            numbers[rows] = fitting[0]
        elif strict:
            _explain_station(station, quantity, depth, len(fitting), sensors)
    return numbers


def _explain_station(
    station: str, quantity: str, depth: float, found: int, sensors: Sequence[Sensor]
) -> None:
    where = "" if np.isnan(depth) else f" at {depth:g} m"
    if found:
        raise DataError(
            f"the data of station {station!r} have no depth, but {found} sensors of {quantity} "
            "stand there; give each value its depth"
        )
    known = ", ".join(dict.fromkeys(f"{s.station}/{s.quantity}" for s in sensors))
    raise DataError(
        f"the data hold {quantity} of station {station!r}{where}, for which there is no sensor; "
        f"add one or drop it with Records.select. The sensors are {known}"
    )


def _refuse_duplicates(frame: pd.DataFrame) -> None:
    twice = frame.duplicated(["sensor", "time"], keep=False)
    if twice.any():
        row = frame[twice].iloc[0]
        raise DataError(
            f"station {row.station!r} has {row.quantity} twice at {row.time}; keep one value "
            f"({int(frame.duplicated(['sensor', 'time']).sum())} times are duplicates)"
        )


def _refuse_nonsense(
    sensor: Sensor, times: pd.Series, values: NDArray[np.float64], own: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which values are physically impossible (row,); DataError where that is no accident."""
    finite = np.isfinite(values)
    if not finite.any():
        raise DataError(f"{sensor} has no value of {sensor.quantity} in the data, all are missing")
    wrong = np.flatnonzero(finite & (own <= 0))
    if wrong.size:
        first = wrong[0]
        raise DataError(
            f"{sensor} has an error of {own[first]:g} at {times.iloc[first]}; it must be positive"
        )
    low, high = sensor.bounds
    impossible = finite & ~((values >= low) & (values <= high))
    if 2 * impossible.sum() > finite.sum():
        raise DataError(
            f"{sensor} gives {sensor.quantity} such as {values[impossible][0]:g} {sensor.unit}, "
            f"possible is {low:g} to {high:g}; is the unit of the data right?"
        )
    return np.asarray(impossible)


def _ids(frame: pd.DataFrame) -> list[str]:
    """A name for every row that does not change when stations or values are added."""
    depths = {depth: "" if np.isnan(depth) else f"{depth:g}m/" for depth in frame["depth"].unique()}
    stamps = np.datetime_as_string(frame["time"].to_numpy("datetime64[ns]"), unit="s")
    rows = zip(frame["station"], frame["quantity"], frame["depth"].map(depths), stamps, strict=True)
    return [f"{station}/{quantity}/{depth}{stamp}" for station, quantity, depth, stamp in rows]


def _moments(
    every: Any, start: np.datetime64, end: np.datetime64, sensor: Sensor
) -> NDArray[np.datetime64]:
    if every is None:
        raise DeclarationError(f"{sensor} has neither data nor every='…': when does it read?")
    return np.arange(start + every, end + np.timedelta64(1, "ns"), every)
