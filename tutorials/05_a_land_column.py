# %% [markdown]
# # 5. A land column
#
# Between the weather and the soil stands a surface: leaves that catch rain and light, stomata,
# snow, a ground that freezes. It decides how much of the rain evaporates, how much runs off, and
# how much is left for the soil, and so what a soil moisture sensor can tell.
#
# You will take a land column through a year of the meadow of tutorial 1, follow its water and its
# energy, look at what each part does by taking another one, and set two models of the land beside
# each other that differ in their parts alone.
#
# About 45 minutes; the computer needs two of them, most of it for compiling.

# %%
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hydroda import plotting
from hydroda.catchments import Fuerstensee
from hydroda.models.canopy import SakaguchiZeng, SteadyCapacity
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.plants import Leaves, clm4, colm

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
DAYS = 60 if QUICK else 366
PICTURES = Path("tutorial_05")

# %% [markdown]
# ## The weather and the column
#
# A land column wants rain, light and heat of the sky, temperature, humidity, wind and pressure: the
# station at Fürstensee has all of them, hourly. The year is 2016.

# %%
weather = Fuerstensee().read_forcing()
START = np.datetime64("2016-01-01", "ns")
DAY = np.timedelta64(1, "D")
print(", ".join(weather.variables))

# %% [markdown]
# A column is put together from parts. `CLM4Column` is a list of them after the Community Land Model
# 4: only the place, the plants and the texture of the soil are left to say. The texture conducts
# heat, and, by the regressions of Cosby et al., holds water. Print it: every part has a name.

# %%
site = {"latitude": "53.32 degree", "longitude": "13.12 degree", "sand": "78 %", "clay": "7 %"}
meadow = CLM4Column(plants=(clm4("c3 grass"),), **site)
for part in ("light", "canopy", "stress", "humidity", "snow", "heat", "runoff", "bottom"):
    print(f"{part:9s}", type(getattr(meadow, part)).__name__)

# %% [markdown]
# ## A year
#
# One member, one column, ten layers down to 3.4 m. A model is asked for a forecast from a time to a
# time; we ask day after day and keep what it says. A column that starts anywhere forgets where: run
# the year once before it counts.


# %%
def a_year(column):
    """Water [mm], heat [W m-2] and states of each day, after a year of settling."""
    end = START + DAYS * DAY
    theta = np.full((1, 1, column.dz.size), 0.2)
    state = column.dataset(theta=theta, temperature="282 K", water_table="3 m")
    state = column.forecast(state, weather.between(START, end), START, end)
    days = []
    for day in START + np.arange(DAYS) * DAY:
        state = column.forecast(state, weather.between(day, day + DAY), day, day + DAY)
        days.append(state.squeeze(drop=True))
    return xr.concat(days, pd.Index(START + np.arange(DAYS) * DAY, name="time"))


year = a_year(meadow)
for name in ("rain", "evapotranspiration", "transpiration", "interception", "runoff", "drainage"):
    print(f"{name:18s} {float(year[name].sum()):7.1f} mm")
print(f"water that came from nowhere: {float(abs(year['budget_error']).max()):.1e} mm a day")
print(f"energy that went nowhere: {float(year['energy_error'].max()):.1e} W m-2")

# %% [markdown]
# The two last lines are the reason to trust the others: what evaporates cools the surface that it
# left, what freezes warms, and nothing is lost. An analysis of a filter does make water; see
# tutorial 4. Where does the energy go?

# %%
heat = ("net_radiation", "sensible_heat", "latent_heat", "ground_heat")
months = year[list(heat)].groupby("time.month").mean().to_dataframe()[list(heat)]
print(months.round(0).astype(int))

# %% [markdown]
# In winter the ground gives heat, and the air too; in summer most of the light evaporates water, as
# long as there is some. Then look at the profile: the top layers freeze, and the wave of warmth
# comes later and weaker with depth.

# %%
frozen = (year["ice"].isel(layer=0) > 0.01).sum().item()
swing = year["temperature"].max("time") - year["temperature"].min("time")
print("days of frost in the top layer:", frozen)
print("swing [K] by layer:", swing.values.round(1))
warmth = plotting.profile_through_time(year["temperature"], cmap="inferno")
plotting.save(warmth, PICTURES / "warmth.png")

# %% [markdown]
# ## Take another part
#
# `dataclasses.replace` makes another column of this one. Does dead grass on the ground matter? CLM
# 4 lays litter of half a square metre per square metre on it, through which vapour has to pass. And
# do leaves in autumn work as in June? CLM 4 takes capacity from them as days get shorter.

# %%
columns = {
    "CLM4Column": meadow,
    "without litter": replace(meadow, humidity=SakaguchiZeng(litter=0.0)),
    "the same leaves on all days": replace(meadow, capacity=SteadyCapacity()),
    "CoLMColumn": CoLMColumn(plants=(colm("grasslands"),), **site),
}
years = {name: year if column is meadow else a_year(column) for name, column in columns.items()}
shown = ("evapotranspiration", "transpiration", "runoff", "drainage")
table = pd.DataFrame({v: [float(y[v].sum()) for y in years.values()] for v in shown}, list(years))
print(table.round(0).to_string())

# %% [markdown]
# Litter is worth more water than many a parameter that people estimate. The last column is another
# model of the land, in the structure of the Common Land Model: no litter, TOPMODEL's runoff, a
# bottom that lets nothing through, other light, other plants. Same weather, same texture, same
# layers:
#
# ```python
# replace(columns["CoLMColumn"], runoff=hda.models.Simtop())      # one argument swaps the runoff
# ```
#
# How far apart two models of the same land are after one day, starting from the same state, is what
# a filter has to live with: the model error. `hydroda reproduce bondville1998 --data FOLDER`
# measures it by layer, and says how near either is to a tower.

# %%
moisture = xr.concat(
    [each["theta"].isel(layer=2) for each in years.values()], pd.Index(list(years), name="run")
)
moisture.attrs["units"] = "m3 m-3"
plotting.save(plotting.series_beside(moisture.rename("moisture at 6 cm")), PICTURES / "parts.png")

# %% [markdown]
# ## What to keep
#
# - A surface closes two budgets at once; a number for evaporation without its heat is a guess.
# - A part is an object; a model of the land is a list of parts; a swap is one argument.
# - Models differ by parts more than by parameters. An ensemble of one model does not know that.
#
# ## Exercise
#
# The meadow is mown. Write leaves of your own: a subclass of `Leaves` whose `area` gives leaf and
# stem area at times: 4 and 1, but a tenth of it in the thirty days after the fifteenth of June,
# growing back linearly. How much more water is in the first metre at the end of July?

# %% [markdown]
# region Answer


# %%
@dataclass(frozen=True)
class Mown(Leaves):
    """Leaf area 4 and stem area 1, a tenth of it on the day of mowing, whole 30 days later."""

    day: str = "06-15"

    def area(self, time, latitude, t_soil):
        mown = np.datetime64("2016-" + self.day, "ns")
        grown = (time - mown) / np.timedelta64(30, "D")
        part = np.where(grown < 0.0, 1.0, np.clip(0.1 + 0.9 * grown, 0.1, 1.0))
        return 4.0 * part, 1.0 * part


plants = {
    "tall": replace(meadow.plants[0], leaves=Mown("12-31")),
    "mown": replace(meadow.plants[0], leaves=Mown("01-20" if QUICK else "06-15")),
}
ends = {name: a_year(replace(meadow, plants=(plant,))) for name, plant in plants.items()}
when = ends["tall"]["time"].values[min(DAYS - 1, 212)]
metre = meadow.dz * (meadow.z < 1.0)
for name, found in ends.items():
    held = 1000.0 * float((found["theta"].sel(time=when) * metre).sum())
    print(f"{name}: {held:.0f} mm of liquid water in the first metre on {str(when)[:10]}")

# %% [markdown]
# endregion
