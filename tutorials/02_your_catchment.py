# %% [markdown]
# # 2. Your own catchment
#
# You will turn two CSV files into an experiment, add a sensor and a taper of your own, have them
# checked, and run it all from the command line, with an interruption on the way.
#
# The place is a hillslope of 500 m with six soil columns and five soil moisture probes. Open
# `my_catchment.py`, which lies beside this script: the class `Hillslope` is the whole declaration.
#
# About 55 minutes; the computer needs two of them. Do tutorial 1 first.

# %%
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from my_catchment import Hillslope

import hydroda as hda
from hydroda import plotting, testing, verification
from hydroda.catchments import Fuerstensee

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS = 6 if QUICK else 32
PERIOD = ("2016-05-01", "2016-05-13" if QUICK else "2016-07-01")
FOLDER, PICTURES, RUN = Path("hillslope"), Path("tutorial_02"), Path("hillslope_run")

# %% [markdown]
# ## The weather file
#
# Your weather comes from a logger: hourly, in local time, in the units of the logger, with gaps.
# We take the real weather of Fürstensee and write it that way.
#
# Two gaps: six hours without temperature, and three days without humidity. Nobody measured wind,
# radiation and pressure at all.

# %%
FOLDER.mkdir(exist_ok=True)
real = Fuerstensee().read_forcing().data.sel(time=slice("2016-04-30", "2016-07-02"))
table = pd.DataFrame(
    {
        "rain_mm": real["rain"],
        "temperature_degC": (real["air_temperature"] - 273.15).round(1),
        "humidity_pct": (100 * real["relative_humidity"]).round(),
    },
    index=pd.DatetimeIndex(real["time"], name="time") + pd.Timedelta("1h"),  # UTC to local
)
table.loc["2016-05-04 06:00":"2016-05-04 11:00", "temperature_degC"] = np.nan
table.loc["2016-05-09":"2016-05-11", "humidity_pct"] = np.nan
table.to_csv(FOLDER / "weather.csv")
print((FOLDER / "weather.csv").read_text()[:150])

# %% [markdown]
# `Hillslope.read_forcing` says which column is what, in which unit, and in which zone the clock
# ran: summer time would make an hour vanish, so say a fixed offset.
#
# hydroda fills nothing in silence. `Forcing.completed` fills with named methods and lists every
# value. Read this list before you believe a run: estimated radiation is not measured radiation.

# %%
hillslope = Hillslope(members=MEMBERS, period=PERIOD)
forcing = hillslope.read_forcing()
print(forcing.completion_summary().drop(columns=["from", "to"]).to_string(index=False))
filled = forcing.data["relative_humidity_filled"].to_series()
print(f"\nhumidity is flagged from {filled[filled].index[0]} to {filled[filled].index[-1]} UTC")

# %% [markdown]
# ## The observation file
#
# Observations are tidy: a row per time and station, a column per quantity, and below the names a
# row of units. The row of units saves you: this logger writes percent, not m3/m3.
#
# You have no hillslope, so the model makes one. A twin draws a truth from the prior (with a seed of
# its own), the probes read it with their errors, and we write down what they read. We also do what
# happens in the field: a cable breaks at P200, and somebody digs beside P0 and flags that day.

# %%
nature = replace(hillslope, seed=3, members=2, updates=())
readings = nature.twin().observations()
rows = pd.DataFrame(
    {
        "time": [f"{time:%Y-%m-%dT%H:%M}Z" for time in readings["time"]],
        "station": readings["station"],
        "depth": 0.10,
        "soil_moisture": (100 * readings["value"]).round(1),
        "soil_moisture_flag": "",
    }
)
broken = (rows["station"] == "P200") & (rows["time"] > "2016-05-10") & (rows["time"] < "2016-05-16")
dug = (rows["station"] == "P0") & (rows["time"] == "2016-05-08T00:00Z")
rows.loc[broken, "soil_moisture"] = np.nan
rows.loc[dug, "soil_moisture_flag"] = "digging"
units = pd.DataFrame([["UTC", "", "m", "percent", ""]], columns=rows.columns)
pd.concat([units, rows]).to_csv(FOLDER / "probes.csv", index=False)
print((FOLDER / "probes.csv").read_text()[:160])

# %% [markdown]
# ## Run it
#
# `compare()` runs the open loop and the assimilation. The reasons stand in the result: nothing that
# was rejected is lost from sight.

# %%
result = hillslope.compare()
print(result.observations().groupby("station")["status"].value_counts().to_string())

# %% [markdown]
# ## Localization, where there are several columns
#
# With 32 members two columns that have nothing in common still correlate by about 1 / sqrt(32) =
# 0.18, by chance. Without a taper a probe at 0 m would change the soil at 500 m for no better
# reason. In `Hillslope` the taper is Gaspari and Cohn's with a half-width of 200 m: it is zero from
# 400 m on. The wetness is alike within some 400 m, so that is a sensible start. Is it right?


# %%
def rmse_withheld(result, leg):
    """RMSE at the probes that were never assimilated [m3/m3]."""
    data = result.series(leg)["soil_moisture (withheld)"]
    return float(
        verification.rmse(data["simulated"].mean("member", keep_attrs=True), data["observed"])
    )


def with_taper(taper):
    """The hillslope with another localization."""
    (update,) = hillslope.updates
    return replace(hillslope, updates=[replace(update, filter=hda.EnKF(taper))])


print(f"open loop                 {rmse_withheld(result, 'open_loop'):.4f} m3/m3")
print(f"Gaspari-Cohn, 200 m       {rmse_withheld(result, 'assimilation'):.4f} m3/m3")
everywhere = with_taper(hda.NoLocalization()).run()
print(f"without localization      {rmse_withheld(everywhere, 'assimilation'):.4f} m3/m3")

# %% [markdown]
# Not on this slope. All columns get the same rain, and what we do not know of the rain is the same
# for all: the far probe does say something true, and the taper throws it away. A taper pays where
# columns have little in common: a catchment of many kilometres, many more columns than members.
# Never believe a radius; try it at probes that you withhold, and with more than one seed.
#
# The map shows how far each assimilated probe reaches, the series a probe that was withheld.

# %%
stations = xr.Dataset(
    {
        name: ("station", [getattr(s, name) or 0.0 for s in hillslope.network.sensors])
        for name in "xy"
    },
    {"station": list(hillslope.network.stations)},
)
assimilated = ~stations["station"].isin(hillslope.network.withheld)
figure = plotting.map_stations(stations, assimilated, radius="400 m")
plotting.save(figure, PICTURES / "1_map.png")

ours, theirs = (
    result.series(leg)["soil_moisture (withheld)"].sel(station="P100") for leg in result.legs[::-1]
)
figure = plotting.time_series(
    ours["simulated"].rename("soil moisture, P100"),
    open_loop=theirs["simulated"],
    withheld=ours["observed"],
    error_sd=ours["error"],
)
plotting.save(figure, PICTURES / "2_withheld.png")

# %% [markdown]
# ## A taper of your own
#
# A taper is one function of r = distance / radius. The spherical model is known from kriging. It is
# positive definite in three dimensions, so a covariance times this taper is a covariance.
#
# `support` says where it becomes zero: nothing further away is ever visited.


# %%
@dataclass(frozen=True)
class Spherical(hda.LocalizationScheme):
    """The spherical model of geostatistics."""

    radius: hda.Amount
    support = 1.0

    def taper(self, r):
        return np.where(r < 1, 1 - 1.5 * r + 0.5 * r**3, 0.0)


metres = np.arange(0.0, 451.0, 50.0)
gaspari_cohn = hda.GaspariCohn(halfwidth="200 m")
spherical = Spherical("400 m")
print("distance [m]", *(f"{x:5.0f}" for x in metres))
for taper in (gaspari_cohn, spherical):
    weights = taper.taper(metres / float(taper.radius))
    print(f"{type(taper).__name__:12}", *(f"{w:5.2f}" for w in weights))
run = with_taper(spherical).run()
print(f"Spherical, 400 m          {rmse_withheld(run, 'assimilation'):.4f} m3/m3")

# %% [markdown]
# ## A sensor of your own
#
# A tensiometer reads suction, which the model does not have: it has the pressure head h [m]. A
# sensor says its quantity, unit and depth, and what it would read in each member. `bounds` are what
# the instrument can show: above 850 hPa the water in it begins to boil.
#
# `read` gives a variable at the column of the sensor, in the unit you ask for.


# %%
@dataclass(frozen=True, kw_only=True)
class Tensiometer(hda.Sensor):
    """Suction of the soil water at 20 cm [hPa]."""

    quantity, unit, depth, bounds = "suction", "hPa", 0.2, (0.0, 850.0)

    def predict(self, ensemble):
        nearest = np.argmin(np.abs(ensemble["depth"].values - self.depth))
        return np.clip(-98.07 * self.read(ensemble, "h", "m")[:, nearest], *self.bounds)


T200 = Tensiometer(station="T200", x="200 m", sd="20 hPa", every="1 D")

# %% [markdown]
# ## Have it checked
#
# `hydroda.testing` holds what every taper, sensor, filter, model and experiment must keep: a taper
# never rises, a sensor reads each member alone, a prior draws from its `rng` and from nothing else.
# Put these lines into a test and your subclass stays sound.

# %%
members = result.ensemble()
testing.check_taper(spherical)
testing.check_sensor(T200, members)
testing.check_experiment(hillslope)

# %% [markdown]
# A mistake is found at once. This one forgot that a taper is 1 where it begins:


# %%
class Halved(Spherical):
    def taper(self, r):
        return 0.5 * super().taper(r)


try:
    testing.check_taper(Halved("400 m"))
except AssertionError as error:
    print("check_taper says:", error)

# %% [markdown]
# ## From the command line
#
# On a cluster nobody sits before a notebook. The same class runs from its file; `--set` changes any
# setting, `--out` names the folder. In a terminal:
#
#     hydroda run my_catchment.py --set members=16 --out hillslope_run
#
# A run can be killed at any moment: power fails, the queue ends. Here we kill it ourselves, after
# ten days, by an error in what should show the progress.


# %%
def power_cut(steps, total, label):
    """The first ten steps."""
    for number, step in enumerate(steps):
        if number == 10:
            raise KeyboardInterrupt
        yield step


members_16 = replace(hillslope, members=16) if not QUICK else hillslope
try:
    members_16.compare(RUN, progress=power_cut, overwrite=True)
except KeyboardInterrupt:
    print("power cut; the folder holds", sorted(path.name for path in RUN.iterdir()))

# %% [markdown]
# Resume it with the same command and `--resume`. The run goes on from its last day and ends in the
# same numbers, bit for bit, as if nothing had happened. With other settings it refuses.

# %%
mine = Path(sys.modules["my_catchment"].__file__)
settings = [f"--set=members={members_16.members}", f"--set=period={PERIOD!r}"]
command = [sys.executable, "-m", "hydroda", "run", str(mine), *settings, f"--out={RUN}", "--resume"]
command += ["--no-figures"] * QUICK
print(subprocess.run(command, check=True, capture_output=True, text=True).stdout[-1500:])

resumed, uninterrupted = hda.Result.open(RUN), members_16.run()
same = np.array_equal(resumed.ensemble()["theta"], uninterrupted.ensemble()["theta"])
print("the same bits as without the power cut:", same)

# %% [markdown]
# The folder now holds the result as NetCDF and the standard pictures. Later, or elsewhere:
#
#     hydroda score hillslope_run
#     hydroda plot hillslope_run --out pictures
#     hydroda info hillslope_run --explain P0/soil_moisture/2016-05-05
#
# ## Exercise
#
# Is a tensiometer at 200 m worth more than the probe there? Declare `WithTensiometer(Hillslope)`:
# P200 goes, `T200` comes, and an `Update` of its own lets the suction change theta. Run it as a
# twin (there are no readings of it) and compare the RMSE at the withheld probes with the twin of
# `Hillslope`. Why does the spread of the suction grow as the soil dries, and what does that do to a
# filter that thinks in straight lines?

# %%
# region Answer (open me)


class WithTensiometer(Hillslope):
    """The hillslope with a tensiometer in place of the probe at 200 m."""

    network = replace(
        Hillslope.network,
        sensors=(*(s for s in Hillslope.network.sensors if s.station != "P200"), T200),
    )
    updates = (
        *Hillslope.updates,
        hda.Update("suction", changes="theta", filter=hda.EnKF(gaspari_cohn)),
    )


for answer in (Hillslope, WithTensiometer):
    result = answer(members=MEMBERS, period=PERIOD).twin()
    print(f"{answer.__name__:16} {rmse_withheld(result, 'assimilation'):.4f} m3/m3")

# Suction grows like a power of dryness: the same change of theta is 10 hPa in wet soil and hundreds
# in dry soil. The filter draws one straight line through members that lie on a curve. Assimilating
# log10 of the suction, with a constant relative error, straightens it: a sensor of eight lines.
# endregion
