"""The journal of a run: what each cycle recorded, and the checkpoint it resumes from.

A record is a set of tables ("forecast", "analysis", "observations", …), each a set of arrays
with one row per entry. Complete parts go to numbered files; the checkpoint holds the state of the
run together with the records since the last part, so the two can never disagree.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.files import replacing

Table = dict[str, np.ndarray]
Record = dict[str, Table]

CHECKPOINT = "checkpoint.npz"
PARTS = "parts"
RECORDS_PER_PART = 100
# A checkpoint is written after every cycle while that costs less than this share of the run.
CHECKPOINT_SHARE = 0.05


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on: where it was, its members, and what its filters remember."""

    position: int
    ensemble: xr.Dataset
    memory: Mapping[str, np.ndarray]


@dataclass
class Journal:
    """Collects records; with a `directory`, also on disk.

    `signature` identifies the declaration of the run: a run resumes only under its own.
    """

    directory: Path | None
    signature: str = ""
    _done: list[Record] = field(default_factory=list)
    _pending: list[Record] = field(default_factory=list)
    _parts: int = 0
    _cost: float = 0.0
    _last: float = field(default_factory=time.monotonic)

    def append(self, record: Record) -> None:
        """Take the record of one cycle."""
        self._pending.append(record)

    def due(self) -> bool:
        """Whether a checkpoint is worth its cost now."""
        waited = time.monotonic() - self._last
        return self.directory is not None and waited * CHECKPOINT_SHARE >= self._cost

    def checkpoint(self, state: Checkpoint) -> None:
        """Make everything so far survive the end of this process.

        Raises
        ------
        DataError
            The folder cannot be written to, or the disk is full.
        """
        if self.directory is None:
            return
        begin = time.monotonic()
        if len(self._pending) >= RECORDS_PER_PART:
            part = _joined(self._pending)
            _save(self._part(self._parts), _flat(part), {})
            self._parts += 1
            self._done.append(part)
            self._pending = []
        arrays = _flat(_joined(self._pending))
        arrays |= {f"ensemble/{name}": value.values for name, value in state.ensemble.items()}
        arrays |= {f"coords/{name}": value.values for name, value in state.ensemble.coords.items()}
        arrays |= {f"memory/{name}": value for name, value in state.memory.items()}
        everything = {**state.ensemble.data_vars, **state.ensemble.coords}
        facts = {
            "position": state.position,
            "parts": self._parts,
            "signature": self.signature,
            "dims": {str(name): value.dims for name, value in everything.items()},
            "attrs": {str(name): value.attrs for name, value in everything.items()},
        }
        _save(self.directory / CHECKPOINT, arrays, facts)
        self._last = time.monotonic()
        self._cost = self._last - begin

    def resume(self) -> Checkpoint | None:
        """The last checkpoint, with the records of this journal as they were then, or None.

        Raises
        ------
        DeclarationError
            The checkpoint belongs to another declaration.
        DataError
            A file is damaged.
        """
        if self.directory is None or not (self.directory / CHECKPOINT).exists():
            return None
        arrays, facts = _load(self.directory / CHECKPOINT)
        if facts["signature"] != self.signature:
            raise other_settings(self.directory)
        self._parts = int(facts["parts"])
        self._done = [_tables(_load(self._part(number))[0]) for number in range(self._parts)]
        pending = _tables(arrays, skip=("ensemble", "coords", "memory"))
        self._pending = [pending] if pending else []

        def variables(kind: str) -> dict[str, Any]:
            names = [key.partition("/")[2] for key in arrays if key.startswith(f"{kind}/")]
            return {
                name: (facts["dims"][name], arrays[f"{kind}/{name}"], facts["attrs"][name])
                for name in names
            }

        memory = {
            key.partition("/")[2]: value
            for key, value in arrays.items()
            if key.startswith("memory/")
        }
        ensemble = xr.Dataset(variables("ensemble"), variables("coords"))
        return Checkpoint(int(facts["position"]), ensemble, memory)

    def tables(self) -> Record:
        """All records so far, joined."""
        return _joined([*self._done, *self._pending])

    def clear(self) -> None:
        """Remove the files that a finished run no longer needs."""
        if self.directory is not None:
            (self.directory / CHECKPOINT).unlink(missing_ok=True)
            shutil.rmtree(self.directory / PARTS, ignore_errors=True)

    def _part(self, number: int) -> Path:
        assert self.directory is not None
        return self.directory / PARTS / f"{number:06d}.npz"


def other_settings(folder: Path) -> DeclarationError:
    """The error of resuming a run under another declaration."""
    return DeclarationError(
        f"{folder} holds a run with other settings; resume with the same ones, "
        f"or choose another folder"
    )


def _joined(records: list[Record]) -> Record:
    names = list(dict.fromkeys(name for record in records for name in record))
    return {name: stacked([record[name] for record in records if name in record]) for name in names}


def stacked(tables: Sequence[Table]) -> Table:
    """Tables one under the other; a column that some of them lack is NaN there."""
    columns = dict.fromkeys(name for table in tables for name in table)
    return {
        column: np.concatenate([_column(table, column, tables) for table in tables])
        for column in columns
    }


def _column(table: Table, name: str, tables: Sequence[Table]) -> np.ndarray:
    if name in table:
        return table[name]
    pattern = next(other[name] for other in tables if name in other)
    return np.full((_length(table), *pattern.shape[1:]), np.nan)


def _length(table: Table) -> int:
    return len(next(iter(table.values()), ()))


def _flat(record: Record) -> Table:
    return {
        f"{name}/{column}": values
        for name, table in record.items()
        for column, values in table.items()
    }


def _tables(arrays: Table, skip: tuple[str, ...] = ()) -> Record:
    record: Record = {}
    for key, values in arrays.items():
        name, _, column = key.partition("/")
        if name not in skip:
            record.setdefault(name, {})[column] = values
    return record


def _save(path: Path, arrays: Table, facts: Mapping[str, Any]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{"#facts": np.array(json.dumps(facts)), **arrays})


def _load(path: Path) -> tuple[Table, dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); start the run afresh") from error
    return arrays, json.loads(str(arrays.pop("#facts")))


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write `tree` as one NetCDF file with a group per node, CF-1.11."""
    with replacing(path) as temporary:
        tree.to_netcdf(temporary, engine="netcdf4")
