"""The joint assimilation of Li et al.: cosmic-ray moisture and wells into the Rur catchment.

`hydroda.catchments.rur` says how the catchment is made, `experiments` what the eleven runs are,
`check` whether both are what the paper asks for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydroda.catchments.rur import RurCatchment
from hydroda.errors import DeclarationError
from hydroda.studies.li2025 import check
from hydroda.studies.report import Bar, StudyReport, Value

CELLS: Mapping[str, str] = {"small": "4 km", "medium": "2 km", "paper": "500 m"}
TABLES = ("check", "catchment", "ensemble")


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """What was requested beside what was sampled: of the catchment, of the ensemble, or of both.

    Raises
    ------
    DeclarationError
        There is no such table.
    """
    if table not in (None, *TABLES):
        raise DeclarationError(f"li2025 has the tables {', '.join(TABLES)}; got {table!r}")
    begin = time.monotonic()
    size = size or "paper"
    seeds = tuple(seeds) or (1,)
    fields: dict[str, Any] = {"cell": CELLS[size], "seed": seeds[0], "forcing": forcing}
    rur = RurCatchment(**fields)
    values: list[Value] = []
    if table != "ensemble":
        values += check.catchment(rur)
    if table != "catchment":
        values += check.ensemble(rur)
    return StudyReport("li2025", size, seeds, time.monotonic() - begin, tuple(values), ())
