"""N0 of a cosmic-ray neutron sensor from soil samples around it, and of many sensors at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from hydroda.errors import DataError
from hydroda.obs.neutrons import (
    SEA_LEVEL,
    WATER_DENSITY,
    Curve,
    Desilets,
    Revised,
    horizontal_weight,
    rescaled_distance,
)

SAMPLE_COLUMNS = {
    "profile": "",
    "distance": "m",
    "depth": "m",
    "moisture": "kg kg-1",
    "bulk_density": "kg m-3",
    "lattice_water": "kg kg-1",
    "organic_water": "kg kg-1",
}


# A table of calibrations: its columns, and what they are called here. Counts are corrected and
# scaled to one sensor at one place; water is that of the pores, the lattice and the organic matter.
CALIBRATION_COLUMNS = {
    "id": "station",
    "date": "time",
    "Nscaled": "counts",  # [h-1]
    "bd": "bulk_density",  # [kg m-3]
    "thetaeff": "water",  # [m3 m-3]
    "tocal": "general",
}
# Of a curve that sees the air also its humidity, and the factor by which counts were corrected.
AIR_COLUMNS = {"abshum": "humidity", "fh": "humidity_factor"}  # [g m-3], [1]
# Stations of Li et al., Table 1, by their names in COSMOS-Europe: Bogena et al. 2022,
# doi:10.5194/essd-14-1125-2022. Kall and Wildenrath have no calibration there; Wüstebach is the
# spruce forest, not the clearing WUC003.
RUR_STATIONS = {
    "Aachen": "RUC006",
    "Gevenich": "RUBCK002",
    "Heinsberg": "RUC004",
    "Kleinhau": "RUC007",
    "Merzenhausen": "MEBCK001",
    "Rollesbroich1": "ROC001",
    "Rollesbroich2": "ROC002",
    "Ruraue": "RUBCK003",
    "Schöneseiffen": "RUBCDKR001",
    "Selhausen": "SEC001",
    "Wüstebach": "WUC001",
}


@dataclass(frozen=True)
class FootprintSoil:
    """The soil as the sensor sees it: moisture [m3 m-3], bulk density [kg m-3], water [kg kg-1]."""

    moisture: float
    bulk_density: float
    lattice_water: float
    organic_water: float

    @property
    def gravimetric(self) -> float:
        """Mass of pore water per mass of dry soil [kg kg-1]."""
        return self.moisture * WATER_DENSITY / self.bulk_density

    @property
    def bound(self) -> float:
        """Lattice and organic water [kg kg-1]."""
        return self.lattice_water + self.organic_water


def footprint_soil(
    samples: pd.DataFrame,
    humidity: float,
    pressure: float = SEA_LEVEL,
    vegetation_height: float = 0.0,
    tolerance: float = 1e-10,
    iterations: int = 100,
) -> FootprintSoil:
    """Weighted mean of soil samples, by depth within each profile and then by distance.

    `samples` has the columns `SAMPLE_COLUMNS`; `humidity` [g m-3], `pressure` [Pa]. Each profile
    has its own D86; W_r and the vegetation take the mean of the footprint, iterated to a fixed
    point. Water and dry soil are averaged per volume, so that peat counts by its mass. Schrön et
    al. 2017, doi:10.5194/hess-21-5009-2017.

    Raises
    ------
    DataError
        A column is missing, or a number is missing or impossible.
    """
    _check(samples)
    volumetric = samples["moisture"] * samples["bulk_density"] / WATER_DENSITY
    mean = float(volumetric.mean())
    for _ in range(iterations):
        distance = rescaled_distance(samples["distance"], pressure, vegetation_height, mean)
        profiles = _profiles(samples.assign(volumetric=volumetric, r=distance))
        weights = horizontal_weight(profiles["r"], humidity, mean)
        soil = np.average(profiles.drop(columns="r"), axis=0, weights=weights)
        old, mean = mean, float(soil[0])
        if abs(mean - old) <= tolerance * abs(old):
            break
    moisture, density, lattice, organic = (float(value) for value in soil)
    return FootprintSoil(moisture, density, lattice / density, organic / density)


def calibrated_n0(
    counts: float, soil: FootprintSoil, curve: Curve | None = None, humidity: float = 0.0
) -> float:
    """N0 [h-1] with which `curve` gives the corrected `counts` over `soil`.

    Desilets' curve by default. One that sees the air, such as `TransportSolution`, takes its
    absolute `humidity` [g m-3] at the time, and counts that are not corrected for it.
    """
    return counts / _rate(soil, curve or Desilets(), humidity)


def joint_n0(
    counts: Sequence[float],
    soils: Sequence[FootprintSoil],
    curve: Curve | None = None,
    humidity: Sequence[float] | None = None,
) -> float:
    """N0 [h-1] that fits several samplings best, in least squares of the counts.

    `humidity` [g m-3] at each sampling, for a curve that sees the air.
    """
    air = [0.0] * len(soils) if humidity is None else humidity
    pairs = zip(soils, air, strict=True)
    shape = np.array([_rate(soil, curve or Desilets(), vapour) for soil, vapour in pairs])
    return float(shape @ np.asarray(counts, float) / (shape @ shape))


def _rate(soil: FootprintSoil, curve: Curve, humidity: float) -> float:
    """Counts over `soil` where N0 is 1 h-1."""
    return float(curve.counts(soil.gravimetric + soil.bound, humidity, 1.0))


# --- many sensors at once -------------------------------------------------------------------------


class N0Spread(NamedTuple):
    """Mean and standard deviation [h-1] of so many values of N0; `sd` is NaN for one alone."""

    mean: float
    sd: float
    values: int


def read_calibrations(path: str | Path, curve: Curve | None = None) -> pd.DataFrame:
    """A row per calibration: the columns of `CALIBRATION_COLUMNS`, and `n0` [h-1].

    N0 by `curve` at the gravimetric water, Desilets' by default, doi:10.1029/2009WR008726. One that
    sees the air takes the columns `AIR_COLUMNS`, too, and undoes the correction for humidity.
    `general` says which rows count for the general N0. The file is a table with semicolons and
    comments after #.

    Raises
    ------
    DataError
        The file is missing, lacks a column, or has what cannot be; says in which row.
    """
    path = Path(path)
    try:
        text = pd.read_csv(path, sep=";", comment="#", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    known, curve = ", ".join(map(str, text)), curve or Desilets()
    columns = CALIBRATION_COLUMNS | (AIR_COLUMNS if curve.humid else {})
    for name in columns:
        if name not in text:
            raise DataError(f"{path.name} needs a column {name!r}, parted by ';'; it has {known}")
    if text.empty:
        raise DataError(f"{path.name} has no calibrations")
    table = text[list(columns)].rename(columns=columns)
    table["time"] = pd.to_datetime(table["time"], format="ISO8601", errors="coerce")
    for name in set(columns.values()) - {"station", "time", "general"}:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    table["general"] = table["general"].str.lower().map({"true": True, "false": False})
    _check_calibrations(table, text, columns, path.name)
    gravimetric = table["water"] * WATER_DENSITY / table["bulk_density"]
    humidity, factor = table.get("humidity", 0.0), table.get("humidity_factor", 1.0)
    n0 = table["counts"] / factor / curve.counts(gravimetric, humidity, 1.0)
    return table.assign(general=table["general"].astype(bool), n0=n0)


def _check_calibrations(
    table: pd.DataFrame, text: pd.DataFrame, columns: Mapping[str, str], file: str
) -> None:
    """Nothing, if all of `table` could be read and can be; else names the cell in `text`."""
    for column, name in columns.items():
        wrong = table[name].isna() | (table[name] == "")
        if name in ("counts", "bulk_density", "humidity_factor"):
            wrong |= ~(table[name] > 0)
        if name == "humidity":
            wrong |= ~table[name].between(0, 100)
        if name == "water":
            wrong |= ~table[name].between(0, 1)
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise DataError(
                f"{file}, calibration {row + 1} ({text['id'].iloc[row]}): "
                f"{column} cannot be {text[column].iloc[row]!r}"
            )
    if (table["bulk_density"] < 20).all():
        raise DataError(f"{file}: bd must be in kg m-3; it looks like g cm-3")


def n0_spread(calibrations: pd.DataFrame) -> N0Spread:
    """Mean and scatter of N0 over all rows given."""
    n0 = calibrations["n0"]
    return N0Spread(float(n0.mean()), float(n0.std()), len(n0))


def n0_by_name(
    calibrations: pd.DataFrame, stations: Mapping[str, str] = RUR_STATIONS
) -> pd.DataFrame:
    """Mean and scatter of N0 of the named stations that are there: name, station, mean, sd, values.

    By default those of Li et al. in the Rur catchment.
    """
    rows = []
    for name, station in stations.items():
        own = calibrations[calibrations["station"] == station]
        if not own.empty:
            rows.append((name, station, *n0_spread(own)))
    return pd.DataFrame(rows, columns=["name", "station", *N0Spread._fields])


def _profiles(samples: pd.DataFrame) -> pd.DataFrame:
    """Weighted means per volume of every profile, with its r*."""
    rows = []
    for _, profile in samples.groupby("profile"):
        density, r = profile["bulk_density"], float(profile["r"].iloc[0])
        weighting = Revised(bulk_density=f"{density.mean()} kg m-3", distance=f"{r} m")
        weights = weighting.of_samples(profile["volumetric"], profile["depth"]).weights
        means = [
            weights @ profile["volumetric"],
            weights @ density,
            weights @ (density * profile["lattice_water"]),
            weights @ (density * profile["organic_water"]),
        ]
        rows.append([*means, r])
    return pd.DataFrame(rows, columns=["moisture", "density", "lattice", "organic", "r"])


def _check(samples: pd.DataFrame) -> None:
    for name, unit in SAMPLE_COLUMNS.items():
        if name not in samples:
            raise DataError(f"the soil samples need a column {name!r} [{unit}]")
        if samples[name].isna().any():
            raise DataError(f"the soil samples lack {int(samples[name].isna().sum())} of {name!r}")
    for name, least in (("bulk_density", np.nextafter(0.0, 1.0)), ("moisture", 0.0)):
        if (samples[name] < least).any():
            raise DataError(f"{name} of a soil sample is {samples[name].min():g}, which cannot be")
    if (samples["bulk_density"] < 20).all():
        raise DataError(
            f"bulk_density must be in kg m-3; got {samples['bulk_density'].max():g}, "
            "which looks like g cm-3"
        )
