"""What a text format can hold of records: whole or not at all, and what it leaves out is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.files import replacing
from hydroda.obs.records import KEY, Records
from hydroda.obs.textfiles import SENTINELS

ALL = "CF NetCDF (.nc) and a tidy table (.csv) hold them"


def refuse_quantities(records: Records, known: Iterable[str], form: str) -> None:
    """Nothing, unless a quantity is not among those `known`.

    Raises
    ------
    DataError
        Names it, and those that the format holds.
    """
    able = list(dict.fromkeys(known))
    for quantity in records.units:
        if quantity not in able:
            raise DataError(
                f"{form} cannot hold {quantity}, only {', '.join(able)}; leave it out, or take "
                "another format: CF NetCDF (.nc) and a tidy table (.csv) hold any quantity"
            )


def only_station(records: Records, form: str) -> str:
    """The one station; DataError with several or none, or where its name has blanks."""
    stations = pd.unique(records.values["station"])
    if len(stations) != 1:
        raise DataError(
            f"a file of {form} is of one station, got {len(stations)}; write a file for each"
        )
    if " " in stations[0]:
        raise DataError(f"{form} cannot hold a station with blanks in its name: {stations[0]!r}")
    return str(stations[0])


def refuse_side(
    records: Records,
    form: str,
    errors: Iterable[str] = (),
    flags: Callable[[str], bool] = lambda flag: not flag,
    genuine: bool = False,
) -> None:
    """Nothing, unless values have an error, a flag or a count that would be lost.

    `errors` are the quantities whose errors the format holds; `flags` says which flags it does.
    Numbers that reading takes for a missing value are refused unless it can say they are `genuine`.

    Raises
    ------
    DataError
        Names the first.
    """
    values = records.values
    lost = values["error"].notna() & ~values["quantity"].isin(list(errors))
    if lost.any():
        raise DataError(f"{form} cannot hold errors of {values['quantity'][lost].iloc[0]}; {ALL}")
    for flag in pd.unique(values["flag"]):
        if not flags(flag):
            raise DataError(f"{form} cannot hold a flag {flag!r}; {ALL}")
    absent = values["value"][values["value"].isin(SENTINELS)]
    if not genuine and not absent.empty:
        raise DataError(
            f"{form} cannot hold {absent.iloc[0]:g}, which stands for a missing value there; {ALL}"
        )
    if (values["count"] != 1).any():
        raise DataError(f"{form} cannot hold how many readings are behind a value; {ALL}")


def refuse_repeated(records: Records, form: str) -> None:
    """Nothing, unless a series has a time twice."""
    twice = records.values.duplicated([*KEY, "time"])
    if twice.any():
        row = records.values[twice].iloc[0]
        raise DataError(
            f"{form} cannot hold {row.quantity} of {row.station!r} twice at {row.time}; keep one"
        )


def refuse_depths(records: Records, form: str) -> None:
    """Nothing, unless a value has a depth."""
    if records.values["depth"].notna().any():
        raise DataError(f"{form} cannot hold depths; {ALL}")


def minutes(times: pd.Series, form: str) -> pd.Series:
    """The times; DataError unless they are whole minutes."""
    odd = times[times != times.dt.floor("min")]
    if odd.size:
        raise DataError(f"{form} has times in whole minutes; got {odd.iloc[0]}")
    return times


def exact(values: Iterable[float], missing: str) -> list[str]:
    """Numbers in the digits that give them back exactly."""
    return [missing if np.isnan(value) else repr(float(value)) for value in values]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Nothing; the file at `path` has these lines."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
