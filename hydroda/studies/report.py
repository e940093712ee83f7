"""The numbers of a rerun study beside the published ones."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pandas as pd
from rich.table import Table
from rich.text import Text

from hydroda.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
PADDING = 3  # characters between the columns of a table
DIMENSIONLESS = ("", "1")


class Bar(Protocol):
    """Shows how far a loop is."""

    def __call__(self, items: Iterable[T], total: int, label: str) -> Iterable[T]: ...


@dataclass(frozen=True)
class Value:
    """One number of a table (a figure counts as a table): published and ours."""

    table: str
    row: str
    column: str
    unit: str
    published: float | None
    ours: float | None


@dataclass(frozen=True)
class Verdict:
    """Whether a statement of the study holds here."""

    id: str
    statement: str
    published: str
    ours: str
    confirmed: bool


@dataclass(frozen=True)
class StudyReport:
    """What `hydroda reproduce` says: on the screen, as JSON, and as files."""

    study: str
    size: str
    seeds: tuple[int, ...]
    wall_seconds: float
    values: tuple[Value, ...]
    verdicts: tuple[Verdict, ...]
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "study": self.study,
            "size": self.size,
            "seeds": list(self.seeds),
            "wall_seconds": self.wall_seconds,
            "peak_memory_bytes": peak_memory(),
            "values": [asdict(value) for value in self.values],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }

    def tables(self, width: int | None = None) -> list[Table]:
        """The values, table by table, and the verdicts.

        A table of more than `width` characters has its rows as columns, or comes in parts.
        """
        shown: list[Table] = []
        for name in dict.fromkeys(value.table for value in self.values):
            shown += _tables(name, [v for v in self.values if v.table == name], width)
        verdicts = Table(title=f"{self.study}: verdicts", title_justify="left")
        for column in ("", "statement", "published", "ours", "confirmed"):
            verdicts.add_column(column)
        for v in self.verdicts:
            verdicts.add_row(v.id, v.statement, v.published, v.ours, "yes" if v.confirmed else "NO")
        return [*shown, verdicts]

    def write(self, folder: Path) -> list[Path]:
        """Writes values.csv, verdicts.csv and the figures to `folder`."""
        from hydroda import plotting

        parts: dict[str, tuple[Value, ...] | tuple[Verdict, ...]]
        parts = {"values": self.values, "verdicts": self.verdicts}
        written = []
        for name, rows in parts.items():
            path = folder / f"{name}.csv"
            with replacing(path) as temporary:
                pd.DataFrame([asdict(row) for row in rows]).to_csv(temporary, index=False)
            written.append(path)
        figures = [plotting.save(draw(), folder / f"{k}.png") for k, draw in self.figures.items()]
        return written + figures


@dataclass(frozen=True)
class _Grid:
    """A table as text: `heads` above its columns, the first of them above the labels of its rows.

    A unit stands in the heads, or the labels, if each has one; else behind numbers of a mixture.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, name: str, values: Sequence[Value]) -> _Grid:
        """Rows and columns as published; ours beside the published number in brackets."""
        columns, rows = _units(values, "column"), _units(values, "row")
        mixed = any(len(own) > 1 for own in columns.values())
        told = mixed and all(len(own) == 1 for own in rows.values())
        heads = ["", *(_with_unit(c, set() if told else own) for c, own in columns.items())]
        found = {(v.row, v.column): v for v in values}
        body = [
            (
                _with_unit(row, own if told else set()),
                *(_cell(found.get((row, c)), not told and len(columns[c]) > 1) for c in columns),
            )
            for row, own in rows.items()
        ]
        known = any(value.published is not None for value in values)
        title = f"table {name}: ours (published)" if known else f"table {name}"
        return cls(title, tuple(heads), tuple(body))

    @property
    def turned(self) -> _Grid:
        """Columns as rows."""
        heads, *rows = zip(self.heads, *self.rows, strict=True)
        return _Grid(self.title, heads, tuple(rows))

    @property
    def widths(self) -> list[int]:
        """Characters of each column that break no number and no word of a head."""
        columns = zip(self.heads, *self.rows, strict=True)
        return [
            max(map(len, [*(head.split() or [""]), *cells])) + PADDING for head, *cells in columns
        ]

    def parts(self, width: int) -> list[_Grid]:
        """As few tables of about equal breadth as fit into `width` characters, the labels in each.

        A column alone may be wider.
        """
        first, *others = self.widths
        count = len(others)
        for parts in range(1, count + 1):
            edges = [count * part // parts for part in range(parts + 1)]
            pairs = list(pairwise(edges))
            if parts == count or all(1 + first + sum(others[a:b]) <= width for a, b in pairs):
                return [self._columns(a + 1, b + 1) for a, b in pairs]
        return [self]

    def _fitted(self, width: int | None) -> list[int]:
        """Characters of each column, where the longest heads are cut to what `width` leaves."""
        least, heads = self.widths, [len(head) + PADDING for head in self.heads]
        for limit in range(max(heads), 0, -1):
            columns = [max(n, min(head, limit)) for n, head in zip(least, heads, strict=True)]
            if width is None or sum(columns) < width:
                return columns
        return least

    def _columns(self, first: int, end: int) -> _Grid:
        """The labels and some of the columns."""
        rows = ((row[0], *row[first:end]) for row in self.rows)
        return _Grid(self.title, (self.heads[0], *self.heads[first:end]), tuple(rows))

    def shown(self, width: int | None) -> Table:
        """The table; heads go over several lines where it does not fit into `width` otherwise."""
        table = Table(title=self.title, title_justify="left")
        for head, columns in zip(self.heads, self._fitted(width), strict=True):
            # As text: rich takes "[mm]" in a string for markup and leaves it out.
            table.add_column(Text(head), width=columns - PADDING)
        for label, *cells in self.rows:
            table.add_row(Text(label), *cells)
        return table


def _tables(name: str, values: Sequence[Value], width: int | None) -> list[Table]:
    """The values as published, or turned where that needs fewer tables of `width` characters."""
    grid = _Grid.of(name, values)
    if width is None:
        return [grid.shown(None)]
    parts = min(grid.parts(width), grid.turned.parts(width), key=len)
    return [part.shown(width) for part in parts]


def _units(values: Sequence[Value], along: str) -> dict[str, set[str]]:
    """The units of each row or column."""
    found: dict[str, set[str]] = {}
    for value in values:
        found.setdefault(getattr(value, along), set()).add(value.unit)
    return found


def _with_unit(name: str, units: set[str]) -> str:
    """The name with its unit, where that is one."""
    (unit,) = units if len(units) == 1 else ("",)
    return f"{name} [{unit}]" if unit not in DIMENSIONLESS else name


def _cell(value: Value | None, mixed: bool) -> str:
    if value is None or value.ours is None:
        return ""
    ours = f"{value.ours:.4g}"
    shown = ours if value.published is None else f"{ours} ({value.published:.4g})"
    return f"{shown} {value.unit}" if mixed and value.unit not in DIMENSIONLESS else shown


def peak_memory() -> int:
    """Largest memory this process ever held [byte]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
