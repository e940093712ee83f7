"""What the readers of text files share: whole files or none, and errors that name the line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydroda.errors import DataError
from hydroda.units import ureg

# Numbers that loggers and archives write where they have none.
_WRITTEN = (
    *(-9999.0, 9999.0, -99999.0, 99999.0, -999.0, -999.9, -999.99, -9999.9, 9999.9),
    *(-6999.0, -7999.0, 1e20, -1e20, 1e30, -1e30, 1e34, -1e34),
    *(-32768.0, -32767.0, -2147483648.0, -2147483647.0, 9.969209968386869e36, 9.96921e36),
)
# Also as they come out of single precision.
SENTINELS = tuple(dict.fromkeys([*_WRITTEN, *(float(np.float32(value)) for value in _WRITTEN)]))
# How files begin that are no text in UTF-8, whatever their names say.
OTHERS = {
    b"PK\x03\x04": "a spreadsheet or an archive; save its table as CSV in UTF-8",
    b"\x1f\x8b": "gzipped; end its name in .gz",
    b"\x89HDF": "NetCDF; end its name in .nc",
    b"CDF": "NetCDF; end its name in .nc",
    b"<": "a page of the web; was its download refused?",
    b"\xff\xfe": "text in UTF-16; save it in UTF-8",
    b"\xfe\xff": "text in UTF-16; save it in UTF-8",
}
BLANKS = " \t\x0b\x0c\x1c\x1d\x1e\x1f"  # what str.strip takes off a cell, of ASCII within lines
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def text_of(path: Path, encodings: Sequence[str] = ("utf-8-sig",)) -> str:
    """The text of a file, plain or gzipped, with or without a byte-order mark.

    Raises
    ------
    DataError
        The file is empty, cut, or in none of the `encodings`.
    """
    # A number that is cut is often another number: only the end of the line tells.
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} is damaged: {error}") from None
    refuse_no_text(raw, path.name)
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.lstrip("\ufeff")  # programs put a second mark before the first
        if not text.strip():
            raise DataError(f"{path.name} is empty")
        if not text.endswith(("\n", "\r")):
            lines = text.splitlines()
            raise DataError(
                f"{path.name} ends within line {len(lines)}; is the file cut? End that line if it "
                f"is whole: {lines[-1][:80]!r}"
            )
        return text
    raise DataError(f"{path.name} is no text in UTF-8; save it so, or is it damaged?")


def refuse_no_text(raw: bytes, source: str) -> None:
    """Nothing, unless a file that begins so cannot be read as text.

    Raises
    ------
    DataError
        Says what it seems to be, and what to do.
    """
    for sign, what in OTHERS.items():
        if raw.startswith(sign):
            raise DataError(f"{source} is {what}")
    if raw[:200].count(b"\0") > max(8, len(raw[:200]) // 4):
        raise DataError(f"{source} holds zero bytes; is it text in UTF-16? Save it in UTF-8")
    if not raw.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{source} is empty")


def is_unit(unit: str) -> bool:
    """Whether a text is a unit."""
    try:
        ureg.Unit(unit)
    except Exception:  # pint raises a dozen unrelated types on text it cannot read
        return False
    return True


def beginning(path: Path, size: int = 4096) -> str:
    """The first characters of a file, plain or gzipped, for guesses about its format."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return file.read(size).decode("utf-8-sig", errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""  # reading it will say what is wrong


def cells_of(
    rows: Sequence[str], separator: str, chosen: Callable[[list[str]], Sequence[str]], source: str
) -> tuple[dict[str, list[str]], Sequence[int]]:
    """Cells by column, and the line of every row, of the columns `chosen` from their names.

    `rows` are the lines of the file, those that do not count empty.

    Raises
    ------
    DataError
        A line is damaged or has another number of cells than there are names; there is no row.
    """
    try:
        names = [name.strip() for name in next(row for row in _csv(rows, separator) if row)]
    except csv.Error as error:
        raise DataError(f"{source} is damaged in its names of columns: {error}") from None
    if len(set(names)) < len(names):
        raise DataError(f"{source} names a column twice: {', '.join(names)}")
    wanted = chosen(names)
    flat, lines = _regular_cells(rows, separator, len(names)) or _any_cells(
        rows, separator, len(names), source
    )
    if not lines:
        raise DataError(f"{source} has names of columns and no values")
    columns = {name: flat[names.index(name) :: len(names)] for name in wanted}
    body = "".join(rows)
    if not body.isascii() or any(blank in body for blank in BLANKS):
        columns = {name: [cell.strip() for cell in cells] for name, cells in columns.items()}
    return columns, lines


def _csv(rows: Sequence[str], separator: str) -> Any:
    return csv.reader(rows, delimiter=separator, strict=True)


def _regular_cells(
    rows: Sequence[str], separator: str, width: int
) -> tuple[list[str], Sequence[int]] | None:
    """Cells row by row and their lines; None unless every row has `width` of them, none quoted.

    Several times as fast as to look at each row.
    """
    head = next(number for number, row in enumerate(rows) if row)
    first = next((number for number in range(head + 1, len(rows)) if rows[number]), len(rows))
    body = rows[first:]
    text = "\n".join(body)
    if "" in body or any(sign in text or sign in rows[head] for sign in '"\r\0'):
        return None
    signs = np.frombuffer(text.encode(), np.uint8)
    signs = np.append(signs[(signs == ord(separator)) | (signs == ord("\n"))], ord("\n"))
    pattern = np.full(width, ord(separator), np.uint8)
    pattern[-1] = ord("\n")
    if signs.size != len(body) * width or (signs.reshape(-1, width) != pattern).any():
        return None
    return text.replace("\n", separator).split(separator), range(first + 1, len(rows) + 1)


def _any_cells(
    rows: Sequence[str], separator: str, width: int, source: str
) -> tuple[list[str], list[int]]:
    """The same of any table.

    Raises
    ------
    DataError
        A line is damaged or has another number of cells.
    """
    reader = _csv(rows, separator)
    lines: list[int] = []
    flat: list[str] = []  # the cells row by row: a million lists would take seconds
    try:
        next(row for row in reader if row)
        for row in reader:
            if len(row) != width:
                if not row:
                    continue
                raise DataError(
                    f"{source} line {reader.line_num} has {len(row)} cells in place of "
                    f"{width}: {separator.join(row)[:80]!r}; is the file cut, or its "
                    "decimal sign the separator?"
                )
            flat.extend(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{source} line {reader.line_num} is damaged: {error}") from None
    return flat, lines


def words_of(rows: Sequence[str]) -> list[list[str]] | None:
    """Words by column of rows with blanks between them; None unless all have as many.

    Several times as fast as to look at each row.
    """
    text = "\n".join(rows)
    if not text.isascii() or not rows:
        return None
    blank = np.frombuffer(f"\n{text}\n".encode(), np.uint8) <= ord(" ")
    begun = np.cumsum(blank[:-1] & ~blank[1:])
    ends = np.flatnonzero(np.frombuffer(f"{text}\n".encode(), np.uint8) == ord("\n"))
    words = np.diff(begun[ends], prepend=0)
    width = int(words[0])
    if not width or (words != width).any():
        return None
    flat = text.split()
    return [flat[place::width] for place in range(width)]


def separator_hint(names: Sequence[str], own: str) -> str:
    """Which other sign seems to separate the columns, where there is only one name; else ""."""
    known = SEPARATORS | {" ": "blanks"}
    other = [sign for sign in known if sign != own and sign in names[0]]
    return known[other[0]] if len(names) == 1 and other else ""


def without(cells: Mapping[str, Sequence[str]], absent: set[str]) -> dict[str, list[str]]:
    """The cells with those among `absent` empty."""
    return {
        name: ["" if cell in absent else cell for cell in column] for name, column in cells.items()
    }


def refuse_misplaced(lat: float, lon: float, source: str) -> None:
    """Nothing, unless latitude or longitude [degree] is impossible.

    Raises
    ------
    DataError
        Names which.
    """
    for name, value, bound in (("lat", lat, 90.0), ("lon", lon, 360.0)):
        if abs(value) > bound:
            raise DataError(
                f"{source}: {name} must lie within {bound:g} degrees, got {value:g}; "
                "are latitude and longitude swapped?"
            )


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
