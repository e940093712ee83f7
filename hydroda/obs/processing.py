"""From raw neutron counts and weather to soil moisture with its error, every step kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hydroda.errors import DataError, DeclarationError
from hydroda.obs.neutrons import (
    WATER_DENSITY,
    Curve,
    Desilets,
    Revised,
    absolute_humidity,
    humidity_factor,
    incoming_factor,
    poisson_sd,
    pressure_factor,
    simulated_radius,
    vegetation_factor,
)
from hydroda.obs.records import FOOTPRINT, TOO_FEW, Records, to_utc
from hydroda.units import Amount, Duration, duration, magnitude

LACKING = {
    "no_monitor": "f_incoming",
    "no_humidity": "humidity",
    "no_pressure": "pressure",
    "no_counts": "counts",
}
SPIKE = "spike"
OUTSIDE_AIR, BOX_AIR = "outside", "box"
HOUR = pd.Timedelta("1h")
FACTORS = ("f_pressure", "f_humidity", "f_incoming", "f_vegetation")
WATER_COLUMNS = ("temperature", "relative_humidity")


@dataclass(frozen=True, kw_only=True)
class NeutronProcessing:
    """How hourly raw counts become soil moisture.

    `n0` [h-1], `bulk_density`, `lattice_water`, `organic_water` and the dry `biomass` above ground
    describe the site; counts are taken to `reference_pressure` with `beta`, to
    `reference_humidity`, to bare ground and, where a series of a neutron monitor is given, to
    `reference_monitor`. N0 belongs to counts with the same corrections and to the same `curve`,
    Desilets' or the `TransportSolution`, which sees the humidity itself. Means are over `every`, or
    over the longer `smoothing` that ends with it (their errors are then correlated). A mean needs
    the share `at_least` of its hours. An hour whose counts are more than `spike` standard
    deviations of counting from the median of the day around it is flagged and left out; None keeps
    all. Rain changes counts within an hour, too: less than about 6 is too strict.
    """

    n0: Amount
    bulk_density: Amount
    lattice_water: Amount = "0 kg/kg"
    organic_water: Amount = "0 kg/kg"
    biomass: Amount = "0 kg m-2"
    beta: Amount = "0.0076 hPa-1"
    reference_pressure: Amount = "1013.25 hPa"
    reference_humidity: Amount = "0 g m-3"
    reference_monitor: float | None = None
    every: Duration = "1 D"
    smoothing: Duration | None = None
    at_least: float = 0.75
    spike: float | None = None
    curve: Curve = field(default_factory=Desilets)

    def __post_init__(self) -> None:
        units = {
            "n0": "h-1",
            "bulk_density": "kg m-3",
            "lattice_water": "kg kg-1",
            "organic_water": "kg kg-1",
            "biomass": "kg m-2",
            "beta": "Pa-1",
            "reference_pressure": "Pa",
            "reference_humidity": "g m-3",
        }
        for name, unit in units.items():
            value = magnitude(getattr(self, name), unit, f"{name} of NeutronProcessing")
            if value < 0 or (value == 0 and name in ("n0", "bulk_density")):
                raise DeclarationError(f"{name} of NeutronProcessing cannot be {value!r}")
            object.__setattr__(self, name, value)
        if not vegetation_factor(float(self.biomass)) > 0:
            raise DeclarationError(
                f"biomass of NeutronProcessing cannot be {self.biomass!r}: no counts would be left"
            )
        for name in ("every", "smoothing"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, duration(getattr(self, name), name))
        step, window = self._spans
        if window % step:
            raise DeclarationError(f"smoothing must be a multiple of every, {step}; got {window}")
        if not 0 < self.at_least <= 1:
            raise DeclarationError(f"at_least must lie in (0, 1]; got {self.at_least!r}")
        if self.spike is not None and not self.spike > 0:
            raise DeclarationError(f"spike must be positive, or None; got {self.spike!r}")

    @property
    def _spans(self) -> tuple[pd.Timedelta, pd.Timedelta]:
        """How often a mean comes and over what time it is taken."""
        step = pd.Timedelta(duration(self.every, "every"))
        return step, step if self.smoothing is None else pd.Timedelta(duration(self.smoothing, ""))

    def hourly(
        self, raw: pd.DataFrame, monitor: pd.Series | None = None, zone: str | None = None
    ) -> pd.DataFrame:
        """Raw data with the steps of the correction, indexed by the start of the hour in UTC.

        `raw` is indexed by time and has `counts` [h-1], `pressure` [Pa], `temperature` [K] and
        `relative_humidity` [1], and may have `box_temperature` and `box_relative_humidity`, which
        stand in where the air outside was not measured (vapour pressure is about the same inside).
        Added are `humidity` [g m-3] with its `humidity_source`, the factors, `corrected` [h-1] with
        `corrected_sd` (Poisson) and a `flag`. Nothing is filled: an hour that lacks something has
        no corrected counts, nor has a spike.

        Raises
        ------
        DataError
            A column is missing, a time has no zone or comes twice, or values are impossible.
        """
        frame = _checked(raw, zone)
        frame["humidity"], frame["humidity_source"] = _humidity(frame)
        frame["f_pressure"] = pressure_factor(
            frame["pressure"], float(self.reference_pressure), float(self.beta)
        )
        frame["f_humidity"] = self._in_air(frame["humidity"])
        frame["f_incoming"] = 1.0 if monitor is None else self._incoming(monitor, frame.index, zone)
        frame["f_vegetation"] = float(vegetation_factor(float(self.biomass)))
        factor = frame[list(FACTORS)].prod(axis=1, skipna=False)
        frame["corrected"] = frame["counts"] * factor
        frame["corrected_sd"] = poisson_sd(frame["counts"], factor=factor)
        frame["flag"] = ""
        for flag, name in LACKING.items():
            frame.loc[frame[name].isna(), "flag"] = flag
        if self.spike is not None:
            wild = _spikes(frame["counts"], self.spike)
            frame.loc[wild, ["corrected", "corrected_sd"]] = np.nan
            frame.loc[wild, "flag"] = SPIKE
        return frame

    def means(
        self, raw: pd.DataFrame, monitor: pd.Series | None = None, zone: str | None = None
    ) -> pd.DataFrame:
        """Means over `every` with `corrected`, `moisture` [m3 m-3], their errors, hours and a flag.

        Indexed by the start of the interval. The moisture is NaN where the curve has none for the
        counts; its error is that of the counts alone. With it go `footprint_radius`, R86 of the
        simulated neutrons in that air, and `footprint_depth`, D86 at r* = 50 m [m]. Counts under a
        curve that sees the air are taken to the reference humidity by that curve, with the
        moisture that was found.
        """
        hourly = self.hourly(raw, monitor, zone)
        step, window = self._spans
        good = hourly["corrected"].notna()
        sums = pd.DataFrame(
            {
                "corrected": hourly["corrected"],
                "variance": hourly["corrected_sd"] ** 2,
                "hours": good.astype(float),
                "box_hours": (good & (hourly["humidity_source"] == BOX_AIR)).astype(float),
                "humidity": hourly["humidity"].where(good),
                "pressure": hourly["pressure"].where(good),
            }
        )
        sums = sums.resample(step, origin="epoch").sum()
        if window > step:
            sums = sums.rolling(round(window / step), min_periods=1).sum()
        hours = sums["hours"].where(sums["hours"] > 0)
        frame = sums[["hours", "box_hours"]].astype(int)
        frame["corrected"] = sums["corrected"] / hours
        frame["corrected_sd"] = np.sqrt(sums["variance"]) / hours
        counts, sd, n0 = frame["corrected"], frame["corrected_sd"], float(self.n0)
        bound = float(self.lattice_water) + float(self.organic_water)
        density = float(self.bulk_density) / WATER_DENSITY
        humidity, pressure = sums["humidity"] / hours, sums["pressure"] / hours
        water = self.curve.moisture(counts, humidity, n0)
        frame["moisture"] = density * (water - bound)
        frame["moisture_sd"] = density * self.curve.moisture_error(counts, sd, humidity, n0)
        if self.curve.humid:
            dry = self.curve.counts(water, float(self.reference_humidity), n0)
            frame[["corrected", "corrected_sd"]] *= (dry / counts).to_numpy()[:, None]
        moisture = frame["moisture"].clip(lower=0.0)
        frame["footprint_radius"] = simulated_radius(moisture, humidity, pressure)
        frame["footprint_depth"] = Revised(bulk_density=self.bulk_density).reach(moisture)
        enough = frame["hours"] >= self.at_least * (window / HOUR) - 1e-9
        frame["flag"] = np.where(enough, "", TOO_FEW)
        return frame

    def records(
        self,
        raw: pd.DataFrame,
        station: str,
        monitor: pd.Series | None = None,
        zone: str | None = None,
    ) -> Records:
        """Soil moisture and corrected counts of `station`, with what was done in the attributes.

        Beside the moisture stand its `footprint_radius` and `footprint_depth`.
        """
        means = self.means(raw, monitor, zone)
        starts = pd.DatetimeIndex(means.index)
        common = {
            "time": starts,
            "end": starts + self._spans[0],
            "station": station,
            "flag": means["flag"].to_numpy(),
            "count": means["hours"].to_numpy(),
        }
        moisture = {"value": means["moisture"].to_numpy(), "error": _known_sd(means, "moisture")}
        counts = {"value": means["corrected"].to_numpy(), "error": _known_sd(means, "corrected")}
        parts = {"soil_moisture": moisture, "neutron_counts": counts}
        parts |= {name: {"value": means[name].to_numpy()} for name in FOOTPRINT}
        table = pd.concat(
            [pd.DataFrame({**common, "quantity": name, **part}) for name, part in parts.items()]
        )
        units = {"soil_moisture": "m3 m-3", "neutron_counts": "h-1", **FOOTPRINT}
        attributes = {"processing": repr(self), "notes": "; ".join(self.notes(means, monitor))}
        return Records.of(table, units, attributes=attributes, zone="UTC")

    def notes(self, means: pd.DataFrame, monitor: pd.Series | None = None) -> list[str]:
        """What a reader of the moisture has to know."""
        said = []
        if monitor is None:
            said.append("incoming neutrons not corrected (no monitor series): factor 1")
        if not self.biomass:
            said.append("vegetation not corrected (no biomass): factor 1")
        box, hours = int(means["box_hours"].sum()), int(means["hours"].sum())
        if box:
            said.append(f"air humidity from inside the box in {box} of {hours} hours")
        if self.smoothing is not None:
            said.append(f"errors correlated over {self._spans[1]} by smoothing")
        return said

    def _in_air(self, humidity: pd.Series) -> np.ndarray:
        """Factor for the water in the air; 1 where the curve sees it itself."""
        vapour = humidity.to_numpy(float)
        if self.curve.humid:
            return np.where(np.isnan(vapour), np.nan, 1.0)
        return humidity_factor(vapour, float(self.reference_humidity))

    def _incoming(self, monitor: pd.Series, times: pd.Index, zone: str | None) -> np.ndarray:
        if self.reference_monitor is None:
            raise DeclarationError(
                "a monitor series needs reference_monitor, the count rate that it is related to"
            )
        index = pd.DatetimeIndex(to_utc(monitor.index, zone, "the monitor series"))
        known = pd.Series(monitor.to_numpy(float), index).reindex(times)
        return incoming_factor(known, self.reference_monitor)


def _spikes(counts: pd.Series, limit: float) -> pd.Series:
    """Which hours are so many Poisson deviations from the median of the 25 hours around them."""
    usual = counts.rolling("25h", center=True).median()
    return (counts - usual).abs() > limit * np.sqrt(usual)


def _known_sd(means: pd.DataFrame, name: str) -> np.ndarray:
    return means[f"{name}_sd"].where(means[name].notna()).to_numpy()


def _checked(raw: pd.DataFrame, zone: str | None) -> pd.DataFrame:
    """A copy of the raw data on UTC hours, in order."""
    for name in ("counts", "pressure"):
        if name not in raw:
            known = ", ".join(map(str, raw))
            raise DataError(f"the raw neutron data need a column {name!r}; they have {known}")
    frame = raw.copy()
    frame.index = pd.DatetimeIndex(to_utc(raw.index, zone, "the raw neutron data"), name="time")
    twice = frame.index[frame.index.duplicated()]
    if len(twice):
        raise DataError(f"the raw neutron data have {twice[0]} twice; keep one of the rows")
    if len(frame) > 1 and np.diff(np.sort(frame.index)).min() < HOUR:
        raise DataError("the raw neutron data must be hourly: sum the counts of each hour first")
    pressure = frame["pressure"].dropna()
    if pressure.size and not 20_000 < pressure.median() < 120_000:
        raise DataError(f"pressure must be in Pa; its median is {pressure.median():g}")
    if (frame["counts"] < 0).any():
        raise DataError(f"counts must not be negative; got {frame['counts'].min():g} h-1")
    return frame.sort_index()


def _humidity(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Absolute humidity [g m-3] and where it comes from; NaN and "" where nothing was measured."""
    humidity, source = np.full(len(frame), np.nan), np.full(len(frame), "", dtype=object)
    for prefix, name in (("", OUTSIDE_AIR), ("box_", BOX_AIR)):
        columns = [f"{prefix}{column}" for column in WATER_COLUMNS]
        if not set(columns) <= set(frame):
            continue
        temperature, relative = (frame[column].to_numpy(float) for column in columns)
        if np.nanmax(relative, initial=0.0) > 1.1 or np.nanmin(temperature, initial=300.0) < 150:
            raise DataError(f"{columns[0]} must be in K and {columns[1]} a fraction, not percent")
        vapour = absolute_humidity(temperature, relative)
        fill = np.isnan(humidity) & np.isfinite(vapour)
        humidity[fill], source[fill] = vapour[fill], name
    return humidity, source
