"""Which stations of a network are used, which only validate, and why the others are left out.

>>> screening = Screening(
...     keep=(Unconfined(), ObservedDepth("0 m", "20 m"), Monthly("2016-01-01", "2019-01-01")),
...     assimilate=(OffStream(), AtRandom(78, seed=1)),
... )
>>> screened = screening.of(records, about, columns)
>>> network = ObservationNetwork(
...     sensors_at(screened.records, GroundwaterLevel(station="", sd="5 cm")),
...     screened.records,
...     withheld=screened.withheld,
... )

A new rule is a frozen dataclass with `refused`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import KDTree

from hydroda.errors import DataError, DeclarationError
from hydroda.obs.records import Records
from hydroda.rng import Streams
from hydroda.sphere import EARTH_RADIUS
from hydroda.units import Amount, instant, magnitude

NEXT = 1.5  # widths within which, along x and along y, a cell is next to another
HALF_DIAGONAL = np.sqrt(0.5) * (1 + 1e-6)  # of a cell, in its widths
MOST_EMPTY = 8  # places of a grid for each column: with more, columns do not stand in rows
MEDIAN_LOSS = np.sqrt(np.pi / 2)  # error of the median of many over that of their mean


class Role(StrEnum):
    """What a station is for."""

    ASSIMILATED = "assimilated"
    WITHHELD = "withheld"
    LEFT_OUT = "left_out"


# --- places -------------------------------------------------------------------------------------


def _points(table: Any, names: tuple[str, str]) -> NDArray[np.float64]:
    """Places (place, 2 or 3) [m] with straight distances; those of lon and lat are chords."""
    first, second = (np.asarray(table[name], float).reshape(-1) for name in names)
    if names == ("x", "y"):
        return np.stack([first, second], axis=-1)
    lon, lat = np.radians(first), np.radians(second)
    sphere = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    return EARTH_RADIUS * np.stack(sphere, axis=-1)


def _common(*tables: Any) -> tuple[str, str]:
    """The pair of coordinates that all tables have."""
    for pair in (("x", "y"), ("lon", "lat")):
        if all(set(pair) <= set(table) for table in tables):
            return pair
    raise DeclarationError("places need x and y, or lon and lat, the same for stations and columns")


@dataclass(frozen=True, eq=False)
class Cells:
    """The columns of a model as cells with stations in them.

    `columns` has x and y [m], or lon and lat [degree], and may have `river` (column,), which is
    true in the cells of the stream network.
    """

    columns: xr.Dataset

    def of(self, stations: pd.DataFrame) -> pd.Series:
        """Number of the cell of every station; -1 where it stands in none."""
        known = self.columns.reset_coords()
        names = _common(known, stations)
        centres, places = _points(known, names), _points(stations, names)
        widths = _widths(centres)
        cells = np.full(len(stations), -1)
        placed = np.isfinite(places).all(axis=1)
        distance, nearest = KDTree(centres / widths).query(places[placed] / widths)
        cells[placed] = np.where(distance <= HALF_DIAGONAL, nearest, -1)
        return pd.Series(cells, stations.index, name="cell")

    def beside(self, chosen: Any) -> NDArray[np.bool_]:
        """Which cells (column,) are `chosen` or next to one that is, also across a corner."""
        known = self.columns.reset_coords()
        if not {"x", "y"} <= set(known):
            raise DeclarationError("which cells lie side by side needs x and y of the columns")
        found = np.asarray(chosen, bool).reshape(-1).copy()
        centres = _points(known, ("x", "y"))
        centres = centres / _widths(centres)
        near: Any = KDTree(centres).query_ball_point(centres[found], NEXT, p=np.inf)
        found[[cell for cells in near for cell in cells]] = True
        return found

    @property
    def river(self) -> NDArray[np.bool_]:
        """Which cells (column,) belong to the stream network."""
        if "river" not in self.columns:
            raise DeclarationError(
                "the columns need a mask 'river' (column,) of the stream network"
            )
        return self.columns["river"].values.astype(bool).reshape(-1)


def _widths(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Widths [m] of the cells along each coordinate: of rows and columns, else the spacing."""
    count, dimensions = centres.shape
    if count < 2:
        return np.full(dimensions, np.inf)
    distance, _ = KDTree(centres).query(centres, k=[2])
    spacing = float(np.median(np.asarray(distance)))
    lines = [np.unique(np.round(along / spacing, 6)) * spacing for along in centres.T]
    in_rows = dimensions == 2 and len(lines[0]) * len(lines[1]) <= MOST_EMPTY * count
    if not in_rows:
        return np.full(dimensions, spacing)
    return np.array([np.diff(line).min() if len(line) > 1 else spacing for line in lines])


# --- rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stations:
    """What rules judge: `records`, what else is known `about` the stations, and the `cells`.

    `about` is indexed by station, with the places of the records where it has none of its own.
    """

    records: Records
    about: pd.DataFrame
    cells: Cells | None = None

    @classmethod
    def of(
        cls, records: Records, about: pd.DataFrame | None = None, columns: xr.Dataset | None = None
    ) -> Stations:
        """Those of the records.

        Raises
        ------
        DataError
            `about` knows a station twice, or nothing of one.
        """
        known = records.stations if about is None else about
        twice = known.index[known.index.duplicated()]
        if len(twice):
            raise DataError(
                f"station {twice[0]!r} stands twice among what is known of the stations"
            )
        lacking = sorted(set(records.stations.index) - set(known.index))
        if lacking:
            raise DataError(f"nothing is known of station {lacking[0]!r}; give it a row")
        known = known.reindex(records.stations.index)
        places = records.stations[[c for c in records.stations if c not in known]]
        cells = None if columns is None else Cells(columns)
        return cls(records, known.join(places), cells)

    def column(self, name: str) -> pd.Series:
        """What is known of every station under `name`."""
        if name not in self.about:
            known = ", ".join(map(str, self.about)) or "nothing"
            raise DataError(f"the screening needs {name!r} of every station; known is {known}")
        return self.about[name]

    def in_cells(self) -> tuple[Cells, pd.Series]:
        """The cells and the number of that of every station."""
        if self.cells is None:
            raise DeclarationError("the screening needs the columns of the model: give columns=…")
        return self.cells, self.cells.of(self.about)

    def only(self, stations: Sequence[str]) -> Stations:
        """Some of them."""
        chosen = list(stations)
        return replace(self, records=self.records.select(chosen), about=self.about.loc[chosen])


@dataclass(frozen=True)
class Rule(ABC):
    """Which stations are refused; the author of a rule writes `refused`."""

    @abstractmethod
    def refused(self, stations: Stations) -> pd.Series:
        """Why each station is refused, in words, and "" where it is not (station,)."""


def _words(refused: Any, words: Any) -> pd.Series:
    """`words` where `refused`, else "" (station,)."""
    return pd.Series(np.where(refused, words, ""), refused.index, dtype=object)


@dataclass(frozen=True)
class Unconfined(Rule):
    """Refused are wells whose `aquifer` is not "unconfined", or not known."""

    def refused(self, stations: Stations) -> pd.Series:
        aquifer = stations.column("aquifer").fillna("unknown").astype(str).str.lower()
        return _words(aquifer != "unconfined", "aquifer " + aquifer)


@dataclass(frozen=True)
class ObservedDepth(Rule):
    """Refused are wells whose `depth` below ground [m] is not known or outside of the bounds."""

    low: Amount
    high: Amount

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, magnitude(getattr(self, name), "m", name))
        if float(self.low) >= float(self.high):
            raise DeclarationError(f"low must be less than high; got {self.low!r}, {self.high!r}")

    def refused(self, stations: Stations) -> pd.Series:
        depth = stations.column("depth").astype(float)
        words = depth.map(lambda d: "depth unknown" if np.isnan(d) else f"depth {d:g} m")
        return _words(~depth.between(float(self.low), float(self.high)), words)


@dataclass(frozen=True)
class Monthly(Rule):
    """Refused are stations with less than a good value a month from `start` to `end`.

    Of the calendar months (UTC) that begin in [start, end), the share `at_least` must have one.
    """

    start: Any
    end: Any
    at_least: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.at_least <= 1:
            raise DeclarationError(f"at_least must lie in (0, 1]; got {self.at_least!r}")
        for name in ("start", "end"):
            object.__setattr__(self, name, instant(getattr(self, name), name))

    def refused(self, stations: Stations) -> pd.Series:
        last = self.end - np.timedelta64(1, "ns")
        months = pd.date_range(self.start, last, freq="MS", normalize=True)
        if not len(months):
            raise DeclarationError(f"no month begins from {self.start} to {self.end}")
        values = stations.records.values
        good = values[(values["flag"] == "") & values["value"].notna()]
        of_month = good["time"].dt.to_period("M").dt.to_timestamp()
        seen = good[["station"]].assign(month=of_month)[of_month.isin(months)].drop_duplicates()
        count = seen["station"].value_counts().reindex(stations.about.index, fill_value=0)
        words = [f"values in {n} of {len(months)} months" for n in count]
        return _words(count < self.at_least * len(months) - 1e-9, words)


@dataclass(frozen=True)
class Inside(Rule):
    """Refused are stations in no cell of the model."""

    def refused(self, stations: Stations) -> pd.Series:
        _, cell = stations.in_cells()
        return _words(cell < 0, "in no cell of the model")


@dataclass(frozen=True)
class OffStream(Rule):
    """Refused are stations in cells of the stream network and in those next to it."""

    def refused(self, stations: Stations) -> pd.Series:
        cells, cell = stations.in_cells()
        river, beside = cells.river, cells.beside(cells.river)
        inside = cell >= 0
        words = np.where(inside & river[cell], "in a river cell", "in a cell next to a river")
        return _words(inside & beside[cell], words)


@dataclass(frozen=True)
class Apart(Rule):
    """Refused are stations nearer than `distance` to one that stays; most values come first."""

    distance: Amount

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", magnitude(self.distance, "m", "distance of Apart"))
        if not magnitude(self.distance, "m", "distance") > 0:
            raise DeclarationError(f"distance of Apart must be positive; got {self.distance!r}")

    def refused(self, stations: Stations) -> pd.Series:
        about = stations.about
        count = stations.records.values["station"].value_counts().reindex(about.index, fill_value=0)
        order = sorted(range(len(about)), key=lambda n: (-count.iloc[n], about.index[n]))
        points = _points(about, _common(about))
        if not np.isfinite(points).all():
            raise DataError("thinning needs the place of every station")
        reach = float(magnitude(self.distance, "m", "distance")) * (1 - 1e-9)  # as far is apart
        near: Any = KDTree(points).query_ball_point(points, reach)
        by = np.full(len(about), -1)
        for station in order:
            if by[station] < 0:
                others = [n for n in near[station] if n != station and by[n] < 0]
                by[others] = station
        return _words(pd.Series(by >= 0, about.index), "near " + about.index.to_numpy(object)[by])


@dataclass(frozen=True)
class AtRandom(Rule):
    """Refused are all but `number` stations, drawn with `seed`.

    Each station has its own random number, found by its name: another station more or less
    changes the lot of one other at most.
    """

    number: int
    seed: int

    def refused(self, stations: Stations) -> pd.Series:
        names = list(stations.about.index)
        streams = Streams(self.seed)
        drawn = [streams.generator("assimilated station", name).random() for name in names]
        rank = pd.Series(drawn, names).rank(method="first")
        return _words(rank > self.number, "not drawn")


@dataclass(frozen=True)
class Named(Rule):
    """Refused are the stations of these names."""

    stations: tuple[str, ...]

    def __post_init__(self) -> None:
        given: Any = self.stations
        object.__setattr__(self, "stations", (given,) if isinstance(given, str) else tuple(given))

    def refused(self, stations: Stations) -> pd.Series:
        return _words(pd.Series(stations.about.index.isin(self.stations), stations.about.index),
                      "named")  # fmt: skip


# --- screening ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Screened:
    """The stations that stay, those `withheld` for validation, and a `table` of all.

    The table is indexed by station: its role, the rule that said so and why.
    """

    records: Records
    withheld: tuple[str, ...]
    table: pd.DataFrame

    @property
    def summary(self) -> pd.Series:
        """How many stations there are by role, rule and reason."""
        return self.table.groupby(["role", "rule"], sort=False).size()


@dataclass(frozen=True)
class Screening:
    """Rules, one after the other, each for the stations that are left by those before.

    A station that a rule of `keep` refuses goes; one that a rule of `assimilate` refuses is
    withheld for validation.
    """

    keep: tuple[Rule, ...] = ()
    assimilate: tuple[Rule, ...] = field(default=())

    def of(
        self, records: Records, about: pd.DataFrame | None = None, columns: xr.Dataset | None = None
    ) -> Screened:
        """The stations of `records` by their role.

        `about` (station,) has what the rules ask for and the records do not know, such as
        `aquifer` and `depth` [m]; `columns` are those of the model with x, y and `river`.
        """
        stations = Stations.of(records, about, columns)
        table = pd.DataFrame(
            {"role": Role.ASSIMILATED.value, "rule": "", "why": ""}, index=stations.about.index
        ).astype(object)
        rules = [(rule, Role.LEFT_OUT) for rule in self.keep]
        rules += [(rule, Role.WITHHELD) for rule in self.assimilate]
        for rule, role in rules:
            left = table.index[table["role"] == Role.ASSIMILATED.value]
            if left.empty:
                break
            why = rule.refused(stations.only(list(left)))
            why = why[why != ""]
            table.loc[why.index, "role"] = role.value
            table.loc[why.index, "rule"] = type(rule).__name__
            table.loc[why.index, "why"] = why
        kept = table.index[table["role"] != Role.LEFT_OUT.value]
        withheld = table.index[table["role"] == Role.WITHHELD.value]
        return Screened(records.select(kept), tuple(withheld), table)


# --- several stations in a cell ------------------------------------------------------------------


@dataclass(frozen=True)
class Combination(ABC):
    """How several stations in one cell become one."""

    @abstractmethod
    def one(self, records: Records) -> Records:
        """The records of the stations of a cell as those of one station."""


@dataclass(frozen=True)
class _OfValues(Combination):
    """One value for those of a time; the station has the names of all and their middle place."""

    def one(self, records: Records) -> Records:
        values = records.values
        good = values[(values["flag"] == "") & values["value"].notna()]
        keys = ["time", "end", "quantity", "depth"]
        groups = good.groupby(keys, dropna=False, sort=False)
        table = self.combined(groups)
        table["count"] = groups.size()
        table = table.reset_index().assign(station="+".join(records.stations.index))
        places = records.stations.median().to_frame(table["station"].iloc[0]).T
        return Records.of(table, records.units, places, records.attributes, "UTC")

    @abstractmethod
    def combined(self, groups: Any) -> pd.DataFrame:
        """`value` and `error` of every group of values at one time."""


class MedianOfCell(_OfValues):
    """The median of the values at each time; errors as of independent normal ones."""

    def combined(self, groups: Any) -> pd.DataFrame:
        error = _mean_error(groups) * np.where(groups.size() > 2, MEDIAN_LOSS, 1.0)
        return pd.DataFrame({"value": groups["value"].median(), "error": error})


class MeanOfCell(_OfValues):
    """The mean of the values at each time; errors as of independent ones."""

    def combined(self, groups: Any) -> pd.DataFrame:
        return pd.DataFrame({"value": groups["value"].mean(), "error": _mean_error(groups)})


def _mean_error(groups: Any) -> pd.Series:
    variance = groups["error"].agg(lambda error: np.sum(np.square(error.to_numpy())))
    return np.sqrt(variance) / groups.size()


class MedianStation(Combination):
    """The station whose own mean is the median of them; the lower one of two.

    Its series has no jump where another station has a gap, and its place is a true one.
    """

    def one(self, records: Records) -> Records:
        values = records.values
        good = values[(values["flag"] == "") & values["value"].notna()]
        means = good.groupby("station")["value"].mean().sort_values(kind="stable")
        return records.select([means.index[(len(means) - 1) // 2]])


@dataclass(frozen=True, eq=False)
class PerCell:
    """One station per cell, and a `table` (station,) of the cell and of what each went into."""

    records: Records
    table: pd.DataFrame


def per_cell(
    records: Records, columns: xr.Dataset, how: Combination, quantity: str | None = None
) -> PerCell:
    """The records with one station in each cell of the model's `columns`.

    Values are put together where their intervals are the same: aggregate them first. Stations
    in no cell, those alone in theirs and other quantities than `quantity` stay as they are.

    Raises
    ------
    DataError
        The stations of a cell have more than one quantity or depth.
    """
    chosen = records if quantity is None else records.select(quantities=[quantity])
    others = [] if quantity is None else [q for q in records.units if q != quantity]
    cell = Cells(columns).of(chosen.stations)
    became = dict(zip(cell.index, cell.index, strict=True))
    parts = [records.select(quantities=others)] if others else []
    alone = ~cell.duplicated(keep=False) | (cell < 0)
    parts.append(chosen.select(list(cell.index[alone])))
    for _, members in cell[~alone].groupby(cell):
        names = list(members.index)
        own = chosen.select(names)
        if len(own.values[["quantity", "depth"]].drop_duplicates()) > 1:
            raise DataError(
                f"stations {', '.join(names)} of one cell have several quantities or depths; "
                "choose one quantity"
            )
        one = how.one(own)
        became |= dict.fromkeys(names, one.stations.index[0])
        parts.append(one)
    first, *rest = parts
    table = pd.DataFrame({"cell": cell, "became": pd.Series(became, dtype=object)})
    return PerCell(first.joined(rest), table)


# --- distances ------------------------------------------------------------------------------------


def distance_classes(
    stations: pd.DataFrame,
    assimilated: Sequence[str],
    edges: Sequence[Amount] = ("0.5 km", "2.5 km", "5 km"),
) -> xr.Dataset:
    """`distance` (station,) [m] to the nearest of the stations `assimilated`, and its `group`.

    `stations` have their true places, x and y [m] or lon and lat [degree]: the centres of coarse
    cells would not do. Groups are "0" for the assimilated ones and what stands beside them, then
    "0-0.5", up to ">5" [km]; upper edges belong to their group (Li et al., their scores of wells).
    """
    bounds = [float(magnitude(edge, "m", "edge of a distance class")) for edge in edges]
    if any(a >= b for a, b in zip([0.0, *bounds], bounds, strict=False)):
        raise DeclarationError(f"edges must grow from above zero; got {', '.join(map(str, edges))}")
    unknown = sorted(set(assimilated) - set(stations.index))
    if unknown or not len(assimilated):
        raise DeclarationError(
            f"assimilated names {unknown[0]!r}, which is no station" if unknown
            else "there is no assimilated station to be near to"
        )  # fmt: skip
    points = _points(stations, _common(stations))
    lost = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if lost.size:
        name = stations.index[int(lost[0])]
        raise DataError(f"station {name!r} has no place; give it one, or leave it out")
    chosen = stations.index.isin(list(assimilated))
    distance, _ = KDTree(points[chosen]).query(points)
    names = [
        "0",
        *(f"{a / 1e3:g}-{b / 1e3:g}" for a, b in zip([0.0, *bounds], bounds, strict=False)),
    ]
    names.append(f">{bounds[-1] / 1e3:g}")
    group = np.array(names, dtype=object)[np.searchsorted([0.0, *bounds], distance, side="left")]
    return xr.Dataset(
        {
            "distance": (
                "station", distance,
                {"units": "m", "long_name": "distance to the nearest assimilated station"},
            ),
            "group": ("station", group, {"long_name": "distance class [km]"}),
        },
        {"station": stations.index.to_numpy(object)},
    )  # fmt: skip
