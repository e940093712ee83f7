# %% [markdown]
# # 8. Your own catchment from files
#
# You have a terrain model, a soil map, some wells and some neutron sensors. This tutorial is the
# complete way from there to a scored assimilation over flow in three dimensions: which files, with
# which headers, in which folder; what is checked before anything is computed; how members come into
# balance; what to look at first.
#
# Nobody can ship your files, so the script makes a valley of 5 by 6 km and writes its data the way
# yours will come. Open `my_valley.py`, which lies beside this script: the class `Valley` is the
# whole declaration, file names and all. It is a `RurCatchment` whose every map comes from a file.
#
# About 50 minutes; the computer needs four of them. Do tutorials 2 and 6 first.

# %%
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from my_valley import FOLDER, Valley

import hydroda as hda
from hydroda import plotting
from hydroda.catchments import Fuerstensee
from hydroda.catchments.rur.nature import Nature
from hydroda.catchments.rur.spinup import SpinUp, balance_table
from hydroda.obs.formats import write
from hydroda.obs.screening import AtRandom, OffStream

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS, CELL = (4, "1 km") if QUICK else (16, "500 m")
START, END = "2016-04-01", "2016-04-10" if QUICK else "2016-05-15"
SPINUP = SpinUp(years=0.03, repeats=1, lead="2 D") if QUICK else SpinUp(3.43, 1, "40 D")
PICTURES = Path("tutorial_08")
FOLDER.mkdir(exist_ok=True)

# %% [markdown]
# ## The maps
#
# Each map is a table of points. It comes as CSV with columns `x` and `y`, metres in UTM zone 32, or
# `lon` and `lat`, or as NetCDF over (y, x) or (latitude, longitude). One thing per file, under
# a name that says what it is:
#
#     dem.nc         elevation [m]
#     soil.csv       sand, clay [%], bulk_density [g cm-3], which may be left out
#     aquifer.csv    log10_Ks [log10(m s-1)]
#     land_use.csv   land_use: crop, grass, broadleaf, needleleaf, built, mine
#
# The terrain model may be finer than the cells (its points are averaged) and decides where the
# catchment is: a point that is missing lies outside. The other maps may be coarser; every cell
# takes the nearest point, and one that has none within two cells is an error.

# %%
side = 250.0
x, y = np.meshgrid(310e3 + side * (np.arange(20) + 0.5), 5610e3 + side * (np.arange(24) + 0.5))
along, across = (y - y.min()) / 1e3, np.abs(x - x.mean() - 400 * np.sin(y / 900)) / 1e3
elevation = 420.0 - 14.0 * along + 45.0 * across + 6.0 * across**2
outside = np.hypot((x - x.mean()) / 2600, (y - y.mean()) / 3200) > 1.0
dem = xr.DataArray(
    np.where(outside, np.nan, elevation), {"y": y[:, 0], "x": x[0]}, ("y", "x"),
    attrs={"units": "m", "standard_name": "surface_altitude"},
)  # fmt: skip
dem.to_dataset(name="elevation").to_netcdf(FOLDER / "dem.nc")

points = pd.DataFrame({"x": x.ravel(), "y": y.ravel()})
slope = across.ravel()
soil = points.assign(sand=35 - 4 * slope, clay=16 + 3 * slope, bulk_density=1.35)
soil.round(1).to_csv(FOLDER / "soil.csv", index=False)
points.assign(log10_Ks=np.where(slope < 0.6, -5.0, -6.3)).to_csv(
    FOLDER / "aquifer.csv", index=False
)
use = np.select([slope < 0.8, slope < 1.6], ["grass", "crop"], "needleleaf")
points.assign(land_use=use).to_csv(FOLDER / "land_use.csv", index=False)
for name in ("soil.csv", "aquifer.csv", "land_use.csv"):
    print(name, *(FOLDER / name).read_text().splitlines()[:3], sep="\n    ")

# %% [markdown]
# ## The weather
#
# Hourly, CF NetCDF over (time, latitude, longitude), in hydroda's names with units, or ERA5 as it
# comes from the Copernicus store (tp, ssrd, strd, t2m, d2m, u10, v10, sp). Every column takes the
# nearest point. Stamps are UTC and mark the START of an hour; those of ERA5 are shifted for you.
#
# We put the weather of Fürstensee on two points, with a tenth more rain on the southern one.

# %%
real = Fuerstensee().read_forcing().data.sel(time=slice("2016-02-01", "2016-06-30"))
real = real[[name for name in real if not str(name).endswith("_filled")]]
weather = real.expand_dims({"latitude": [50.60, 50.70], "longitude": [6.30]}).copy()
weather["rain"] = weather["rain"] * xr.DataArray([1.1, 1.0], dims="latitude")
for name in weather.data_vars:
    weather[name].attrs = dict(real[name].attrs)
weather.transpose("time", "latitude", "longitude").to_netcdf(FOLDER / "weather.nc")
print({str(name): values.attrs["units"] for name, values in weather.data_vars.items()})

# %% [markdown]
# ## Wells and neutron sensors
#
# Observations are tidy: a row per time and station, below the names a row of units. Places stand
# beside them, in `wells.stations.csv`. What else is known of the wells, `about_wells.csv`, decides
# what becomes of them: aquifer and depth.
#
# Here two of the wells would do harm: one is confined, one is 40 m deep. Their readings are as good
# as any, but they are not readings of the water table, and nothing in the numbers says so.

# %%
rng = np.random.default_rng(4)
inside = points[~outside.ravel()].iloc[rng.permutation(int((~outside).sum()))[:14]]
wells = inside.round().reset_index(drop=True)
wells.index = pd.Index([f"W{n:02d}" for n in range(len(wells))], name="station")
about = pd.DataFrame({"aquifer": "unconfined", "depth": 12.0}, wells.index)
about.loc["W03", "aquifer"] = "confined"
about.loc["W07", "depth"] = 40.0
about.to_csv(FOLDER / "about_wells.csv")
probes = pd.DataFrame(
    {"x": [311.7e3, 312.6e3, 313.4e3, 312.2e3], "y": [5611.6e3, 5613.2e3, 5614.4e3, 5614.9e3]},
    pd.Index(["Bridge", "Meadow", "Slope", "Mill"], name="station"),
)
print((FOLDER / "about_wells.csv").read_text()[:110])


def records(quantity, unit, stations, times, values):
    """Records (time, station) of one quantity."""
    frame = pd.DataFrame(np.asarray(values, float), times, stations.index).rename_axis(
        index="time", columns="station"
    )
    table = frame.stack().rename("value").reset_index().assign(quantity=quantity)
    return hda.Records.of(table, {quantity: unit}, stations[["x", "y"]], zone="UTC")


# %% [markdown]
# You have readings; we have to make some. The model plays nature once more, but with other leaves,
# other rain and aquifers that vary inside their units, so that it is not the ensemble's own twin.
# The next cell is for that only: with your own files you have none of it.

# %%
days = pd.date_range(START, END, freq="D")[1:]
level = records("groundwater_level", "m", wells, days, np.full((len(days), len(wells)), 3.0))
moisture = records("soil_moisture", "m3 m-3", probes, days, np.full((len(days), 4), 0.3))
write(level, FOLDER / "plan.csv")
write(moisture, FOLDER / "plan.nc")
plans = {"wells": str(FOLDER / "plan.csv"), "crns": str(FOLDER / "plan.nc")}
planned = Valley(cell=CELL, members=2, period=(START, END), seed=11, **plans)
nature = Nature(seed=2, mine="0 m3/s", waterworks="0 m3/s")
birth, _ = SPINUP.of(nature.of(planned), ["truth"])
read = nature.truth(planned, birth).network.records.values
for name, kind, unit, stations in (
    ("wells.csv", "groundwater_level", "m", wells),
    ("crns.nc", "soil_moisture", "m3 m-3", probes),
):
    own = read[read["quantity"] == kind].pivot(index="time", columns="station", values="value")
    known = stations.loc[[station for station in stations.index if station in own]]
    refused = stations.drop(known.index)  # what screening left out was not read: levels of others
    others = pd.DataFrame(2.0, own.index, refused.index)
    table = own[known.index].join(others).round(3)
    write(records(kind, unit, pd.concat([known, refused]), table.index, table), FOLDER / name)
for plan in FOLDER.glob("plan.*"):
    plan.unlink()
print("the folder:", *sorted(path.name for path in FOLDER.iterdir()))
print((FOLDER / "wells.csv").read_text()[:190])

# %% [markdown]
# ## Before you run: what has become of the files
#
# The declaration costs nothing. Ask it what it has understood: the terrain (pits are cut through,
# so that all water finds the outlet), the wells with the count of every rule of the screening, and
# who is assimilated and who only validates. Wells beside a stream validate, because a cell of half
# a kilometre does not know the stream's own level.

# %%
valley = Valley(cell=CELL, members=MEMBERS, period=(START, END))
terrain = valley.terrain
print(f"{terrain.heights.size} cells, {terrain.area / 1e6:.0f} km2, "
      f"{terrain.heights.min():.0f} to {terrain.heights.max():.0f} m")  # fmt: skip
print(valley.chosen_wells.counts.to_string(index=False))
network = valley.read_network()
print("validate:", *network.withheld)

grid = terrain.grid
places = {
    "y": terrain.y0 + terrain.cell * (np.arange(grid.shape[0]) + 0.5),
    "x": terrain.x0 + terrain.cell * (np.arange(grid.shape[1]) + 0.5),
}
heights = xr.DataArray(
    grid.on_map(terrain.heights), places, ("y", "x"), name="elevation", attrs={"units": "m"}
)
PICTURES.mkdir(exist_ok=True)
plotting.save(plotting.map_network(network, background=heights), PICTURES / "network.png")

# %% [markdown]
# A mistake in a file is one line that names it, before hours of computing. Try sand of 140 %.

# %%
(FOLDER / "wrong.csv").write_text(soil.assign(sand=140.0).to_csv(index=False))
try:
    _ = replace(valley, soil=str(FOLDER / "wrong.csv")).ground
except hda.HydrodaError as error:
    print("refused:", error)
(FOLDER / "wrong.csv").unlink()

# %% [markdown]
# ## Into balance
#
# Every member draws its own texture and aquifer, so every member has a water table of its own. From
# one and the same table they would part for years, and what you see would be that and not the
# weather; and wells can teach nothing to members whose tables are all alike. `SpinUp` begins each
# from the table that level flow through its own aquifer would leave as it is, runs the ground alone
# under mean recharge, then everything through the weeks before the start, and says what still
# changes. Li's catchment is given a hundred years; for a class a few do.

# %%
start, balances = SPINUP.of(valley, range(MEMBERS))
print(balance_table(balances).round(1).to_string(index=False))
table = start["water_table_depth"]
print(f"mean water table {float(table.mean()):.1f} m, members apart by "
      f"{float(table.std('member').mean()):.1f} m")  # fmt: skip

# %% [markdown]
# ## Run and score
#
# `compare` runs the open loop and the assimilation. Scores are those of forecasts, before the
# readings of their day were used; "(withheld)" are wells that no update saw.

# %%
result = valley.compare(start=start)
scores = result.scores()
shown = scores[(scores["group"] == "all") & scores["score"].isin(["rmse", "spread_skill", "bias"])]
print(shown.pivot_table(index=["variable", "score"], columns="run", values="value").round(3))

account = result.account()
water = account[account["variable"] == "water"][["score", "run", "unit", "value"]]
print(water.to_string(index=False))

# %% [markdown]
# Look at three things, in this order. Did the error of the withheld wells fall, or only that of the
# assimilated ones? Is `spread_skill` near 1, or are the members too sure of themselves (below 1)?
# And how much water did the updates move: more than it rained?

# %%
series, free = result.series(), result.series("open_loop")
for kind in ("soil_moisture", "groundwater_level"):
    station = series[kind]["station"].values[1]
    here, loose = (one[kind].sel(station=station) for one in (series, free))
    picture = plotting.time_series(
        here["simulated"].rename(kind), open_loop=loose["simulated"].rename(kind),
        observations=here["observed"].rename(kind), error_sd=here["error"],
    )  # fmt: skip
    plotting.save(picture, PICTURES / f"{kind}.png")

# %% [markdown]
# ## Exercise
#
# How good would the wells be that you do not use? Write `Half`, a valley in which half of the wells
# that may be assimilated only validate: its `screening` has one more rule, `AtRandom(count, seed)`,
# behind `OffStream()`. Compare the error at withheld wells with that at assimilated ones.

# %%
# region Answer (open me)


class Half(Valley):
    """The valley with half of its wells kept back."""

    screening = replace(Valley.screening, assimilate=(OffStream(), AtRandom(4, seed=1)))


half = Half(cell=CELL, members=MEMBERS, period=(START, END)).compare(start=start)
errors = half.scores().query("group == 'all' and score == 'rmse'")
print(errors.pivot_table(index="variable", columns="run", values="value").round(3))

# Between the wells only the taper and the correlations of the members carry what a well says. If
# withheld wells gain nothing, the radius is too long for this aquifer, or members too few.
# endregion
