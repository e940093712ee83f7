"""What the readers of text files share: whole files or none, and errors that name the line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydroda.errors import DataError

# Numbers that loggers and archives write where they have none.
SENTINELS = (-9999.0, 9999.0, -99999.0, 99999.0, -999.0, -999.99, -7999.0)
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def text_of(path: Path, encodings: Sequence[str] = ("utf-8-sig",)) -> str:
    """The text of a file, plain or gzipped, with or without a byte-order mark.

    Raises
    ------
    DataError
        The file is empty, cut, or in none of the `encodings`.
    """
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} is damaged: {error}") from None
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise DataError(f"{path.name} is empty")
        return text
    raise DataError(f"{path.name} is no text in {' or '.join(encodings)}; is it damaged?")


def beginning(path: Path, size: int = 4096) -> str:
    """The first characters of a file, for guesses about its format."""
    with path.open("rb") as file:
        return file.read(size).decode("utf-8-sig", errors="replace")


def numbers(
    cells: Sequence[str], lines: Sequence[int], source: str, name: str, cure: str = ""
) -> NDArray[np.float64]:
    """Numbers in `cells`, NaN where one is empty; `lines` are their lines in the file.

    Raises
    ------
    DataError
        Names the first line with something else, and the `cure`.
    """
    texts = [cell or "nan" for cell in cells]
    try:
        values = np.array(texts, dtype=np.float64)
    except ValueError:
        line, cell = next(
            (line, cell) for line, cell in zip(lines, texts, strict=True) if not _is_number(cell)
        )
        raise DataError(
            f"{source} line {line}: {name} must be a number, got {cell!r}{cure}"
        ) from None
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(f"{source} line {lines[row]}: {name} must be finite, got {cells[row]!r}")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def refuse_sentinels(
    values: NDArray[np.float64], lines: Sequence[int], source: str, name: str, cure: str
) -> None:
    """Nothing, unless a value is one of `SENTINELS`.

    Raises
    ------
    DataError
        Names the first line with one, how many there are, and the `cure`.
    """
    found = np.isin(values, SENTINELS)
    if found.any():
        row = int(np.argmax(found))
        raise DataError(
            f"{source} line {lines[row]}: {name} is {values[row]:g}, which often stands for a "
            f"missing value (and {found.sum() - 1} more); {cure}"
        )


def refuse_disorder(times: pd.Series, lines: Sequence[int], source: str) -> None:
    """Nothing, if each of the `times` of one series is later than the one before.

    Raises
    ------
    DataError
        Names the first line with a time that was there before, or that goes back.
    """
    stamps = times.to_numpy("datetime64[ns]")
    back = np.flatnonzero(np.diff(stamps) <= np.timedelta64(0, "ns"))
    if back.size:
        row = int(back[0]) + 1
        what = "comes twice" if stamps[row] == stamps[row - 1] else "is out of order, after"
        before = "" if stamps[row] == stamps[row - 1] else f" {times.iloc[row - 1]}"
        raise DataError(
            f"{source} line {lines[row]}: the time {times.iloc[row]} UTC {what}{before}; "
            "put each time once and in order"
        )
