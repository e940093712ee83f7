"""Tidy CSV: one row per time and station, one column per quantity, a row of units."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hydroda.obs.records import Format, Records


class TidyCsv(Format):
    """Text tables."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".csv.gz")

    def read(self, path: Path, zone: str | None = None) -> Records:
        """The records of a table."""
        raise NotImplementedError
