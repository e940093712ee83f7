"""Flow and land beside exact solutions, fine solutions and ParFlow 3.15 on the same grids.

`hydroda reproduce verification --data FOLDER --out FIGURES`; FOLDER holds ParFlow's numbers. Its
rows are what was asked for; a NO stays a NO. Without the folder, what needs it is left out.

infiltration : Celia et al. 1990 (10.1029/WR026i007p01483), Miller et al. 1998
    (10.1029/98WR01673), fronts in layers of 0.2 to 1 m
exponential : Srivastava & Yeh 1991 (10.1029/90WR02772), Tracy 2006 (10.1029/2005WR004638), orders
    in space and time
aquifers : Theis 1935 (10.1029/TR016i002p00519), Hantush 1967 (10.1029/WR003i001p00227), a hillslope
    to a stream (Dupuit and Girinskii)
field : log-normal soil, 16 x 16 x 32 cells
surface : the kinematic plane, Di Giammarco et al. 1996 (10.1016/S0022-1694(96)80014-X)
planes : Maxwell et al. 2014 (10.1002/2013WR013725)
v : the tilted V with soil, Kollet et al. 2017 (10.1002/2016WR019191)
grass : ParFlow-CLM through a year (Kollet & Maxwell 2008, 10.1029/2007WR006004)
water : floods and droughts; a catchment through 720 hours
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hydroda.errors import DataError, DeclarationError
from hydroda.files import replacing
from hydroda.studies.report import Bar, StudyReport, Value, Verdict
from hydroda.studies.verification import (
    aquifers,
    catchment,
    exponential,
    field,
    infiltration,
    land,
    overland,
)
from hydroda.studies.verification.checks import Part, Setting

PARTS: Mapping[str, Callable[[Setting], Part]] = MappingProxyType(
    {
        "infiltration": infiltration.part,
        "exponential": exponential.part,
        "aquifers": aquifers.part,
        "field": field.part,
        "surface": overland.surface,
        "planes": overland.planes,
        "v": overland.v_with_soil,
        "grass": land.part,
        "water": catchment.part,
    }
)
NEED = ("field", "grass")  # without ParFlow's numbers there is nothing to say
FILES = ("celia_vg_60cm.npz", "miller_sand.npz", "heterogeneous_16x16x32.npz", "hydrographs.csv",
         "clm_column_grass.npz", "clm_column_forcing.txt.gz")  # fmt: skip


def run(
    table: str | None = None,
    size: str | None = None,
    seeds: Sequence[int] = (),
    progress: Bar | None = None,
    out: Path | None = None,
    forcing: str | None = None,
    data: str | None = None,
) -> StudyReport:
    """Every number beside what is known of it, and a verdict for each that was asked for.

    table : only this part
    size : "small" takes coarse grids, in a minute
    data : folder of ParFlow's numbers

    Raises
    ------
    DeclarationError
        There is no such part, or a forcing is given.
    DataError
        A file is missing in the folder.
    """
    if forcing is not None:
        raise DeclarationError(
            f"verification has its own rain; got --forcing {forcing}: leave it out"
        )
    if table not in (None, *PARTS):
        raise DeclarationError(f"verification has the tables {', '.join(PARTS)}; got {table!r}")
    if table in NEED and data is None:
        raise DeclarationError(f"{table} is beside numbers of ParFlow: --data FOLDER")
    begin, size = time.monotonic(), size or "paper"
    setting = Setting(size == "small", None if data is None else _folder(data))
    names = [n for n in ([table] if table else PARTS) if data is not None or n not in NEED]
    shown = names if progress is None else progress(names, len(names), "verification")
    parts = [PARTS[name](setting) for name in shown]
    report = _report(parts, size, tuple(seeds), time.monotonic() - begin, data, table)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        with replacing(out / "verification.json") as temporary:
            Path(temporary).write_text(json.dumps(report.as_dict(), indent=1))
    return report


def _folder(data: str) -> Path:
    folder = Path(data)
    missing = [name for name in FILES if not (folder / name).exists()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)} of ParFlow's numbers")
    return folder


def _report(
    parts: Sequence[Part], size: str, seeds: tuple[int, ...], seconds: float, data: str | None,
    table: str | None,
) -> StudyReport:  # fmt: skip
    checks = [check for part in parts for check in part.checks]
    values: list[Value] = [value for check in checks for value in check.values()]
    verdicts = [verdict for check in checks if (verdict := check.verdict()) is not None]
    if data is None and table is None:
        left = f"left out without --data FOLDER: {', '.join(NEED)}, hydrographs and profiles"
        verdicts.append(Verdict("ParFlow's numbers", "stand beside ours", "", left, False))
    figures = {name: draw for part in parts for name, draw in part.figures.items()}
    return StudyReport(
        "verification", size, seeds, seconds, tuple(values), tuple(verdicts), figures
    )
