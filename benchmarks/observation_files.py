"""How long a million values take to be read and written, format by format.

python benchmarks/observation_files.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hydroda.obs import Column, ColumnMap, MappedCsv, Records, read, write
from hydroda.obs.cosmoseurope import COUNTS, MOISTURE

STATIONS = 10


def measured(rows: int) -> Records:
    """Hourly soil moisture of ten stations."""
    times = pd.date_range("1990-01-01", periods=rows // STATIONS, freq="h", tz="UTC")
    value = np.random.default_rng(0).uniform(0.1, 0.4, rows).round(4)
    frame = pd.DataFrame(
        {
            "time": np.tile(times, STATIONS),
            "station": np.repeat([f"s{n}" for n in range(STATIONS)], len(times)),
            "quantity": "soil_moisture",
            "value": value[: STATIONS * len(times)],
        }
    )
    return Records.of(frame, {"soil_moisture": "m3 m-3"})


def plain(path: Path, rows: int) -> MappedCsv:
    """A logger's table of one column, and its map."""
    times = pd.date_range("1980-01-01", periods=rows, freq="10min").strftime("%Y-%m-%d %H:%M")
    value = np.random.default_rng(0).uniform(0.1, 0.4, rows).round(4)
    lines = (f"{a},{b}\n" for a, b in zip(times, value, strict=True))
    path.write_text("when,theta\n" + "".join(lines))
    column = Column(station="a", quantity="soil_moisture", unit="m3 m-3")
    return MappedCsv(ColumnMap(time="when", zone="UTC", columns={"theta": column}))


def stm(path: Path, rows: int) -> None:
    times = pd.date_range("1980-01-01", periods=rows, freq="10min").strftime("%Y/%m/%d %H:%M")
    value = np.random.default_rng(0).uniform(0.1, 0.4, rows).round(4)
    lines = (f"{a} {b:.4f} G M\n" for a, b in zip(times, value, strict=True))
    path.write_text("NET NET Hill 50.5 6.4 520.0 0.05 0.05 Probe\n" + "".join(lines))


def europe(path: Path, rows: int) -> None:
    """Half a million hours of two columns, which make a million values."""
    times = pd.date_range("1970-01-01", periods=rows // 2, freq="h").strftime("%Y-%m-%d %H:%M:%S")
    value = np.random.default_rng(0).uniform(0.1, 0.4, rows // 2).round(4)
    lines = (f"{a}+00:00,{1500 * b:.1f},{b}\n" for a, b in zip(times, value, strict=True))
    path.write_text(f"DateTime_utc,{COUNTS}_Cum1h_corrected,{MOISTURE}\n" + "".join(lines))


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds, each the least of three."""
    spent = []
    for _ in range(3):
        wall, processor = time.perf_counter(), time.process_time()
        what()
        spent.append((time.process_time() - processor, time.perf_counter() - wall))
    return min(p for p, _ in spent), min(w for _, w in spent)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    given, _ = parser.parse_known_args()
    rows = given.rows // 10 if given.quick else given.rows
    records = measured(rows)
    print(f"{len(records)} values           processor [s]   wall [s]")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for ending in (".nc", ".csv", ".csv.gz"):
            path = folder / f"x{ending}"
            show(f"write {ending}", timed(lambda path=path: write(records, path)))  # type: ignore[misc]
            show(f"read {ending}", timed(lambda path=path: read(path)))  # type: ignore[misc]
        table = plain(folder / "logger.csv", rows)
        show("read column map", timed(lambda: table.read(folder / "logger.csv")))
        path = folder / "NET_NET_Hill_sm_0.050000_0.050000_Probe_19800101_19990101.stm"
        stm(path, rows)
        show("read ISMN .stm", timed(lambda: read(path)))
        europe(folder / "SEC001.csv", rows)
        show("read COSMOS-Europe", timed(lambda: read(folder / "SEC001.csv")))


def show(what: str, spent: tuple[float, float]) -> None:
    print(f"{what:24s} {spent[0]:12.2f} {spent[1]:12.2f}", flush=True)


if __name__ == "__main__":
    main()
