"""One case of the study: a twin, its schemes in marches, and what was finished before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hydroda.files import replacing
from hydroda.fingerprint import fingerprint
from hydroda.localization import choose_threshold
from hydroda.studies.dan2020.march import March, Run
from hydroda.studies.dan2020.schemes import (
    BA,
    ENKF,
    INF,
    LOC,
    OPEN_LOOP,
    RECOMMENDED,
    THRESHOLDS,
    TOLD,
    WC,
    Scheme,
)
from hydroda.studies.dan2020.twin import Setting, Twin
from hydroda.studies.report import Bar

TOGETHER = 12_000  # columns of members and schemes in one forecast: memory stays below 1 GB


@dataclass(frozen=True, eq=False)
class Case:
    """The schemes of one setting by name, and the threshold layers (column,) chosen and best."""

    twin: Twin
    runs: Mapping[str, Run]
    chosen: NDArray[np.int64]
    best: NDArray[np.int64]

    @property
    def candidates(self) -> list[Run]:
        """The run of each threshold layer."""
        return [self.runs[LOC.candidate(layer).name] for layer in THRESHOLDS]

    @property
    def optimal(self) -> Run:
        """Column by column the best of the threshold layers."""
        return Run.picked(self.candidates, (self.best - THRESHOLDS[0]).tolist())


def carried_out(
    setting: Setting,
    further: Sequence[Scheme] = (),
    progress: Bar | None = None,
    folder: Path | None = None,
) -> Case:
    """The five schemes of the paper with all their threshold layers, ours, then `further` ones."""
    twin = Twin.of(setting)
    blind = [OPEN_LOOP, ENKF, WC, INF, RECOMMENDED, TOLD]
    blind += [LOC.candidate(layer) for layer in THRESHOLDS]
    runs = _marched(twin, blind, None, progress, folder)
    candidates = [runs[LOC.candidate(layer).name] for layer in THRESHOLDS]
    chosen = np.array(chosen_thresholds(candidates))
    errors = np.array([run.error.mean(axis=1) for run in candidates])
    best = THRESHOLDS[0] + errors.argmin(axis=0)
    runs[LOC.name] = Run.picked(candidates, (chosen - THRESHOLDS[0]).tolist())
    runs |= _marched(twin, [BA, *further], chosen.tolist(), progress, folder)
    return Case(twin, runs, chosen, best)


def chosen_thresholds(candidates: Sequence[Run]) -> list[int]:
    """The first local minimum over s of L_s = Σ_t −2 ln L, for each column (Dan, Eq. 14)."""
    total = np.array([run.likelihood.sum(axis=0) for run in candidates])
    return [choose_threshold(column, first=THRESHOLDS[0]) for column in total.T]


def _marched(
    twin: Twin,
    schemes: Sequence[Scheme],
    thresholds: Sequence[int] | None,
    progress: Bar | None,
    folder: Path | None,
) -> dict[str, Run]:
    """The runs of the schemes, those that `folder` has from there."""
    setting = twin.setting
    files = {s.name: _file(folder, setting, s, thresholds) for s in schemes}
    runs = {name: _read(file) for name, file in files.items() if file and file.exists()}
    left = [scheme for scheme in schemes if scheme.name not in runs]
    size = max(1, TOGETHER // (setting.columns * setting.members))
    groups = [left[i : i + size] for i in range(0, len(left), size)]
    for number, group in enumerate(groups, 1):
        march = March(twin, group, thresholds)
        label = f"x{setting.spread:g} seed {setting.seed}, {number}/{len(groups)}"
        days = march.days()
        for _ in days if progress is None else progress(days, setting.days + 1, label):
            pass
        found = march.runs()
        for name, run in found.items():
            if (file := files[name]) is not None:
                _write(run, file)
        runs |= found
    return {scheme.name: runs[scheme.name] for scheme in schemes}


def _file(
    folder: Path | None, setting: Setting, scheme: Scheme, thresholds: Sequence[int] | None
) -> Path | None:
    if folder is None:
        return None
    layers = thresholds if scheme.searches else None
    held = [field.name for field in fields(Run)]
    said = fingerprint(version("hydroda"), setting, scheme, layers, held)
    return folder / f"{said[:16]}.npz"


def _write(run: Run, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **asdict(run))


def _read(file: Path) -> Run:
    with np.load(file) as held:
        values = {name: held[name] for name in held.files}
    return Run(**values | {"failures": int(values["failures"])})
