"""Which files hold observations, and how they are read and written.

A further format is a `Format` (records.py); pass it in `formats`, before the ones that come here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from hydroda.errors import DataError
from hydroda.obs.cfdsg import DiscreteSampling
from hydroda.obs.cosmoseurope import CosmosEurope
from hydroda.obs.cosmoslevels import CosmosLevels
from hydroda.obs.dinoloket import DinoLoket
from hydroda.obs.ismn import Ismn
from hydroda.obs.mappedcsv import PlainCsv
from hydroda.obs.records import Format, Records
from hydroda.obs.textfiles import refuse_no_text
from hydroda.obs.tidycsv import TidyCsv

# The tidy table comes last: it takes every other .csv for its own.
FORMATS: tuple[Format, ...] = (
    DiscreteSampling(),
    DinoLoket(),
    Ismn(),
    CosmosEurope(),
    CosmosLevels(),
    PlainCsv(),
    TidyCsv(),
)
# What a file can be written as, whatever its name.
WRITTEN: Mapping[str, Format] = {
    "cf": DiscreteSampling(),
    "tidy": TidyCsv(),
    "cosmos-europe": CosmosEurope(),
    "cosmos-level-2": CosmosLevels(),
    "dinoloket": DinoLoket(),
    "ismn": Ismn(),
    "plain": PlainCsv(),
}


def read(path: str | Path, zone: str | None = None, formats: Sequence[Format] = FORMATS) -> Records:
    """The records of a file of any known format.

    Raises
    ------
    DataError
        The file is missing, of no known format, or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file {path}")
    return _format(path, formats).read(path, zone)


def oddities(path: str | Path, formats: Sequence[Format] = FORMATS) -> tuple[str, ...]:
    """What is odd about a file, though it can be read, that its records no longer show."""
    return _format(Path(path), formats).oddities(Path(path))


def unread(path: str | Path, formats: Sequence[Format] = FORMATS) -> Mapping[str, tuple[str, ...]]:
    """Names, by kind, of what a file has and its records have not."""
    return _format(Path(path), formats).unread(Path(path))


def left_out(records: Records, path: str | Path, form: Format) -> tuple[str, ...]:
    """A line per kind of what a file of `records` does not hold, with what would keep it."""
    path = Path(path)
    able = {key: WRITTEN[key].left_out(records, path) for key in ("cf", "tidy")}
    lines = []
    for kind, names in form.left_out(records, path).items():
        keeping = [key for key, left in able.items() if not set(names) & set(left.get(kind, ()))]
        cure = f"--as {' or --as '.join(keeping)} keeps them" if keeping else "none keeps them all"
        lines.append(f"{path.name} leaves out {kind}: {', '.join(names)}; {cure}")
    return tuple(lines)


def write(records: Records, path: str | Path, formats: Sequence[Format] = FORMATS) -> None:
    """Writes `records` to a file; its name says the format."""
    written_as(path, formats).write(records, Path(path))


def written_as(path: str | Path, formats: Sequence[Format] = FORMATS) -> Format:
    """The format that the name of a file to write says."""
    path = Path(path)
    chosen = [known for known in formats if path.name.lower().endswith(known.suffixes)]
    if not chosen:
        written = [known for known in formats if type(known).write is not Format.write]
        raise DataError(f"{path.name} must end in {_endings(written)}")
    return chosen[0]


def read_all(source: Any, zone: str | None = None) -> Records:
    """Records from records, a dataset, a file, or several of them."""
    if isinstance(source, Records):
        return source
    if isinstance(source, xr.Dataset):
        return DiscreteSampling().decode(source, "the dataset")
    if isinstance(source, str | Path):
        return read(source, zone)
    if not isinstance(source, Sequence) or not source:
        raise DataError(f"data must be Records, a Dataset, or paths; got {type(source).__name__}")
    first, *others = (read_all(part, zone) for part in source)
    return first.joined(others)


def _format(path: Path, formats: Sequence[Format]) -> Format:
    for known in formats:
        if known.recognises(path):
            return known
    refuse_no_text(_raw(path), path.name)
    raise DataError(
        f"{path} is of no known format; known are {_endings(formats)}, and text of COSMOS (.txt, "
        ".dat) and DINOloket; any other table needs a ColumnMap (on the command line --map)"
    )


def _raw(path: Path) -> bytes:
    """The first bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


def _endings(formats: Sequence[Format]) -> str:
    return ", ".join(ending for known in formats for ending in known.suffixes)
