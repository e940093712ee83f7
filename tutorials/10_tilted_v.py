# %% [markdown]
# # 10. Rain on a tilted V
#
# Water that the ground does not take runs over it. How fast, decides how high the flood is. Here
# it runs over two planes that meet in a channel: the V-catchment of Di Giammarco et al. (1996),
# on which Kollet and Maxwell (2006, doi:10.1016/j.advwatres.2005.08.006) showed that rivers and
# groundwater can be solved as one system, and every code of its kind since.
#
# You will pour rain on it, know what must come out before you look, find that two good codes differ
# for half an hour and why, learn what roughness, cells and steps do to a flood, build a dam that
# one of the two waves cannot see, and put soil under it.
#
# About 45 minutes; the computer needs one or two of them. Tutorial 9 has the water below the
# ground.

# %%
import os
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

import hydroda as hda
from hydroda import plotting
from hydroda.forcing import ForcingWindow
from hydroda.models import (
    DiffusiveWave,
    DrainedArea,
    FlowSteps,
    KinematicWave,
    Ponded,
    drained_area,
    stream_mask,
)
from hydroda.models.terrestrial import Overland
from hydroda.obs.screening import OffStream, Screening

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
ROWS, UNTIL = (5, 60) if QUICK else (50, 180)  # rows of cells; minutes
PICTURES = Path("tutorial_10")
PICTURES.mkdir(exist_ok=True)

# %% [markdown]
# ## The V
#
# Each plane is 800 m wide and 1000 m long and falls by 5 % towards the channel, which is 20 m wide.
# All of it falls by 2 % towards the outlet. The planes are smooth, the channel is rough. A grid has
# slopes that are positive where the ground rises with the index: x to the right, y to the north.
#
# The ground is sealed for now: a soil through which 1e-13 m/s pass. "Streams need no special code":
# the pressure in the top cell, where positive, is the depth of water on it.

# %%
SEALED = hda.VanGenuchten("0.1 m3/m3", "0.4 m3/m3", "1 1/m", 2.0, "1e-13 m/s")
RAIN = 10.8  # mm/h, for 90 minutes


def v(rows=ROWS, columns=81, soil=SEALED, layers=("10 cm",), channel=0.15, planes=0.015, **choices):
    """The V as a model of cells of 1620 m / columns by 1000 m / rows, and dry members of it."""
    middle = columns // 2
    slope_x = np.where(np.arange(columns) < middle, -0.05, 0.05)
    slope_x[middle] = 0.0
    cell = f"{1620 / columns} m", f"{1000 / rows} m"
    grid = hda.Grid((rows, columns), *cell, layers, slope_x=slope_x[None], slope_y=0.02)
    steps = FlowSteps(largest=choices.pop("step", "1 min"), smallest="1 ms", tolerance="1e-9 m")
    model = hda.TerrestrialSystem(grid, soil, steps=steps, **choices)
    manning = np.where(np.arange(columns) == middle, channel, planes)
    return model, model.dataset(h=np.zeros((1, 1, 1)), manning=np.tile(manning, rows)[None])


model, dry = v()
area = model.grid.columns * model.grid.area
print(f"{model.grid.columns} columns of {model.grid.dx:g} m by {model.grid.dy:g} m")


# %% [markdown]
# A storm: 90 minutes of rain, then none. We stop every few minutes and keep what there is.

# %%
START = np.datetime64("2020-06-01", "ns")


def storm(model, state, every=5, until=UNTIL, rain=RAIN):
    """The state every so many minutes."""
    states, minute = [], np.timedelta64(60 * 10**9, "ns")
    for time in range(0, until, every):
        fallen = rain * every / 60 if time < 90 else 0.0
        begin, end = START + time * minute, START + (time + every) * minute
        window = ForcingWindow(np.array([begin]), 60.0 * every, {"rain": np.array([[fallen]])})
        state = model.forecast(state, window, begin, end)
        states.append(state[["pond", "discharge", "edge_discharge", "rain", "runoff", "water"]])
    minutes = every * np.arange(1, len(states) + 1)
    time = ("time", minutes, {"long_name": "time since the rain began", "units": "min"})
    return xr.concat(states, "time").isel(member=0).assign_coords(time=time)


def outflow(run):
    """Discharge over the edge [m3/min] (time,)."""
    found = 60.0 * run["edge_discharge"].sum("column")
    return found.rename("outflow").assign_attrs(long_name="outflow", units="m3 min-1")


first = storm(model, dry)
per_mm = model.grid.area / 1000  # m3 of a column
fallen, gone = (per_mm * float(first[name].sum()) for name in ("rain", "runoff"))
kept = per_mm * float((first["water"].isel(time=-1) - dry["water"]).sum())
print(f"fallen {fallen:.0f} m3, run off {gone:.0f} m3, still there {kept:.0f} m3")
print(f"out of nowhere: {kept + gone - fallen:.0e} m3")

# %% [markdown]
# ## What must come out
#
# Before you believe a hydrograph, work out what you can without a model.
#
# * At equilibrium all the rain runs off: rain times area.
# * A plane in the kinematic wave can be solved on paper. Water runs down the steepest slope S, at a
#   depth h and with Manning's n as q = S^(1/2) h^(5/3) / n [m2/s]. After a way s under rain i it is
#   q = i s deep, and it needs the time h / i to become so deep.

# %%
i, n, steepest = RAIN / 3.6e6, 0.015, np.hypot(0.05, 0.02)
way = 800.0 * steepest / 0.05  # from the ridge to the channel, aslant
depth = (i * way * n / np.sqrt(steepest)) ** 0.6
foot = model.grid.column_at("790 m", "10 m")
at_foot = float(first["pond"].isel(column=foot).sel(time=min(UNTIL, 90)))
print(f"outflow at equilibrium   {60 * i * area:6.1f} m3/min on paper")
print(f"                         {float(outflow(first).max()):6.1f} m3/min in the model")
print(f"depth above the channel  {1000 * depth:6.2f} mm on paper, after {depth / i / 60:.0f} min")
print(f"                         {at_foot:6.2f} mm in the model, in the last cell of the plane")

# %% [markdown]
# ## Beside another code
#
# Kollet and Maxwell put overland flow into ParFlow. These numbers are of ParFlow 3.15.0 on this V
# in cells of 20 m, by the equations of their paper. The peak must agree, and does. The rise does
# not: after half an hour ParFlow has a good deal more water at the outlet.

# %%
PARFLOW = {30: 132.47, 40: 227.26, 50: 279.96, 60: 290.03, 90: 291.59, 100: 218.77, 120: 97.50}
PARFLOW |= {150: 31.10, 180: 13.15}  # m3/min by minute
diffusive = storm(replace(model, overland=DiffusiveWave()), dry)


def beside(runs, times=PARFLOW):
    """Prints the outflow of runs, in rows, at times."""
    table = pd.DataFrame({name: outflow(run).to_series() for name, run in runs.items()}).T
    print(table[[time for time in times if time in table]].round(1).to_string())


runs = {"kinematic wave": first, "diffusive wave": diffusive}
beside(runs)
print("ParFlow 2006   ", {time: flow for time, flow in PARFLOW.items() if time <= UNTIL})


def draw(runs, name, points=None):
    """The hydrographs of runs in one picture, and points of others."""
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    flows = xr.concat([outflow(run) for run in runs.values()], pd.Index(list(runs), name="run"))
    plotting.series_beside(flows, ax=axes)
    axes.axhline(60 * i * area, color=plotting.GREY, lw=0.8)
    axes.annotate("rain times area", (UNTIL, 60 * i * area), (0, 4), textcoords="offset points",
                  ha="right")  # fmt: skip
    if points:
        known = {time: flow for time, flow in points.items() if time <= UNTIL}
        axes.plot(list(known), list(known.values()), "o", color=plotting.PALETTE["black"],
                  label="ParFlow 3.15.0")  # fmt: skip
    axes.axvspan(0, min(90, UNTIL), color=plotting.PALETTE["sky"], alpha=0.15, lw=0, label="rain")
    axes.set_ylim(0, 66 * i * area)
    axes.get_legend().remove()
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    plotting.save(figure, PICTURES / name)


draw(runs, "1_two_waves.png", PARFLOW)

# %% [markdown]
# Which is wrong? Neither code: the equation. In the paper each direction has a friction slope of
# its own: v_x = S_x^(1/2) / n h^(2/3), and v_y likewise. Here the velocity points down the steepest
# slope S and has the size S^(1/2) / n h^(2/3), so v_x = S_x / S^(1/2) / n h^(2/3), which does not
# depend on how the axes of the grid are laid. Where one slope is zero they are the same. On our
# planes they are not: the paper's wave is faster. In the exercise you will write it in six lines.
#
# The diffusive wave follows the slope of the water in place of that of the bed. On steep ground
# that is nearly the same.
#
# ## Roughness
#
# Question: double Manning's n of the channel. What happens to the peak, and when does half of it
# pass? (Depth goes with n^(3/5), so do times. And the peak?)

# %%
LESS = 5 if QUICK else 20
rough = {
    "as it is": {},
    "rougher channel, n = 0.3": {"channel": 0.3},
    "smooth channel, n = 0.015": {"channel": 0.015},
    "grass on the planes, n = 0.15": {"planes": 0.15},
}
rough = {name: storm(*v(rows=LESS, **choices)) for name, choices in rough.items()}
half = 30 * i * area
for name, run in rough.items():
    flow = outflow(run)
    when = float(np.interp(half, flow.values[: 90 // 5], flow["time"].values[: 90 // 5]))
    peak = float(flow.max())
    print(f"{name:30s} peak {peak:6.1f} m3/min, half of the equilibrium at {when:.0f} min")
draw(rough, "2_roughness.png")

# %% [markdown]
# Roughness does not change what an endless rain gives. It decides whether the rain lasts long
# enough: grass turns the same storm into a lower flood.
#
# ## Cells and steps
#
# The scheme is implicit and upstream: it takes any step and stays stable and positive. That is not
# accuracy. A wave that moves by c is smeared as if it diffused by c dx / 2 + c² dt / 2.

# %%
tried = {
    "50 m cells, 1 min": {"rows": 20},
    "200 m cells, 1 min": {"rows": 5},
    "50 m cells, 10 min": {"rows": 20, "step": "10 min"},
}
if not QUICK:
    tried = {"20 m cells, 1 min": {}} | tried
tried = {name: storm(*v(**choices), every=10) for name, choices in tried.items()}
beside(tried, (30, 40, 50, 60, 90, 120, 180))

# %% [markdown]
# ## A dam
#
# Where the kinematic wave fails: it looks at the bed alone. Put a wall of half a metre across a
# channel that falls by half a percent, and rain 40 mm/h on it.

# %%
bed = 5.0 - 0.005 * 20.0 * np.arange(50) + 0.5 * (np.arange(50) == 30)
channel = hda.Grid((1, 50), "20 m", "20 m", ("10 cm",), elevation=bed[None])
steps = FlowSteps(largest="1 min", smallest="1 ms", tolerance="1e-9 m")
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
along = 20.0 * np.arange(50) + 10.0
axes.fill_between(along, bed, 0.0, step="mid", color=plotting.GREY, alpha=0.5, lw=0, label="bed")
for wave, colour, dash in ((KinematicWave(), "vermilion", "-"), (DiffusiveWave(), "blue", "--")):
    walled = hda.TerrestrialSystem(
        channel, SEALED, overland=wave, manning="0.05 s/m^(1/3)", steps=steps
    )
    full = storm(walled, walled.dataset(h=np.zeros((1, 1, 1))), 30, 90, rain=40.0).isel(time=-1)
    level, name = bed + full["pond"].values / 1000, type(wave).__name__
    print(f"{name}: water at {level[28]:.2f} and {level[29]:.2f} m behind a wall of 2.50 m")
    axes.step(along, level, dash, where="mid", lw=1.8, color=plotting.PALETTE[colour], label=name)
axes.set(xlabel="Distance (m)", ylabel="Elevation (m)", xlim=(400, 800), ylim=(0.8, 3.5))
figure.legend(loc="outside lower center", ncols=3, frameon=False)
plotting.save(figure, PICTURES / "3_dam.png")

# %% [markdown]
# The bed behind the wall slopes back, and the bed before it forward: between them the kinematic
# wave piles water up, the lower cell below the higher one, and nothing ever tells it to stop. The
# diffusive wave fills the hollow to a level and flows over. In terrain from a DEM, with its pits
# and its flat valley floors, either fill the pits or take the diffusive wave; it costs little more.
#
# ## Soil under it
#
# Now the ground takes water: a metre of loam that lets 3.6 mm/h pass when wet, with the water table
# at its bottom. The same 16.2 mm of rain.

# %%
LOAM = hda.VanGenuchten("0.08 m3/m3", "0.43 m3/m3", "2 1/m", 1.5, "3.6 mm/h")
LAYERS = ("2 cm", "3 cm", "5 cm", "10 cm", "20 cm", "30 cm", "30 cm")
soaking, _ = v(soil=LOAM, layers=LAYERS)
wet = soaking.dataset(h=(soaking.z - 1.0)[None, None], manning=dry["manning"].values)
soaked = storm(soaking, wet)
for name, run in (("sealed", first), ("loam", soaked)):
    part = float(run["runoff"].sum() / run["rain"].sum())
    print(f"{name:7s} peak {float(outflow(run).max()):6.1f} m3/min, run off by then {part:.0%}")
draw({"sealed": first, "loam": soaked}, "4_loam.png")

# %% [markdown]
# ## Where is the stream?
#
# Nobody told the model. For a flood that does not matter. For assimilation it does: a well in the
# cell of a stream shows the stream, and Li et al. keep such wells, and those in the cells beside,
# for validation. `stream_mask` says which columns are stream, by one of two rules:
#
# * `DrainedArea`: the terrain's answer. Water of a column goes to the two sides below it in
#   proportion to the slopes, as in the kinematic wave; where enough drains through, is a stream.
# * `Ponded`: the model's answer, for its weather. Where water stands long enough, is a stream.

# %%
grid = soaking.grid
by_terrain = stream_mask(grid, by=DrainedArea("0.1 km2"))
by_run = stream_mask(grid, by=Ponded(share=0.6, depth="2 mm"), states=soaked)
print(by_run["river"].attrs["long_name"])
for name, found in (("terrain", by_terrain), ("run", by_run)):
    print(f"by the {name}: {int(found['river'].sum())} of {grid.columns} columns")

# %% [markdown]
# The drained area is a check as well: the discharge of a long rain is rain times drained area, in
# every column. And the mask goes into a `Screening` as it is.

# %%
steady = first["discharge"].sel(time=min(UNTIL, 90))
share = float((steady / (i * drained_area(model.grid))).median())
print(f"discharge over rain times drained area, the median column: {share:.4f}")

places = pd.DataFrame({"x": [810.0, 790.0, 500.0, 1300.0], "y": 310.0}, list("ABCD"))
rows = [
    {"time": f"2020-06-0{day}", "station": well, "quantity": "groundwater_level", "value": 1.0}
    for well in places.index
    for day in (1, 2)
]
readings = hda.Records.of(pd.DataFrame(rows), {"groundwater_level": "m"}, places, zone="UTC")
screened = Screening(assimilate=(OffStream(),)).of(readings, columns=by_run)
print(screened.table.to_string())

figure, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained", sharey=True)
area_km2 = (by_terrain["drained_area"] / 1e6).assign_attrs(long_name="Drained area (km²)")
wet_time = (100 * by_run["ponded_share"]).assign_attrs(long_name="Time under 2 mm or more (%)")
for ax, found, measure in zip(axes, (by_terrain, by_run), (area_km2, wet_time), strict=True):
    drawn = ax.imshow(
        grid.on_map(measure), extent=(0, 1620, 0, 1000), origin="lower", cmap="Blues",
        norm="log" if measure is area_km2 else None,
    )  # fmt: skip
    label = measure.attrs["long_name"]
    figure.colorbar(drawn, ax=ax, label=label, location="bottom", shrink=0.8)
    stream = found.isel(column=found["river"].values)
    ax.plot(stream["x"], stream["y"], "s", ms=2.5, color=plotting.PALETTE["vermilion"],
            label="stream")  # fmt: skip
    ax.plot(places["x"], places["y"], "o", ms=4, mfc="white", mec="black", label="well")
    for (well, x, y), side in zip(places.itertuples(), (1, -1, -1, -1), strict=True):
        ax.annotate(well, (x, y), (7 * side, 0), textcoords="offset points", weight="bold",
                    ha="left" if side > 0 else "right", va="center")  # fmt: skip
    ax.set_xlabel("x (m)")
axes[0].set_ylabel("y (m)")
axes[1].legend(loc="upper left", frameon=False)
plotting.save(figure, PICTURES / "5_streams.png")

# %% [markdown]
# ## What to keep
#
# - Equilibrium, depth and time can be worked out on paper; do it before you run.
# - Two codes that agree at the peak may differ on the way to it. Ask for the equation, not the
#   code.
# - Roughness and duration make the flood; cells and steps smear it.
# - The kinematic wave knows the bed, the diffusive wave the water.
#
# ## Exercise
#
# Write the wave of the paper, in which each direction has a friction slope of its own: a subclass
# of `Overland` with `sides(grid, manning)`. It may take what `KinematicWave().sides(...)` gives and
# replace its `out` (column, 4), the outflow to the west, east, south and north per depth^(5/3):
# S^(1/2) / n / width of the cell in that direction. How near does it come to ParFlow?

# %%
# region Answer (open me)


@dataclass(frozen=True)
class EachDirection(Overland):
    """The kinematic wave with a friction slope for each direction: Kollet & Maxwell 2006."""

    def sides(self, grid, manning):
        x, y = grid.slopes
        down = np.maximum(np.stack([x, -x, y, -y], axis=-1), 0.0)
        out = np.sqrt(down) / manning[:, None] / grid.widths
        return KinematicWave().sides(grid, manning)._replace(out=out)


paper = storm(replace(model, overland=EachDirection()), dry)
beside({"as in 2006": paper})
print("ParFlow 2006", {time: flow for time, flow in PARFLOW.items() if time <= UNTIL})
draw({"kinematic wave": first, "as in 2006": paper}, "6_answer.png", PARFLOW)

# On cells of 20 m, as ParFlow's were, the two agree in every digit that is printed. The difference
# at half an hour was none of code, cells or steps: it was which slope stands under the root.
# endregion
