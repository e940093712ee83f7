"""The numbers of a rerun study beside the published ones."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pandas as pd
from rich.table import Table
from rich.text import Text

from hydroda.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")


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

    def tables(self) -> list[Table]:
        """The values, a table each, and the verdicts."""
        names = dict.fromkeys(value.table for value in self.values)
        shown = [_table(name, [v for v in self.values if v.table == name]) for name in names]
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


def _table(name: str, values: Sequence[Value]) -> Table:
    """Rows and columns as published; ours beside the published number in brackets.

    A unit stands above its column, or behind each number where a column has several.
    """
    columns = list(dict.fromkeys(value.column for value in values))
    table = Table(title=f"table {name}: ours (published)", title_justify="left")
    table.add_column("")
    units = {column: {v.unit for v in values if v.column == column} for column in columns}
    for column, own in units.items():
        (unit,) = own if len(own) == 1 else ("",)
        # As text: rich takes "[mm]" in a string for markup and leaves it out.
        table.add_column(Text(f"{column} [{unit}]" if unit else column))
    for row in dict.fromkeys(value.row for value in values):
        found = {v.column: v for v in values if v.row == row}
        table.add_row(row, *(_cell(found.get(c), len(units[c]) > 1) for c in columns))
    return table


def _cell(value: Value | None, mixed: bool) -> str:
    if value is None or value.ours is None:
        return ""
    ours = f"{value.ours:.4g}"
    shown = ours if value.published is None else f"{ours} ({value.published:.4g})"
    return f"{shown} {value.unit}" if mixed and value.unit not in ("", "1") else shown


def peak_memory() -> int:
    """Largest memory this process ever held [byte]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
