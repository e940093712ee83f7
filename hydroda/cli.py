"""The command line: run, reproduce, score, plot, info, convert, calibrate."""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from hydroda.catchments import CATCHMENTS
from hydroda.errors import DeclarationError, HydrodaError
from hydroda.experiment import Experiment, How
from hydroda.figures import draw, draw_declared, draw_records
from hydroda.files import replacing
from hydroda.obs.calibration import n0_by_name, n0_spread, read_calibrations
from hydroda.obs.dinoloket import Datum, DinoLoket
from hydroda.obs.formats import (
    FORMATS,
    WRITTEN,
    left_out,
    oddities,
    read,
    unread,
    written_as,
)
from hydroda.obs.mappedcsv import ColumnMap, MappedCsv
from hydroda.obs.neutrons import Curve, Desilets, TransportSolution
from hydroda.obs.records import Format
from hydroda.obs.survey import described
from hydroda.parallel import LAST_WORDS, communicator
from hydroda.progress import bar
from hydroda.result import Result
from hydroda.studies import STUDIES
from hydroda.verification import SCORES, records

USER_ERROR = 2
ROOTS_TURN = 2 * LAST_WORDS  # [s]
WIDE = 160  # columns of text where there is no terminal to fit
MAP_HELP = "A TOML file that says what the columns of a plain table are."
DATUMS = [datum.name.lower() for datum in Datum]
DATUM_HELP = "What levels in a DINOloket file shall be in relation to."
CURVES: dict[str, Curve] = {"desilets": Desilets(), "uts": TransportSolution()}
FORM_HELP = "What OUT shall be; without it its name says."
CURVE_HELP = "Curve of counts against moisture: that of N0, or the universal transport solution."
ZONE_HELP = "Zone of times that name none, such as UTC or Europe/Berlin."
ABOUT = ("title", "source", "members", "seed", "start", "end", "assimilate_until")


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; a user's mistake is one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    try:
        code = hydroda([a for a in arguments if a != "--debug"], standalone_mode=False) or 0
    except click.exceptions.Abort:
        code = 130
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except (click.ClickException, HydrodaError) as error:
        if debug:
            traceback.print_exc()
        # The root most often meets the same mistake, and then speaks for all.
        time.sleep(ROOTS_TURN * communicator().rank)
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        print(f"hydroda: {' '.join(said.split())}", file=sys.stderr, flush=True)
        code = USER_ERROR
    if code and communicator().size > 1:
        communicator().abort(code)  # the other ranks would wait for this one
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hydroda")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def hydroda(debug: bool) -> None:
    """Data assimilation for hydrology: declare, run, resume, score and plot an experiment."""


def _on_root(show: Callable[..., None]) -> Callable[..., None]:
    """`show` on one rank only."""

    @functools.wraps(show)
    def shown(*args: Any, **kwargs: Any) -> None:
        if communicator().root:
            show(*args, **kwargs)

    return shown


# --- run ----------------------------------------------------------------------------------------


@hydroda.command()
@click.argument("target", metavar="FILE_OR_CATCHMENT")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting.")
@click.option("--data", metavar="DIR", help="Where the catchment's data are: --set data=DIR.")
@click.option("--members", type=int, help="Ensemble size: --set members=N.")
@click.option("--seed", type=int, help="Seed of all random streams: --set seed=N.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the result.")
@click.option("--resume", is_flag=True, help="Go on with the run that is in the folder.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in the folder.")
@click.option("--twin", is_flag=True, help="Draw the observations from a truth of the model.")
@click.option(
    "--start", "before", metavar="RUN", type=click.Path(path_type=Path),
    help="Begin with the members, and parameters, at the end of another run.",
)  # fmt: skip
@click.option("--no-open-loop", is_flag=True, help="Assimilate only, nothing to compare with.")
@click.option("--no-figures", is_flag=True, help="Write no figures.")
def run(
    target: str,
    settings: tuple[str, ...],
    data: str | None,
    members: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    twin: bool,
    before: Path | None,
    no_open_loop: bool,
    no_figures: bool,
) -> None:
    """Run an experiment: a catchment that comes with hydroda, or a file that declares one.

    A file with several experiments is called FILE:CLASS. The open loop is run beside the
    assimilation, so that the scores show what was gained.
    """
    named = {"data": data, "members": members, "seed": seed}
    experiment = _changed(
        _experiment(target),
        [*settings, *(f"{name}={value!r}" for name, value in named.items() if value is not None)],
    )
    folder = out or Path("runs") / Path(target.partition(":")[0]).stem
    carry_out = experiment.twin if twin else experiment.run if no_open_loop else experiment.compare
    how: How = {"resume": resume, "overwrite": overwrite, "progress": bar}
    if before is not None:
        how["start"] = Result.open(before).ensemble()
    result = carry_out(folder, **how)
    _say(result.summary())
    _say_tables(_numbers(result))
    if not no_figures and communicator().root:
        draw(result, folder)
    _say(f"\nwritten to {folder}")


def _experiment(target: str) -> Experiment:
    """The experiment called `target`: a catchment, FILE or FILE:CLASS."""
    if target in CATCHMENTS:
        return _made(CATCHMENTS[target], target)
    file, _, name = target.partition(":")
    if not Path(file).is_file():
        raise DeclarationError(
            f"there is no file and no catchment {target!r}; catchments are {', '.join(CATCHMENTS)}"
        )
    module = _module(Path(file))
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Experiment)
        and value.__module__ == module.__name__
        and not getattr(value, "__abstractmethods__", None)
    }
    if name and name not in found:
        raise DeclarationError(f"{file} declares no experiment {name!r}; it has {', '.join(found)}")
    if not name and len(found) != 1:
        cure = "choose " + " or ".join(f"{file}:{key}" for key in found) if found else "write one"
        raise DeclarationError(f"{file} declares {len(found)} experiments; {cure}")
    declared = found[name or next(iter(found))]
    return _made(declared, f"{file}:{declared.__name__}")


def _made(declared: type[Experiment], name: str) -> Experiment:
    defaults: dict[str, Any] = {}  # class attributes, which no type checker sees as defaults
    try:
        return declared(**defaults)
    except TypeError as error:  # a setting without a value
        raise DeclarationError(f"{name} is not complete: {error}") from error


def _module(path: Path) -> ModuleType:
    name = f"experiment_{path.stem}"  # never the name of another module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DeclarationError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))  # as `python FILE` has it
    try:
        spec.loader.exec_module(module)
    except HydrodaError:
        raise
    except Exception as error:  # whatever the user's file does wrong
        raise DeclarationError(
            f"{path} cannot be run: {type(error).__name__}{_at_line(error, path)}: {error}"
        ) from error
    return module


def _at_line(error: Exception, path: Path) -> str:
    """The line of the file at `path` that an error comes from, as far as it is known."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    return f" at line {lines[-1]}" if lines else ""


def _changed(experiment: Experiment, settings: list[str]) -> Experiment:
    """`experiment` with each NAME=VALUE applied; a dotted name goes into a part."""
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise DeclarationError(f"--set needs NAME=VALUE; got {setting!r}")
        experiment = _with(experiment, name.strip().split("."), _value(text), name)
    return experiment


def _with(part: Any, path: list[str], value: Any, name: str) -> Any:
    known = [f.name for f in fields(part)] if is_dataclass(part) else []
    if path[0] not in known:
        raise DeclarationError(
            f"--set: {type(part).__name__} has no setting {path[0]!r} (in {name!r}); "
            f"it has {', '.join(known) or 'none'}"
        )
    if path[1:]:
        value = _with(getattr(part, path[0]), path[1:], value, name)
    return replace(part, **{path[0]: value})


def _value(text: str) -> Any:
    """A Python literal where it is one, else the text."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text.strip()


# --- the other commands -------------------------------------------------------------------------


@hydroda.command()
@click.argument("study")
@click.option("--table", type=str, help="Only this table of the study.")
@click.option(
    "--size", type=click.Choice(["small", "medium", "paper"]), default=None, help="How much to run."
)
@click.option("--seed", "seeds", type=int, multiple=True, help="Seeds to run (repeatable).")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write every number here.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for figures and numbers.")
@click.option("--forcing", metavar="FILE", help="CF NetCDF weather in place of what is made.")
@click.option("--data", metavar="DIR", help="Where the measurements of the study are.")
def reproduce(
    study: str,
    table: str | None,
    size: str | None,
    seeds: tuple[int, ...],
    file: Path | None,
    out: Path | None,
    forcing: str | None,
    data: str | None,
) -> None:
    """Rerun a published study and set its numbers beside ours."""
    if study not in STUDIES:
        raise DeclarationError(f"there is no study {study!r}; there are {', '.join(STUDIES)}")
    report = STUDIES[study].run(
        table=table, size=size, seeds=seeds, progress=bar, out=out, forcing=forcing, data=data
    )
    for shown in report.tables(_width() or Console().width):
        _say(shown)
    if file is not None:
        _write_json(report.as_dict(), file)
    if out is not None:
        report.write(out)
        _say(f"written to {out}")


@hydroda.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write every number here.")
def score(folder: Path, file: Path | None) -> None:
    """Show the scores of a run, open loop beside assimilation."""
    result = Result.open(folder)
    table = _numbers(result)
    if file is not None:
        about = {name: result.attrs[name] for name in ABOUT}
        _write_json({"experiment": about, "values": records(table)}, file)
    _say(result.summary())
    _say_tables(table)


@hydroda.command()
@click.argument("target", metavar="RUN|FILE|CATCHMENT")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting.")
@click.option("--data", metavar="DIR", help="Where the catchment's data are: --set data=DIR.")
@click.option("--map", "columns", type=click.Path(path_type=Path), help=MAP_HELP)
@click.option("--zone", help=ZONE_HELP)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the figures.")
def plot(
    target: str,
    settings: tuple[str, ...],
    data: str | None,
    columns: Path | None,
    zone: str | None,
    out: Path | None,
) -> None:
    """Draw the figures of a run, of a file of observations, or of what an experiment measures.

    An experiment is a catchment that comes with hydroda or a Python file that declares one; of it
    are drawn, before any run, its stations, when there are values, and how they were made; tables
    tell which stations were left out and why.
    """
    path = Path(target)
    if path.is_dir():
        drawn = draw(Result.open(path), out or path)
    elif target not in CATCHMENTS and path.is_file() and path.suffix != ".py":
        drawn = draw_records(read(path, zone, _formats(columns)), out or Path("figures"))
    else:
        given = [] if data is None else [f"data={data!r}"]
        experiment = _changed(_experiment(target), [*settings, *given])
        for title, table in experiment.tables().items():
            _say(plain_view(table, title))
        drawn = draw_declared(experiment, out or Path("figures"))
    for file in drawn:
        _say(str(file))


@hydroda.command()
@click.argument("path", metavar="RUN_OR_FILE", type=click.Path(path_type=Path))
@click.option(
    "--explain", metavar="OBSERVATION", help="What was done with one observation, and why."
)
@click.option("--map", "columns", type=click.Path(path_type=Path), help=MAP_HELP)
@click.option("--datum", type=click.Choice(DATUMS), help=DATUM_HELP)
@click.option("--zone", help=ZONE_HELP)
def info(
    path: Path, explain: str | None, columns: Path | None, datum: str | None, zone: str | None
) -> None:
    """Say what a run or a file of observations holds, with its gaps and oddities."""
    if path.is_dir():
        result = Result.open(path)
        if explain:
            _say(str(result.explain(explain)))
        else:
            _say(result.summary())
            _say_tables(result.account())
    else:
        formats = _formats(columns, datum)
        _say(described(read(path, zone, formats)))
        for oddity in oddities(path, formats):
            _say(f"  odd: {oddity}")
        for kind, names in unread(path, formats).items():
            _say(f"  {kind} not read: {', '.join(names)}")


@hydroda.command()
@click.argument(
    "sources", metavar="IN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--map", "columns", type=click.Path(path_type=Path), help=MAP_HELP)
@click.option("--datum", type=click.Choice(DATUMS), help=DATUM_HELP)
@click.option("--zone", help=ZONE_HELP)
@click.option("--as", "form", type=click.Choice(list(WRITTEN)), help=FORM_HELP)
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
def convert(
    sources: tuple[Path, ...],
    target: Path,
    columns: Path | None,
    datum: str | None,
    zone: str | None,
    form: str | None,
    overwrite: bool,
) -> None:
    """Turn files of observations into one of any format that can hold them.

    The name of OUT says which: .nc is CF NetCDF, .csv a tidy table, .stm ISMN. With --as it is what
    you say. A format that cannot hold a value, its error or its flag says so, and writes nothing;
    names of what describes the values and is left out come on standard error.
    """
    if target.exists() and not overwrite:
        raise DeclarationError(f"{target} is there already; --overwrite replaces it")
    formats = _formats(columns, datum)
    first, *others = (read(source, zone, formats) for source in sources)
    records = first.joined(others) if others else first
    written = written_as(target) if form is None else WRITTEN[form]
    if communicator().root:
        written.write(records, target)
    _say(f"{len(records)} values written to {target}")
    for source in sources:
        for kind, names in unread(source, formats).items():
            _warn(f"{source.name} has {kind} that are not read: {', '.join(names)}")
    for name in first.differing(others):
        _warn(f"the files differ in attribute {name}; that of {sources[0].name} is kept")
    for line in left_out(records, target, written):
        _warn(line)


def _formats(columns: Path | None, datum: str | None = None) -> Sequence[Format]:
    """The formats to try: all known ones, or a table with a map of its columns."""
    if columns is not None:
        return (MappedCsv(ColumnMap.of(columns)),)
    return FORMATS if datum is None else (DinoLoket(Datum[datum.upper()]), *FORMATS)


@hydroda.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--curve", type=click.Choice(list(CURVES)), default="desilets", help=CURVE_HELP)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write every number here.")
def calibrate(path: Path, curve: str, file: Path | None) -> None:
    """Show N0 of every calibration of cosmic-ray neutron sensors in a file.

    With the mean and scatter over the rows marked for the general N0, and the stations of Li et
    al. by name. The columns of the file are those of COSMOS-Europe, parted by semicolons.
    """
    table = read_calibrations(path, CURVES[curve])
    marked = n0_spread(table[table["general"]])
    named = n0_by_name(table)
    table["time"] = table["time"].dt.strftime("%Y-%m-%d %H:%M")
    if file is not None:
        general = pd.DataFrame([marked])
        _write_json(
            {"calibrations": _rows(table), "general": _rows(general)[0], "named": _rows(named)},
            file,
        )
    _say(plain_view(table, "calibrations [h-1, kg m-3, m3 m-3]"))
    if not named.empty:
        _say(plain_view(named, "N0 of stations of Li et al. [h-1]"))
    if not marked.values:
        _say("no calibration is marked for the general N0")
        return
    _say(
        f"N0 = {_shown(marked.mean)} ± {_shown(marked.sd)} counts per hour "
        f"over {marked.values} marked of {len(table)} calibrations"
    )


# --- showing ------------------------------------------------------------------------------------


@_on_root
def _say(content: str | Table) -> None:
    console = Console(
        soft_wrap=isinstance(content, str), highlight=False, markup=False, width=_width()
    )
    console.print(content)


def _width() -> int | None:
    """Columns of text, or None: those of the terminal."""
    return None if sys.stdout.isatty() else WIDE


@_on_root
def _warn(line: str) -> None:
    print(f"hydroda: {line}", file=sys.stderr, flush=True)


@_on_root
def _write_json(content: dict[str, Any], file: Path) -> None:
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _numbers(result: Result) -> pd.DataFrame:
    """Scores and what was done, as one table."""
    return pd.concat([result.scores(), result.account()], ignore_index=True)


def _say_tables(table: pd.DataFrame) -> None:
    """Scores by variable, then what was done."""
    done = table["score"].map(lambda score: score not in SCORES)
    for name, frame in table[~done].groupby("variable", sort=False):
        _say(score_view(frame, str(name)))
    if done.any():
        _say(account_view(table[done]))


def score_view(frame: pd.DataFrame, variable: str) -> Table:
    """The scores of one variable: a row per period and run, a column per score.

    The title has the unit of the scores that have one.
    """
    names = frame["score"].drop_duplicates()
    unit = next((unit for unit in frame["unit"] if unit not in ("", "1")), "1")
    view = Table(title=f"{variable} [{unit}]", title_justify="left")
    view.add_column("period", no_wrap=True)
    view.add_column("run", no_wrap=True)
    for name in names:
        view.add_column(name, justify="right", no_wrap=True)
    for group, scores in frame.groupby("group", sort=False):
        first = str(group)
        numbers = scores.pivot(index="run", columns="score", values="value")
        for run in scores["run"].drop_duplicates():
            own = numbers.loc[run].reindex(names)
            if own.fillna(0.0).any():
                view.add_row(first, run.replace("_", " "), *map(_shown, own))
                first = ""
    return view


def account_view(frame: pd.DataFrame) -> Table:
    """What was done in every run: a row per thing, a column per run."""
    runs = list(frame["run"].drop_duplicates())
    view = Table(title="what was done", title_justify="left")
    view.add_column("of")
    view.add_column("what")
    for name in runs:
        view.add_column(name.replace("_", " "), justify="right")
    view.add_column("unit")
    for variable, things in frame.groupby("variable", sort=False):
        first = str(variable)
        for name, part in things.groupby("score", sort=False):
            values = part.set_index("run")["value"].reindex(runs)
            view.add_row(first, str(name), *map(_shown, values), str(part["unit"].iloc[0]))
            first = ""
    return view


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON takes them: a missing value is None."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(map(str, plain), row, strict=True)) for row in plain.to_numpy().tolist()]


def plain_view(frame: pd.DataFrame, title: str) -> Table:
    """A table as it stands, numbers as in every other one."""
    view = Table(title=title, title_justify="left")
    for name in frame:
        number = pd.api.types.is_float_dtype(frame[name])
        view.add_column(str(name), justify="right" if number else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        view.add_row(*(_shown(cell) if isinstance(cell, float) else str(cell) for cell in row))
    return view


def _shown(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
