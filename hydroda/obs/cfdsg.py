"""CF-1.11 discrete-sampling-geometry NetCDF: time series and profiles of stations.

Read are all four representations (orthogonal, incomplete, contiguous and indexed ragged); written
is the profile or orthogonal one where the series are complete, else the contiguous ragged one.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.errors import DataError
from hydroda.files import replacing
from hydroda.obs.records import (
    ACCUMULATED,
    BESIDE,
    LEVEL,
    PLACES,
    REFERENCE,
    SIDE,
    Format,
    Records,
    from_wide,
    to_wide,
)
from hydroda.obs.textfiles import SENTINELS
from hydroda.units import convert

STANDARD_NAMES = {
    "soil_moisture": "volume_fraction_of_condensed_water_in_soil",
    "evapotranspiration": "lwe_water_evaporation_rate",
}
# Read, but not written: whether a level is a depth or an elevation is the sensor's to say.
# What they are in relation to goes with the records as an attribute.
LEVELS = {"water_surface_height_above_reference_datum": "datum", "water_table_depth": "ground"}
PLACE_NAMES = {
    "x": ("x", "projection_x_coordinate"),
    "y": ("y", "projection_y_coordinate"),
    "lon": ("lon", "longitude"),
    "lat": ("lat", "latitude"),
    "elevation": ("alt", "altitude"),
}
MODIFIERS = {
    "standard_error": "_error",
    "status_flag": "_flag",
    "number_of_observations": "_count",
}
RANGE = "actual_range"
TIME_UNITS = {
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "microseconds": 1,
}
OURS = {"Conventions", "featureType"}
# Of variables: what is read, or written anew from what the records say.
KNOWN_ATTRIBUTES = {
    *("standard_name", "long_name", "units", "axis", "positive", "bounds", "cf_role"),
    *("ancillary_variables", "cell_methods", "flag_values", "flag_meanings", "sample_dimension"),
    *("instance_dimension", "coordinates", "calendar", "units_metadata", RANGE),
}
# What CF asks for where the records say nothing; not read back.
UNTOLD = {"title": "Series of stations", "history": "Written by hydroda"}
# Standard names of what goes with a quantity; the error has a modifier of its quantity's name.
SIDE_NAMES = {"_flag": "status_flag", "_count": "number_of_observations"}


class DiscreteSampling(Format):
    """NetCDF with featureType timeSeries or timeSeriesProfile."""

    suffixes: ClassVar[tuple[str, ...]] = (".nc", ".nc4", ".cdf")

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a file. CF times are UTC; `zone` is not needed.

        Raises
        ------
        DataError
            The file is truncated, no NetCDF, or not a discrete sampling geometry.
        """
        refuse_cut_classic(path)
        try:
            with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
                dataset.load()
        except (ValueError, OverflowError) as error:
            why = str(error).partition(". ")[0]
            raise DataError(f"{path.name} cannot be decoded: {why}") from None
        except (OSError, RuntimeError) as error:
            raise DataError(f"{path.name} is truncated or no NetCDF file: {error}") from None
        return self.decode(dataset, path.name)

    def oddities(self, path: Path) -> tuple[str, ...]:
        """How many times are out of the order of their series."""
        with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
            return _Reader(dataset.reset_coords(), path.name).oddities()

    def unread(self, path: Path) -> Mapping[str, tuple[str, ...]]:
        """Variables of no use here, and what is said of variables beyond what CF asks for."""
        with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
            return _Reader(dataset.reset_coords(), path.name).unread()

    def attributes_held(self, records: Records, path: Path) -> Mapping[str, str]:
        """All attributes but those that CF sets."""
        return {
            name: text
            for name, text in records.attributes.items()
            if name not in OURS and UNTOLD.get(name) != text
        }

    def decode(self, dataset: xr.Dataset, source: str) -> Records:
        """The records of an open dataset."""
        kind = dataset.attrs.get("featureType", "")
        if kind.lower() not in ("timeseries", "timeseriesprofile"):
            raise DataError(
                f"{source} must have featureType timeSeries or timeSeriesProfile; got {kind!r}; "
                "write the series of another file to a table (.csv)"
            )
        return _Reader(dataset.reset_coords(), source).records()

    def write(self, records: Records, path: Path) -> None:
        """Nothing; the file holds all of `records`."""
        encoded = _encoded(records)
        with replacing(path) as temporary:
            encoded.to_netcdf(temporary, engine="netcdf4", format="NETCDF4")


class _Reader:
    """One dataset with all coordinates as variables."""

    def __init__(self, dataset: xr.Dataset, source: str) -> None:
        self.dataset, self.source = dataset, source
        self.time = self._one("time", {"standard_name": "time"}, {"axis": "T"})
        if not np.issubdtype(dataset[self.time].dtype, np.datetime64):
            calendar = dataset[self.time].encoding.get("calendar", "no units")
            raise DataError(
                f"{self.time} of {source} must have units such as 'hours since 1970-01-01' and the "
                f"standard calendar; it has {calendar}"
            )
        self.id = self._one("station", {"cf_role": "timeseries_id"})
        self.station = self._named("station_name", self.id)
        self.instance = dataset[self.id].dims
        ids, counts = np.unique(dataset[self.id].astype(str).values, return_counts=True)
        if (counts > 1).any():
            raise DataError(f"{source} has station {str(ids[counts > 1][0])!r} twice in {self.id}")

    def records(self) -> Records:
        quantities = self._quantities()
        frames = [self._frame(name, quantity) for name, quantity in quantities.items()]
        units = {q: self._unit(name) for name, q in quantities.items()}
        units |= {f"{q}_error": self._unit(name) for name, q in quantities.items()}
        attributes = {
            name: str(value)
            for name, value in self.dataset.attrs.items()
            if name not in OURS and UNTOLD.get(name) != value
        }
        for name in quantities:
            datum = LEVELS.get(self.dataset[name].attrs.get("standard_name", ""))
            if datum is not None:
                attributes.setdefault(REFERENCE, datum)
        sums = {*attributes.get(ACCUMULATED, "").split(), *self._sums(quantities)}
        attributes |= {ACCUMULATED: " ".join(sorted(sums))} if sums else {}
        parts = [
            from_wide(frame, [q], units, self._stations(), attributes, "UTC", self.source)
            for frame, q in zip(frames, quantities.values(), strict=True)
        ]
        found = parts[0].joined(parts[1:])
        if not len(found):
            raise DataError(f"{self.source} holds no observation")
        again = found.repeated
        if again is not None:
            raise DataError(
                f"{self.source}: station {again['station']!r} has {again['quantity']} twice at "
                f"{again['time']} UTC; keep one"
            )
        return found

    def unread(self) -> dict[str, tuple[str, ...]]:
        """Names of variables that the records do not hold, and of attributes of those they do."""
        _, cut = self._sample()
        read = {self.time, self.id, self.station, self._bounds(), cut, *self._quantities()}
        for name, variable in self.dataset.variables.items():
            standard = variable.attrs.get("standard_name")
            if self._is_place(str(name)) or standard in [s for _, s in PLACE_NAMES.values()]:
                read.add(str(name))
        read |= {name for name in self._ancillary() if self._ending(name)}
        variables = tuple(str(name) for name in self.dataset.variables if name not in read)
        attributes = tuple(
            f"{name}:{attribute}"
            for name in map(str, self.dataset.variables)
            for attribute in self.dataset[name].attrs
            if name in read and attribute not in KNOWN_ATTRIBUTES
        )
        kinds = {"variables": variables, "attributes of variables": attributes}
        return {kind: names for kind, names in kinds.items() if names}

    def _sums(self, quantities: Mapping[str, str]) -> set[str]:
        """The quantities that are sums over their intervals."""
        methods = {q: str(self.dataset[v].attrs.get("cell_methods")) for v, q in quantities.items()}
        return {quantity for quantity, method in methods.items() if "time: sum" in method}

    def _one(self, what: str, *attributes: Mapping[str, str]) -> str:
        """The variable with one of the attributes."""
        for wanted in attributes:
            for name, variable in self.dataset.variables.items():
                if all(variable.attrs.get(key) == value for key, value in wanted.items()):
                    return str(name)
        sought = " or ".join(
            f"{key}={value!r}" for each in attributes for key, value in each.items()
        )
        raise DataError(f"{self.source} has no variable for {what}: none with {sought}")

    def _named(self, name: str, default: str) -> str:
        return name if name in self.dataset else default

    def _unit(self, name: str) -> str:
        unit = self.dataset[name].attrs.get("units")
        if unit is None:
            raise DataError(f"{name} of {self.source} has no units")
        return str(unit)

    def _sample(self) -> tuple[str | None, str | None]:
        """The dimension of a ragged array and the variable that says how it is cut."""
        for key in ("sample_dimension", "instance_dimension"):
            for name, variable in self.dataset.variables.items():
                if key in variable.attrs:
                    ragged = variable.attrs[key] if key == "sample_dimension" else variable.dims[0]
                    return str(ragged), str(name)
        return None, None

    def _quantities(self) -> dict[str, str]:
        """Quantity by the name of its variable: the numbers that vary in time."""
        sample, cut = self._sample()
        along = {sample} if sample else set(self.dataset[self.time].dims) - set(self.instance)
        aside = {self.time, self.id, self.station, self._bounds(), cut} | self._ancillary()
        known = {standard: quantity for quantity, standard in STANDARD_NAMES.items()}
        known |= dict.fromkeys(LEVELS, LEVEL)
        quantities: dict[str, str] = {}
        for name, variable in self.dataset.variables.items():
            number = np.issubdtype(variable.dtype, np.number)
            if name in aside or not number or not along & set(variable.dims):
                continue
            self._unit(str(name))
            standard = variable.attrs.get("standard_name", "")
            same = [other for other in quantities.values() if other == known.get(standard)]
            quantities[str(name)] = str(name) if same else known.get(standard, str(name))
        for name in [name for name in quantities if self._is_place(name)]:
            del quantities[name]
        if not quantities:
            raise DataError(f"{self.source} holds no variable along its times")
        return quantities

    def _is_place(self, name: str) -> bool:
        attributes = self.dataset[name].attrs
        named = attributes.get("standard_name") in ("depth", "height")
        return named or attributes.get("axis") in ("X", "Y", "Z")

    def _ancillary(self) -> set[str]:
        listed = {
            name
            for variable in self.dataset.variables.values()
            for name in variable.attrs.get("ancillary_variables", "").split()
        }
        modified = {
            str(name)
            for name, variable in self.dataset.variables.items()
            if variable.attrs.get("standard_name", "").split(" ")[-1] in MODIFIERS
        }
        own = {name for names in BESIDE.values() for name in names}  # are quantities themselves
        return (listed - own) | modified

    def _bounds(self) -> str:
        return str(self.dataset[self.time].attrs.get("bounds", ""))

    def _frame(self, name: str, quantity: str) -> pd.DataFrame:
        """A wide table of one variable."""
        fields = {"time": self.dataset[self.time], quantity: self._numbers(name)}
        bounds = self._bounds()
        instants = self.dataset[name].attrs.get("cell_methods", "").strip() == "time: point"
        if bounds in self.dataset and not instants:
            fields["time"], fields["end"] = self._interval(bounds)
        depth = self._depth(self.dataset[name].dims)
        if depth is not None:
            fields["depth"] = depth
        fields["station"] = self._by_sample(self.dataset[self.station].astype(str))
        for side in self.dataset[name].attrs.get("ancillary_variables", "").split():
            ending = self._ending(side)
            if ending:
                fields[f"{quantity}{ending}"] = self._side(side, ending, self._unit(name))
        broadcast = xr.broadcast(*(field.drop_vars(field.coords) for field in fields.values()))
        columns = zip(fields, broadcast, strict=True)
        frame = pd.DataFrame({key: field.values.ravel() for key, field in columns})
        frame = frame[frame["time"].notna()]
        if "end" in frame:
            frame["end"] = frame["end"].where(frame["end"].notna(), frame["time"])
        return frame

    def _interval(self, bounds: str) -> tuple[xr.DataArray, xr.DataArray]:
        """Start and end of what the values are of; where there is none, the time itself."""
        time, edges = self.dataset[self.time], self.dataset[bounds]
        if not np.issubdtype(edges.dtype, np.datetime64):
            raise DataError(f"{bounds} of {self.source} must be times, as {self.time} is")
        start, end = (edges.isel({edges.dims[-1]: side}) for side in (0, 1))
        start = start.where(end.notnull(), time)
        outside = ((time < start) | (time > end)).values
        if outside.any():
            first = pd.Timestamp(time.values[outside][0])
            raise DataError(
                f"{self.source} has a time out of its {bounds}: {first} UTC "
                f"(and {outside.sum() - 1} more); is it damaged?"
            )
        return start, end

    def oddities(self) -> tuple[str, ...]:
        """How many times are earlier than the one before of the same series."""
        first = next(iter(self._quantities().items()))
        frame = self._frame(*first)
        keys = [frame[name] for name in ("station", "depth") if name in frame]
        back = (frame["time"].groupby(keys, dropna=False).diff() < pd.Timedelta(0)).to_numpy()
        if not back.any():
            return ()
        stamp = frame["time"].to_numpy()[back][0]
        return (f"times out of order: {back.sum()}, first {pd.Timestamp(stamp)}",)

    def _numbers(self, name: str) -> xr.DataArray:
        """A variable as float64; what stands for a missing value must be declared as such."""
        variable = self.dataset[name].astype(float)
        low, high = np.broadcast_to(variable.attrs.get(RANGE, (np.inf, -np.inf)), 2)
        values = variable.values
        suspect = np.isin(values, SENTINELS) & ~((values >= low) & (values <= high))
        if np.isinf(values).any():
            raise DataError(
                f"{name} of {self.source} is infinite in {np.isinf(values).sum()} places; "
                "declare what is missing as _FillValue"
            )
        if suspect.any():
            raise DataError(
                f"{name} of {self.source} is {values[suspect][0]:g} in {suspect.sum()} places, "
                "which often stands for a missing value; declare it as _FillValue, or give "
                f"{RANGE} if it was measured"
            )
        return variable

    def _ending(self, side: str) -> str | None:
        if side not in self.dataset:
            raise DataError(f"{self.source} names the variable {side!r}, which it lacks")
        modifier = self.dataset[side].attrs.get("standard_name", "").split(" ")[-1]
        fallback = next((end for end in SIDE if side.endswith(end)), None)
        return MODIFIERS.get(modifier, fallback)

    def _side(self, side: str, ending: str, unit: str) -> xr.DataArray:
        variable = self.dataset[side]
        if ending == "_error":
            variable = self._numbers(side)
            own = variable.attrs.get("units", unit)
            where = f"{self.source}: {side}"
            return variable.copy(data=convert(variable.values, own, unit, where))
        if ending == "_count":
            return variable
        return _meanings(variable)

    def _by_sample(self, field: xr.DataArray) -> xr.DataArray:
        """A field of the stations spread along the samples of a ragged array."""
        sample, cut = self._sample()
        if sample is None or cut is None or not field.dims:
            return field
        numbers = self.dataset[cut].values.astype(int)
        if "sample_dimension" in self.dataset[cut].attrs:
            if (numbers < 0).any():
                raise DataError(f"{self.source} is cut wrongly: {cut} is {numbers.min()} somewhere")
            if numbers.sum() != self.dataset.sizes[sample]:
                raise DataError(
                    f"{self.source} is cut wrongly: {cut} adds up to {numbers.sum()}, "
                    f"but there are {self.dataset.sizes[sample]} observations"
                )
            numbers = np.repeat(np.arange(numbers.size), numbers)
        return xr.DataArray(field.values[numbers], dims=sample)

    def _depth(self, dims: tuple[Any, ...]) -> xr.DataArray | None:
        """Depth [m] of the readings, from a coordinate of depth or of height."""
        for name, variable in self.dataset.variables.items():
            standard = variable.attrs.get("standard_name")
            here = set(variable.dims) <= {*dims, *self.instance}
            if standard not in ("depth", "height") or not here:
                continue
            sign = 1.0 if standard == "depth" else -1.0
            where = f"{self.source}: {name}"
            metres = convert(variable.values, self._unit(str(name)), "m", where)
            field = xr.DataArray(sign * metres, dims=variable.dims)
            return self._by_sample(field) if variable.dims == self.instance else field
        return None

    def _stations(self) -> pd.DataFrame:
        """Places of the stations."""
        index = np.atleast_1d(self.dataset[self.station].astype(str).values)
        columns = {}
        for name, variable in self.dataset.variables.items():
            for place, (_, standard) in PLACE_NAMES.items():
                mine = variable.dims == self.instance or not variable.dims
                if variable.attrs.get("standard_name") == standard and mine:
                    unit = self._unit(str(name))
                    where = f"{self.source}: {name}"
                    metres = convert(variable.values, unit, PLACES[place], where)
                    columns[place] = np.broadcast_to(metres, index.shape)
        frame = pd.DataFrame(columns, index=pd.Index(index, name="station"))
        return frame[~frame.index.duplicated()]


def refuse_cut_classic(path: Path) -> None:
    """Nothing, unless a classic NetCDF file ends before its header says.

    The library reads zeros beyond the end. HDF5, of which NetCDF-4 is, knows its own length.

    Raises
    ------
    DataError
        Says how much is missing.
    """
    with suppress(OSError), path.open("rb") as file:  # opening it will say what is wrong
        if file.read(3) != b"CDF":
            if not path.stat().st_size:
                raise DataError(f"{path.name} is empty")
            return
        wide = file.read(1)[:1]
        try:
            least = _Classic(file, wide[0] if wide else 0).least
        except (struct.error, KeyError) as error:
            raise DataError(f"{path.name} is truncated in its header: {error}") from None
        if path.stat().st_size < least:
            raise DataError(
                f"{path.name} is truncated: it has {path.stat().st_size} bytes in place of {least}"
            )


class _Classic:
    """The header of a classic NetCDF file, read for the number of bytes that belong to it.

    https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html
    """

    SIZES: ClassVar[Mapping[int, int]] = dict(
        zip(range(1, 12), (1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8), strict=True)
    )

    def __init__(self, file: BinaryIO, version: int) -> None:
        self.file = file
        self.count = ">q" if version == 5 else ">i"
        self.offset = ">i" if version == 1 else ">q"
        streaming = -1  # records whose number is not told
        records = max(self._number(self.count), streaming)
        lengths = [self._length() for _ in self._list()]
        self._attributes()
        ends, slabs, begun = [file.tell()], [], []
        for _ in self._list():
            self._name()
            shape = [lengths[self._number(self.count)] for _ in range(self._number(self.count))]
            self._attributes()
            size = self.SIZES[self._number(">i")]
            self._number(self.count)  # the padded size, too small a number for large ones
            begin = self._number(self.offset)
            if shape and not shape[0]:
                slabs.append(size * int(np.prod(shape[1:], dtype=np.int64)))
                begun.append(begin)
            else:
                ends.append(begin + size * int(np.prod(shape, dtype=np.int64)))
        if slabs and records > 0:
            padded = slabs[0] if len(slabs) == 1 else sum(-(-slab // 4) * 4 for slab in slabs)
            last = max(begin + slab for begin, slab in zip(begun, slabs, strict=True))
            ends.append((records - 1) * padded + last)
        self.least = max(ends)

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self.file.read(struct.calcsize(form)))[0])

    def _list(self) -> range:
        """As many places as the list has that comes next."""
        self._number(">i")  # which list it is
        return range(self._number(self.count))

    def _length(self) -> int:
        self._name()
        return self._number(self.count)

    def _name(self) -> None:
        self._skip(self._number(self.count))

    def _skip(self, size: int) -> None:
        if len(self.file.read(-(-size // 4) * 4)) < size:
            raise struct.error("it ends there")

    def _attributes(self) -> None:
        for _ in self._list():
            self._name()
            self._skip(self.SIZES[self._number(">i")] * self._number(self.count))


def _meanings(variable: xr.DataArray) -> xr.DataArray:
    """Words of a status flag (…,)."""
    words = variable.attrs.get("flag_meanings", "").split()
    values = np.atleast_1d(variable.attrs.get("flag_values", np.arange(len(words)))).tolist()
    table = dict(zip(values, words, strict=False))
    codes = np.nan_to_num(np.asarray(variable.values, float), nan=-1)
    texts = [table.get(code, f"flag_{code:g}") for code in codes.ravel().tolist()]
    return xr.DataArray(np.array(texts, dtype=object).reshape(codes.shape), dims=variable.dims)


# --- writing --------------------------------------------------------------------------------------


def _encoded(records: Records) -> xr.Dataset:
    """The dataset that a file holds."""
    if not len(records):
        raise DataError("there are no records to write")
    wide, units = to_wide(records)
    if "depth" not in wide:
        wide = wide.assign(depth=np.nan)
    wide = wide.sort_values(["station", "depth", "time", "end"], ignore_index=True)
    stations = sorted(wide["station"].unique())
    times = np.unique(wide["time"].to_numpy("datetime64[ns]"))
    depths = np.unique(wide["depth"].to_numpy())
    grid = len(stations) * times.size * depths.size
    # one end per time, and every combination there once
    complete = len(wide) == grid and len(wide[["time", "end"]].drop_duplicates()) == times.size
    if not complete or (np.isnan(depths).any() and depths.size > 1):
        dataset = _ragged(wide, units, records)
    else:
        dataset = _orthogonal(wide, units, records, stations, times, depths)
    dataset.attrs = {"Conventions": "CF-1.11", **dataset.attrs, **UNTOLD}
    dataset.attrs |= {name: text for name, text in records.attributes.items() if name not in OURS}
    return dataset


def _orthogonal(
    wide: pd.DataFrame,
    units: Mapping[str, str],
    records: Records,
    stations: list[str],
    times: np.ndarray,
    depths: np.ndarray,
) -> xr.Dataset:
    profile = not np.isnan(depths).any()
    dims = ("station", "depth", "time") if profile else ("station", "time")
    shape = (len(stations), depths.size, times.size) if profile else (len(stations), times.size)
    ends = wide["end"].to_numpy("datetime64[ns]")[: times.size]
    fields = _fields(wide, units, records.accumulated, dims, shape) | _time_fields(
        times, ends, "time"
    )
    if profile:
        fields["depth"] = (("depth",), depths, _depth_attributes())
    fields |= _station_fields(stations, stations, records.stations)
    dataset = _finished(fields)
    dataset.attrs["featureType"] = "timeSeriesProfile" if profile else "timeSeries"
    return dataset.transpose("station", "time", "depth", ...) if profile else dataset


def _ragged(wide: pd.DataFrame, units: Mapping[str, str], records: Records) -> xr.Dataset:
    groups = wide.groupby(["station", "depth"], dropna=False, sort=False)
    keys: list[Any] = list(groups.groups)
    stations, depths = [key[0] for key in keys], np.array([key[1] for key in keys], float)
    ids = [s if np.isnan(d) else f"{s}@{d:g}m" for s, d in zip(stations, depths, strict=True)]
    times, ends = (wide[name].to_numpy("datetime64[ns]") for name in ("time", "end"))
    fields = _fields(wide, units, records.accumulated, ("obs",), (len(wide),))
    fields |= _time_fields(times, ends, "obs")
    places = records.stations
    if not {"x", "y", "lon", "lat"} & set(places):
        # Without a place that they lack, the series would count as points apart.
        places = places.assign(lon=np.nan, lat=np.nan)
    fields |= _station_fields(ids, stations, places)
    cut = {"long_name": "number of observations", "sample_dimension": "obs"}
    fields["row_size"] = (("station",), groups.size().to_numpy(np.int32), cut)
    if np.isfinite(depths).any():
        fields["depth"] = (("station",), depths, _depth_attributes())
    dataset = _finished(fields)
    dataset.attrs["featureType"] = "timeSeries"
    return dataset


Fields = dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]


def _fields(
    wide: pd.DataFrame,
    units: Mapping[str, str],
    sums: Collection[str],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
) -> Fields:
    """Variables of the quantities and of what goes with them."""
    fields: Fields = {}
    names = [str(name) for name in wide if name in units and name != "depth"]
    quantities = [name for name in names if not name.endswith(tuple(SIDE))]
    pointwise = (wide["end"] == wide["time"]).all()
    for name in quantities:
        standard = STANDARD_NAMES.get(name)
        base = {"standard_name": standard} if standard else {}
        sides = [f"{name}{end}" for end in SIDE if f"{name}{end}" in wide]
        beside = [other for other in BESIDE.get(name, ()) if other in quantities]
        attributes = {**base, "long_name": name.replace("_", " "), "units": units[name]}
        if pointwise or (wide["end"] > wide["time"]).all():
            over = "sum" if name in sums else "mean"
            attributes["cell_methods"] = "time: point" if pointwise else f"time: {over}"
        if sides or beside:
            attributes["ancillary_variables"] = " ".join([*sides, *beside])
        values = wide[name].to_numpy(float)
        fields[name] = (dims, values.reshape(shape), attributes | _measured(values))
        for side in sides:
            values, more = _side_values(wide[side], side, units)
            names_of = {"_error": f"{standard} standard_error" if standard else "", **SIDE_NAMES}
            told = next(name for end, name in names_of.items() if side.endswith(end))
            named = {"standard_name": told} if told else {}
            fields[side] = (dims, values.reshape(shape), {**named, **more})
    return fields


def _side_values(
    column: pd.Series, side: str, units: Mapping[str, str]
) -> tuple[np.ndarray, dict[str, Any]]:
    label = {"long_name": side.replace("_", " ")}
    if not side.endswith("_flag"):
        values = column.to_numpy()
        return values, label | {"units": units[side]} | _measured(values)
    words = ["good", *sorted(set(column) - {""})]
    codes = column.map({"": 0} | {word: code for code, word in enumerate(words[1:], 1)})
    values = np.arange(len(words), dtype=np.int8)
    table = {"flag_values": values, "flag_meanings": " ".join(words)}
    return codes.to_numpy(np.int8), label | table


def _measured(values: np.ndarray) -> dict[str, Any]:
    """The range of values among which some look like missing ones, and are none."""
    if not np.isin(values, SENTINELS).any():
        return {}
    return {RANGE: np.array([np.nanmin(values), np.nanmax(values)])}


def _time_fields(times: np.ndarray, ends: np.ndarray, dim: str) -> Fields:
    attributes = {"standard_name": "time", "long_name": "time (UTC)", "axis": "T"}
    attributes["units_metadata"] = "leap_seconds: none"  # as datetime64 counts
    if (ends == times).all():
        return {"time": ((dim,), times, attributes)}
    attributes |= {"bounds": "time_bnds", "long_name": "start of the interval (UTC)"}
    bounds = np.stack([times, ends], axis=-1)
    return {"time": ((dim,), times, attributes), "time_bnds": ((dim, "bnds"), bounds, {})}


def _station_fields(ids: list[str], stations: list[str], places: pd.DataFrame) -> Fields:
    fields: Fields = {}
    role = {"cf_role": "timeseries_id", "long_name": "series identifier"}
    if ids == stations:
        role["long_name"] = "station identifier"
        fields["station_name"] = (("station",), np.array(ids, dtype=object), role)
    else:
        fields["series"] = (("station",), np.array(ids, dtype=object), role)
        label = {"long_name": "station name"}
        fields["station_name"] = (("station",), np.array(stations, dtype=object), label)
    for place in map(str, places):
        name, standard = PLACE_NAMES[place]
        attributes = {"standard_name": standard, "long_name": standard, "units": PLACES[place]}
        if place == "elevation":
            attributes |= {"positive": "up", "axis": "Z"}
        fields[name] = (("station",), places[place].reindex(stations).to_numpy(float), attributes)
    return fields


def _depth_attributes() -> dict[str, Any]:
    long_name = "depth below the soil surface"
    named = {"standard_name": "depth", "long_name": long_name, "units": "m", "positive": "down"}
    return named | {"axis": "Z"}


def _finished(fields: Fields) -> xr.Dataset:
    """The dataset with its coordinates named and its encoding settled."""
    places = {"station_name", "series", "depth", *(name for name, _ in PLACE_NAMES.values())}
    places.add("time")  # no dimension of a ragged array, and a coordinate none the less
    dataset = xr.Dataset(fields).set_coords([name for name in fields if name in places])
    if "depth" in dataset and "alt" in dataset:
        del dataset["alt"].attrs["axis"]  # there is one vertical axis
    times = [name for name in ("time", "time_bnds") if name in dataset.variables]
    encoding = _time_encoding(np.concatenate([dataset[name].values.ravel() for name in times]))
    for name in times:
        dataset[name].encoding.update(encoding)
    for label, variable in dataset.variables.items():
        sparse = variable.dtype == np.float64 and bool(np.isnan(variable.values).any())
        dataset[label].encoding["_FillValue"] = np.nan if sparse else None
        if "obs" in variable.dims and label != "time":
            # xarray would name only those along obs, and CF wants those of the stations too
            dataset[label].encoding["coordinates"] = " ".join(sorted(map(str, dataset.coords)))
    return dataset


def _time_encoding(stamps: np.ndarray) -> dict[str, Any]:
    """The coarsest unit in which all times are whole numbers."""
    micro = stamps.astype("datetime64[us]").astype(np.int64)
    unit = next(name for name, size in TIME_UNITS.items() if not (micro % size).any())
    return {"units": f"{unit} since 1970-01-01", "calendar": "standard", "dtype": "int64"}
