"""What a run wrote, opened as one tree: runs ("legs") with their groups, scores and explanations.

A leg is a NetCDF file with the groups `forecast` and `analysis` (mean and spread of every variable
at every stop), `observations` (a row each, with all members before and after), `updates`,
`failures`, `cycles` (closure of the water budget), `final` (the members at the end) and `weather`
(what was completed in the forcing, and by how much its noise moved the means).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.assimilation import INCREMENT
from hydroda.ensemble import Ensemble
from hydroda.errors import DataError, DeclarationError
from hydroda.io import Record, Table
from hydroda.state import Variable
from hydroda.verification import COLUMNS, SCORES, Score, score_table, spread_skill

OPEN_LOOP, ASSIMILATION, TRUTH = "open_loop", "assimilation", "truth"
LEGS = (TRUTH, OPEN_LOOP, ASSIMILATION)
BESIDE = "beside"
SPREAD, MEMBERS = "_spread", "_members"
LISTS = {
    "observations": "observation",
    "updates": "event",
    "failures": "failure",
    "cycles": "cycle",
}
CELL_METHODS = {
    SPREAD: "realization: standard_deviation",
    MEMBERS: "time: point",
    "": "realization: mean",
}
WATER_OF_ANALYSES = ("water_added", "water_moved", "water_clipped")
FORECAST_PHASE, FREE_PHASE = "one-step forecast", "free forecast"


# --- writing ------------------------------------------------------------------------------------


def snapshot(ensemble: Ensemble, time: np.datetime64, names: list[str]) -> Table:
    """One row of means and spreads of the variables `names`."""
    mean, spread = ensemble.moments(names)
    row: Table = {"time": np.array([time])}
    for name in names:
        row[name] = mean[name][None]
        row[name + SPREAD] = spread[name][None]
    return row


def leg_tree(
    tables: Record,
    final: xr.Dataset,
    attrs: Mapping[str, Any],
    variables: Mapping[str, Variable],
    weather: Mapping[str, xr.Dataset],
) -> xr.DataTree:
    """The tree of one leg: the tables of its journal, its members at the end, its weather."""
    final = final.assign(
        {
            name: final[name].assign_attrs(long_name=variable.meaning)
            for name, variable in variables.items()
            if name in final and variable.meaning
        }
    )
    nodes = {"/": xr.Dataset(attrs={"Conventions": "CF-1.11", **attrs})}
    for group in ("forecast", "analysis"):
        nodes[group] = _gridded(tables[group], final)
    nodes["final"] = final.rename(member="realization")
    for group, dim in LISTS.items():
        nodes[group] = _listed(tables.get(group, {}), dim)
    for name, variable in variables.items():
        if INCREMENT + name in nodes["observations"]:
            nodes["observations"][INCREMENT + name].attrs["units"] = variable.seen_unit
    nodes |= {f"weather/{name}": part for name, part in weather.items()}
    return xr.DataTree.from_dict({name: _numbered(node) for name, node in nodes.items()})


def _numbered(node: xr.Dataset) -> xr.Dataset:
    """`node` with the members numbered as CF has it, where there are any."""
    if "realization" not in node.dims:
        return node
    numbers = np.arange(node.sizes["realization"])
    attrs = {"standard_name": "realization", "units": "1", "axis": "E"}
    return node.assign_coords(realization=("realization", numbers, attrs))


def beside_tree(
    others: Mapping[str, Mapping[str, xr.DataArray]],
) -> dict[str, xr.DataTree]:
    """The tree of simulations to score beside the legs, if there are any: name/variable."""
    nodes = {
        f"{name}/{variable}": series.to_dataset(name="simulated")
        for name, variables in others.items()
        for variable, series in variables.items()
    }
    return {BESIDE: xr.DataTree.from_dict(nodes)} if nodes else {}


def _gridded(table: Table, pattern: xr.Dataset) -> xr.Dataset:
    fields = {}
    for name, values in table.items():
        if name == "time":
            continue
        kind = next((suffix for suffix in CELL_METHODS if name.endswith(suffix)), "")
        variable = pattern[name.removesuffix(kind)]
        dims = tuple("realization" if dim == "member" else dim for dim in variable.dims)
        if kind != MEMBERS:
            dims = dims[1:]
        attrs = {**variable.attrs, "cell_methods": CELL_METHODS[kind]}
        fields[name] = (("time", *dims), values, attrs)
    coords = {
        str(name): value for name, value in pattern.coords.items() if "member" not in value.dims
    }
    return xr.Dataset(fields, coords | {"time": ("time", table["time"], {"axis": "T"})})


def _listed(table: Table, dim: str) -> xr.Dataset:
    return xr.Dataset(
        {name: ((dim, "realization")[: values.ndim], values) for name, values in table.items()}
    )


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """The legs of an experiment. `tree` is a DataTree with a node per leg."""

    tree: xr.DataTree
    directory: Path | None = None

    @classmethod
    def open(cls, path: str | Path) -> Result:
        """The result in a folder that a run wrote.

        Raises
        ------
        DataError
            There is no run, it has not finished, or a file is damaged.
        """
        path = Path(path)
        files = {leg: path / f"{leg}.nc" for leg in LEGS if (path / f"{leg}.nc").exists()}
        if any((path / leg).is_dir() for leg in LEGS if leg not in files):
            raise DataError(f"the run in {path} has not finished; go on with --resume")
        if not files:
            raise DataError(f"{path} holds no run of hydroda")
        if (path / f"{BESIDE}.nc").exists():
            files[BESIDE] = path / f"{BESIDE}.nc"
        return cls(xr.DataTree(children={leg: _opened(file) for leg, file in files.items()}), path)

    @property
    def legs(self) -> tuple[str, ...]:
        """Names of the runs: truth, open_loop, assimilation."""
        return tuple(leg for leg in LEGS if leg in self.tree.children)

    @property
    def main(self) -> str:
        """The leg that is asked about unless another is named: the last of `legs`."""
        return self.legs[-1]

    def leg(self, name: str | None = None) -> xr.DataTree:
        """The tree of a leg."""
        name = self.main if name is None else name
        if name not in self.legs:
            raise DeclarationError(f"there is no leg {name!r}; there are {', '.join(self.legs)}")
        node = self.tree[name]
        assert isinstance(node, xr.DataTree)
        return node

    @property
    def attrs(self) -> dict[str, Any]:
        """What the main leg says of itself."""
        found = self.leg().attrs.items()  # NetCDF gives numbers of numpy
        return {str(k): v.item() if isinstance(v, np.generic) else v for k, v in found}

    def ensemble(self, leg: str | None = None) -> xr.Dataset:
        """The members at the end (member, …), to start another run from."""
        final = self.leg(leg)["final"].to_dataset().load()
        return final.drop_vars("realization").rename(realization="member")

    def summary(self) -> str:
        """What was run, in a few lines."""
        about = self.attrs
        until = about["assimilate_until"]
        return "\n".join(
            [
                f"{about['title']}: {', '.join(leg.replace('_', ' ') for leg in self.legs)}",
                f"  from {about['start'][:16]} to {about['end'][:16]} UTC"
                + (f", assimilating until {until}" if until else ""),
                f"  {about['members']} members, seed {about['seed']}, {about['source']}",
            ]
        )

    def account(self) -> pd.DataFrame:
        """What was done in every leg, as a table with the columns of `scores`.

        Observations by what was done with them, analyses and the water they added in all [mm],
        members that failed, and the largest error of the model's water budget [mm].
        """
        rows = [
            (score, variable, "all", leg, unit, float(value))
            for leg in self.legs
            if leg != TRUTH
            for score, variable, unit, value in self._counted(leg)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _counted(self, leg: str) -> Iterator[tuple[str, str, str, float]]:
        """Score, variable, unit and value."""
        frame, tree = self.observations(leg), self.leg(leg)
        if len(frame):
            kind = frame["status"].str.replace("_", " ").str.extract("^([^:;]*)")[0]
            for key, group in frame.groupby(["quantity", kind]):
                quantity, status = cast("tuple[str, str]", key)
                yield status, quantity, "1", len(group)
        updates, failures = tree["updates"].to_dataset(), tree["failures"].to_dataset()
        if updates:
            for name, count in updates["update"].to_series().value_counts(sort=False).items():
                yield "analyses", str(name), "1", count
        for name in WATER_OF_ANALYSES:
            if name in updates:
                yield name.replace("_", " "), "water", "mm", float(updates[name].sum())
        if tree["cycles"]["closure"].notnull().any():
            yield "largest budget error", "water", "mm", float(tree["cycles"]["closure"].max())
        if failures:
            replaced = failures["remedy"].astype(str).str.startswith("replaced").values
            yield "retried", "members", "1", float((~replaced).sum())
            yield "replaced", "members", "1", float(replaced.sum())

    def members(self, name: str, leg: str | None = None) -> xr.DataArray:
        """The analysis of variable `name` in all members (time, member, …).

        Raises
        ------
        DeclarationError
            The experiment did not keep them.
        """
        analysis = self.leg(leg)["analysis"].to_dataset()
        if name + MEMBERS not in analysis:
            kept = [str(v).removesuffix(MEMBERS) for v in analysis if str(v).endswith(MEMBERS)]
            raise DeclarationError(
                f"the members of {name!r} were not kept, only {', '.join(kept) or 'means'}; "
                f"declare keep=({name!r},) and run again"
            )
        return analysis[name + MEMBERS].rename(realization="member").rename(name)

    def stations(self, leg: str | None = None) -> xr.Dataset:
        """Where the stations are, `x` and `y` [m], and which are `assimilated` (station)."""
        table = self.observations(leg)
        if table.empty:
            return xr.Dataset()
        first = table.drop_duplicates("station").set_index("station")[["x", "y", "role"]]
        return first.assign(assimilated=first.pop("role") == "assimilated").to_xarray()

    # --- observations ---

    def observations(self, leg: str | None = None) -> pd.DataFrame:
        """A row per observation: what it was, what was predicted, what was done with it."""
        table = self.leg(leg)["observations"].to_dataset()
        if not table.sizes:  # a period without a reading
            return pd.DataFrame(columns=["id", "status", "quantity"])
        frame = table.drop_dims("realization", errors="ignore").to_dataframe()
        for name in ("prior", "posterior"):
            if name in table:
                frame[f"{name}_mean"] = table[name].mean("realization").values
                frame[f"{name}_spread"] = table[name].std("realization", ddof=1).values
        return frame

    def explain(self, observation: str, leg: str | None = None) -> Explanation:
        """What was done with one observation and why; `observation` is its id or a unique part.

        Raises
        ------
        DeclarationError
            No observation, or more than one, is called so.
        """
        frame = self.observations(leg)
        found = frame[frame["id"] == observation]
        if found.empty:
            found = frame[frame["id"].str.contains(observation, regex=False)]
        if len(found) != 1:
            near = ", ".join(found["id"].head(3)) or ", ".join(frame["id"].head(3)) + ", …"
            raise DeclarationError(
                f"{len(found)} observations are called {observation!r}; try one of {near}"
            )
        fields = self.leg(leg)["observations"].to_dataset()
        units = {
            str(name).removeprefix(INCREMENT): str(value.attrs.get("units", ""))
            for name, value in fields.items()
            if str(name).startswith(INCREMENT)
        }
        return Explanation({str(k): v for k, v in found.iloc[0].items()}, units)

    def series(self, leg: str | None = None, kind: str = "prior") -> dict[str, xr.Dataset]:
        """By observed variable: `observed` (time, station), `error`, and `simulated` (member, …).

        Values that were refused, such as flagged ones, stand in `refused` and are not scored.
        Withheld stations are variables of their own, called "… (withheld)".
        """
        table = self.leg(leg)["observations"].to_dataset()
        if not table:
            return {}
        table = table.isel(observation=np.flatnonzero(np.isfinite(table["value"].values)))
        return {name: _pivoted(part, kind) for name, part in self._variables(table)}

    def _variables(self, table: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
        quantity = table["quantity"].values.astype(str)
        withheld = table["role"].values.astype(str) == "withheld"
        names = np.char.add(quantity, np.where(withheld, " (withheld)", ""))
        for name in dict.fromkeys(names):
            yield str(name), table.isel(observation=np.flatnonzero(names == name))

    # --- scores ---

    def scores(self, kind: str = "prior") -> pd.DataFrame:
        """Scores of every leg against the observations: of forecasts before they were assimilated.

        What an experiment names `beside` is scored with them. `spread_skill` is the error that
        spread and observation error together let expect, over the error found.

        A tidy table with the columns score, variable, group, run, unit and value. Groups are "all",
        the phase (one-step forecasts; free forecast after the end of assimilation) and the year.
        """
        legs = [leg for leg in self.legs if leg != TRUTH]
        series = {leg: self.series(leg, kind) for leg in legs}
        observed = {name: part["observed"] for name, part in series[legs[-1]].items()}
        runs = {
            leg: {name: part["simulated"] for name, part in series[leg].items()} for leg in legs
        }
        if BESIDE in self.tree.children:
            for name, variables in self.tree[BESIDE].children.items():
                runs[name] = {
                    key: node.to_dataset()["simulated"] for key, node in variables.children.items()
                }
        main = series[legs[-1]]
        tables = [
            score_table(
                runs,
                {name: values},
                groups={name: self._groups(values)},
                scores=_with_error(main[name]["error"]),
            )
            for name, values in observed.items()
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)

    def _groups(self, observed: xr.DataArray) -> list[xr.DataArray]:
        until = self.attrs.get("assimilate_until", "")
        years = observed["time"].dt.year.rename("year")
        groups = [years] if len(np.unique(years)) > 1 else []
        if until:
            free = observed["time"].values > np.datetime64(until)
            phase = np.where(free, FREE_PHASE, FORECAST_PHASE)
            order = [name for name in (FORECAST_PHASE, FREE_PHASE) if name in phase]
            attrs = {"classes": order}
            groups.insert(0, xr.DataArray(phase, dims="time", name="phase", attrs=attrs))
        return groups


def _with_error(error: xr.DataArray) -> dict[str, Score]:
    """The scores, the spread counting with the error of the observations it is held against."""

    def ratio(sim: xr.DataArray, obs: xr.DataArray) -> xr.DataArray:
        return spread_skill(sim, obs, error_sd=error)["ratio"]

    return {**SCORES, "spread_skill": Score(ratio, best=1.0, members=True)}


def signature_of(file: Path) -> str:
    """The fingerprint of the declaration that wrote a leg; "" where it has none."""
    with _named(file), xr.open_dataset(file, engine="netcdf4") as root:
        return str(root.attrs.get("signature", ""))


def _opened(file: Path) -> xr.DataTree:
    with _named(file), xr.open_datatree(file, engine="netcdf4") as tree:
        return tree.load()


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Turns what reading a damaged file raises into an error that names it."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{file} is damaged or no result of hydroda: {error}") from error


def _pivoted(table: xr.Dataset, kind: str) -> xr.Dataset:
    """Observations of one variable as (time, station), members as (member, time, station)."""
    times, row = np.unique(table["time"].values, return_inverse=True)
    labels, column = np.unique(table["series"].values.astype(str), return_inverse=True)
    attrs = {"units": str(table["unit"].values[0])}
    shape, sound = (times.size, labels.size), table["sound"].values.astype(bool)

    def spread_out(values: np.ndarray) -> np.ndarray:
        field = np.full((*values.shape[:-1], *shape), np.nan)
        field[..., row, column] = values
        return field

    dims = ("time", "station")
    fields = {
        "observed": (dims, spread_out(np.where(sound, table["value"].values, np.nan)), attrs),
        "refused": (dims, spread_out(np.where(sound, np.nan, table["value"].values)), attrs),
        "error": (dims, spread_out(table["sd"].values), attrs),
        "simulated": (("member", *dims), spread_out(table[kind].values.T), attrs),
    }
    return xr.Dataset(fields, {"time": times, "station": labels})


@dataclass(frozen=True)
class Explanation:
    """One observation's row of the report; printed, it says what was done and why.

    units : in which the filter saw the variables it changed
    """

    row: Mapping[str, Any]
    units: Mapping[str, str]

    def __str__(self) -> str:
        row, unit = self.row, self.row["unit"]
        spread = row["prior_spread"]
        sd = row["used_sd"] if np.isfinite(row["used_sd"]) else row["sd"]
        lines = [
            f"{row['id']}",
            f"  observed   {row['value']:.4g} ± {row['sd']:.2g} {unit}",
            f"  forecast   {row['prior_mean']:.4g} ± {spread:.2g} {unit} (mean, spread of members)",
            f"  innovation {row['innovation']:+.4g} {unit}, "
            f"{abs(row['innovation']) / np.hypot(spread, row['sd']):.1f} expected deviations",
            f"  status     {row['status']}",
        ]
        if row["update"]:
            weight = spread**2 / (spread**2 + sd**2)
            lines += [
                f"  update     {row['update']}",
                f"  weight     {weight:.2f} of its innovation, were it alone "
                f"(error {sd:.2g} {unit})",
                f"  analysis   {row['posterior_mean']:.4g} ± {row['posterior_spread']:.2g} {unit}",
            ]
            lines += [
                f"  increment  {name}: {row[column]:+.3g} {own}, caused by it in its column"
                for name, own in self.units.items()
                if np.isfinite(row.get(column := INCREMENT + name, np.nan))
            ]
        return "\n".join(lines)
