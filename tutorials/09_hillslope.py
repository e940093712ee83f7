# %% [markdown]
# # 9. A hillslope from rain to stream
#
# Rain falls on a slope. Some of it is in the stream an hour later, some after months, and some goes
# back to the air. Which way it takes is decided below the ground: where the soil is full, where it
# lets no more in, and how deep the groundwater lies.
#
# You will follow one storm down a slope in pictures, take its flood apart, see what a layer of
# clay does, and then not know the conductivity: an ensemble, two wells, one analysis, and the flood
# that was forecast before and after it.
#
# About 45 minutes; the computer needs two of them. Tutorial 1 has ensembles, tutorial 10 the water
# above the ground.

# %%
import os
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

import hydroda as hda
from hydroda import plotting
from hydroda.analysis import Problem
from hydroda.forcing import ForcingWindow
from hydroda.models import Arithmetic, EvaporatingSurface, FlowSteps, Upstream

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
COLUMNS, MEMBERS, DAYS = (20, 6, 4) if QUICK else (40, 16, 30)
PICTURES = Path("tutorial_09")
PICTURES.mkdir(exist_ok=True)

# %% [markdown]
# ## The slope
#
# A strip of 200 m from the ridge to the stream, steep above and gentle below, with three metres of
# loam on rock. A `Grid` is (rows, columns of a row); its layers follow the ground. The loam takes
# in 10 mm/h when it is wet. Sideways water finds old root channels: `lateral` is K_s sideways over
# K_s downward.
#
# There is no stream in the model. At the foot, water that stands on the ground runs out of the
# domain: that is all.

# %%
WIDTH = 200.0 / COLUMNS
x = WIDTH * (np.arange(COLUMNS) + 0.5)
elevation = 8.0 * (1.0 - x / 200.0) ** 1.5 + 0.01 * (200.0 - x)
layers = ("5 cm",) * 2 + ("10 cm",) * 4 + ("25 cm",) * 6 + ("50 cm",) * 2
grid = hda.Grid((1, COLUMNS), f"{WIDTH} m", "5 m", layers, elevation=elevation[None])
loam = hda.VanGenuchten("0.06 m3/m3", "0.43 m3/m3", "2 1/m", 1.6, "25 cm/day")
hill = hda.TerrestrialSystem(
    grid, loam, surface=EvaporatingSurface(covered=0.7), lateral=10.0, manning="0.05 s/m^(1/3)"
)

# %% [markdown]
# What does a winter leave behind? 0.8 mm of recharge a day, until storage hardly changes. Nothing
# happens fast then, so the steps may be of a day.

# %%
START, HOUR, DAY = (np.datetime64("2020-03-01", "ns"), *(np.timedelta64(1, u) for u in "hD"))


def winter(state, days, recharge=(0.8,)):
    """The state after so many days of recharge [mm/day], of all members or of each."""
    rain = np.repeat(np.reshape(recharge, (-1, 1)), days, axis=1)
    window = ForcingWindow(START + np.arange(days) * DAY, 86400.0, {"rain": rain})
    slow = replace(hill, steps=FlowSteps(largest="1 D"))
    return slow.forecast(state, window, START, START + days * DAY)


spring = winter(hill.dataset(h=(grid.z - 1.5)[None, None]), 20 if QUICK else 300)
depth = spring["water_table_depth"].values[0]
for place in (50, 100, 150, 195):
    print(f"{place:3d} m from the ridge: water table {depth[np.argmin(abs(x - place))]:.2f} m deep")

# %% [markdown]
# ## A storm, and dry weeks after it
#
# 35 mm of rain fall in ten hours of the second day. Then the sun shines: 2.5 mm a day could
# evaporate. We stop every 20 minutes of the storm, later less often, and keep what there is.

# %%
STOPS = np.r_[6:25:6, 24 + np.arange(1, 49) / 3, 41:73, 96 : 24 * DAYS + 1 : 24]  # hours
SHORT = STOPS[STOPS <= 72]


def weather(rain, hours, each):
    """Rain and what could evaporate [mm] in steps around `hours` that last `each` [h]."""
    first, last, total = rain
    falling = (hours > first) & (hours < last)
    sun = np.maximum(np.sin(2 * np.pi * (hours - 6) / 24), 0.0)
    return {
        "rain": falling * each * total / (last - first),
        "potential_evapotranspiration": sun * each * 2.5 * np.pi / 24,
    }


def storm(model, state, rain, stops=STOPS):
    """The states at the stops [h]; `rain` is (first hour, last hour, mm)."""
    states, before = [], 0.0
    for stop in stops:
        steps = max(1, round(stop - before))
        each = (stop - before) / steps
        hours = before + each * (np.arange(steps) + 0.5)
        begin, end = (START + np.timedelta64(round(t * 3600), "s") for t in (before, stop))
        times = begin + (3600 * each * np.arange(steps)).astype("timedelta64[s]")
        values = {name: v[None] for name, v in weather(rain, hours, each).items()}
        state = model.forecast(state, ForcingWindow(times, 3600 * each, values), begin, end)
        states.append(state)
        before = stop
    time = ("time", np.asarray(stops), {"units": "h", "long_name": "time"})
    run = xr.concat(states, "time", data_vars="all", combine_attrs="override")
    return run.assign_coords(time=time, hours=("time", np.diff(stops, prepend=0.0)))


GENTLE, CLOUDBURST = (24, 34, 35.0), (24, 25, 35.0)
gentle = storm(hill, spring, GENTLE)


def budget(run, start):
    """Prints where the water of a run went [mm over the slope]."""
    total = {
        name: float(run[name].sum("time").mean())
        for name in ("rain", "evaporation", "transpiration", "runoff")
    }
    total["stored"] = float((run["water"].isel(time=-1) - start["water"]).mean())
    print("  ".join(f"{name} {amount:.1f}" for name, amount in total.items()), "mm")
    print(f"rain less all the rest: {2 * total['rain'] - sum(total.values()):.0e} mm")


budget(gentle, spring)
per_day = 24 * gentle["runoff"].mean(("member", "column")) / gentle["hours"]
for hour in (24.0, 48.0, 72.0, STOPS[-1]):
    print(f"flow at the foot at hour {hour:.0f}: {float(per_day.sel(time=hour)):.2f} mm/day")

# %% [markdown]
# Look into the ground: how full its pores are before the storm, when the rain ends, and weeks
# later. The line is the water table. Question: where will the ground be full first, and from which
# side?


# %%
def section(ax, state, title):
    """How full the pores are, over distance and elevation, with the water table."""
    edges = np.append(x - WIDTH / 2, 200.0)
    ground = np.interp(edges, x, elevation, left=2 * elevation[0] - np.interp(WIDTH, x, elevation))
    below = np.append(0.0, np.cumsum(grid.dz))
    filled = (state["theta"] / state["theta_s"]).values.reshape(COLUMNS, -1)
    drawn = ax.pcolormesh(
        np.tile(edges, (below.size, 1)), ground - below[:, None], 100 * filled.T, cmap="Blues",
        vmin=20, vmax=100, rasterized=True,
    )  # fmt: skip
    ax.plot(edges, ground, color="black", lw=0.8)
    table = elevation - state["water_table_depth"].values.ravel()
    ax.plot(x, table, color=plotting.PALETTE["vermilion"], lw=1.8, label="water table")
    perched = elevation - state["perched_table_depth"].values.ravel()
    ax.plot(x, perched, "--", color=plotting.PALETTE["black"], lw=1.8, label="perched table")
    ax.set(title=title, xlim=(0, 200))
    return drawn


def sections(states, name):
    """The sections of states side by side, in a picture."""
    size = {"figsize": (10, 3.2), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(states), sharey=True, **size)
    for ax, (title, state) in zip(axes, states.items(), strict=True):
        drawn = section(ax, state, title)
        ax.set_xlabel("Distance from the ridge (m)")
    axes[0].set_ylabel("Elevation (m)")
    axes[0].legend(loc="upper right", frameon=False)
    figure.colorbar(drawn, ax=axes, label="Pores filled (%)", shrink=0.9)
    plotting.save(figure, PICTURES / name)


ends = {"before": spring, "the rain ends": gentle.sel(time=34.0)}
sections(ends | {f"{DAYS - 2} days later": gentle.isel(time=-1)}, "1_sections.png")

# %% [markdown]
# ## The flood and its parts
#
# What ran off was either rain that the ground refused, or groundwater that came out. Each column
# tells what stands and what flows on it, so what entered its soil is known:
#
#     entered = rain + what came from above - what went on - what the pond rose by
#
# The ground refuses rain for one of two reasons. It is full from the rock to the grass: *saturation
# excess*, from below. Or there is room below and the rain comes faster than the top lets it in:
# *infiltration excess*, from above.


# %%
def parts(run):
    """Where the flood came from in the days of the storm [mm], each (time, column)."""
    pond = run["pond"] - run["pond"].shift(time=1, fill_value=0.0)
    run = run.assign(rise=pond).isel(member=0).sel(time=slice(24.1, 72))
    out = run["discharge"] * run["hours"] * 3.6e6 / grid.area  # one step of the model per stop
    entered = run["rain"] + out.shift(column=1, fill_value=0.0) - out - run["rise"]
    refused = (run["rain"] - entered.clip(0.0)).clip(0.0)
    full = (run["h"] >= 0.0).all("layer")
    return xr.Dataset(
        {
            "saturation excess": refused.where(full, 0.0),
            "infiltration excess": refused.where(~full, 0.0),
            "groundwater": (-entered).clip(0.0),
            "taken in lower down": -(entered - run["rain"]).clip(0.0),
            "left in ponds": -run["rise"],
            "flood": run["runoff"],
        }
    )


def printed(runs):
    """Prints the parts of the floods of runs [mm over the slope]."""
    table = {name: parts(run).sum("time").mean("column").to_array() for name, run in runs.items()}
    rows = list(next(iter(table.values()))["variable"].values)
    print(pd.DataFrame({name: found.values for name, found in table.items()}, rows).round(2))


burst = storm(hill, spring, CLOUDBURST, SHORT)
storms = {"in ten hours": gentle, "in one hour": burst}
printed(storms)

# %% [markdown]
# The last row is the sum of those above it. The same water in one hour makes another flood of
# another origin. And the map of the trouble is another: the gentle storm finds full ground at the
# foot only; in the cloudburst the whole slope is under water, above dry soil.

# %%
for name, run, hour in (("in ten hours", gentle, 34), ("in one hour", burst, 25)):
    now = run.sel(time=float(hour)).isel(member=0)
    wet, full = now["pond"] > 0.1, (now["h"] >= 0.0).all("layer")
    print(f"{name}: {float(wet.mean()):.0%} under water, {float(full.mean()):.0%} full from below")

SOURCES = {"saturation excess": "blue", "infiltration excess": "orange", "groundwater": "green"}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for ax, (name, run) in zip(axes, storms.items(), strict=True):
    found = parts(run)
    hours = np.append(24.0, found["time"].values)
    width = np.diff(hours)
    low = np.zeros(width.size)
    for source, colour in SOURCES.items():
        rate = found[source].mean("column").values / width
        ax.stairs(low + rate, hours, baseline=low, fill=True, color=plotting.PALETTE[colour],
                  alpha=0.6, label=f"{source}, as it arises")  # fmt: skip
        low = low + rate
    flow = found["flood"].mean("column").values / width
    ax.stairs(flow, hours, color="black", lw=1.6, label="flood at the foot")
    ax.set(title=f"35 mm {name}", xlabel="Time (h)", xlim=(24, 24 + (18 if "ten" in name else 6)))
axes[0].set_ylabel("Flow from the slope (mm h⁻¹)")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plotting.save(figure, PICTURES / "2_floods.png")

# %% [markdown]
# ## A layer of clay
#
# Put 25 cm of clay under the upper 130 m of the slope, half a metre deep, with a thousandth of the
# conductivity. In an ensemble a parameter is a variable: assign it, and `reconcile` brings the rest
# in line. It is the call that the analysis of a filter makes, too. Then another winter.

# %%
clay = np.full((1, COLUMNS, grid.layers), float(spring["log10_Ks"].mean()))
clay[:, x < 130.0, 6] -= 3.0
by_layer = spring["log10_Ks"].expand_dims(layer=grid.layers, axis=2).copy(data=clay)
clayey, made = hill.reconcile(spring.assign(log10_Ks=by_layer), ("log10_Ks",))
print(f"water that the change of K_s made: {float(abs(made).sum()):.0e} mm")
clayey = winter(clayey, 20 if QUICK else 90)
perched = storm(hill, clayey, GENTLE, SHORT)
printed({"loam": gentle, "clay in it": perched})
tables = perched["perched_table_depth"].sel(time=34.0).values.ravel()
print(f"a perched table under {np.isfinite(tables).mean():.0%} of the slope when the rain ends")
sections({"loam": gentle.sel(time=34.0), "clay in it": perched.sel(time=34.0)}, "3_clay.png")

# %% [markdown]
# The top half metre fills up, over soil with room in it: to the rule above that is rain refused by
# open ground, and what runs down from there is partly taken in where the clay ends.
#
# ## Between two cells
#
# Water between two cells passes a conductivity that neither of them has. `flux` chooses what to
# take. `Upstream`, as in ParFlow, takes that of the cell the water comes from; `Arithmetic` takes
# the mean; the default, `FluxPotential`, integrates the conductivity between the two heads. A
# cloudburst on layers of 5 to 25 cm tells them apart. Who is right? The last column has layers of
# 1 and 2 cm to 50 cm depth.

# %%
faces = {"FluxPotential": burst}
for flux in (Upstream(), Arithmetic()):
    faces[type(flux).__name__] = storm(replace(hill, flux=flux), spring, CLOUDBURST, SHORT)
thin = replace(grid, thickness=("1 cm",) * 20 + ("2 cm",) * 15 + layers[6:])
heads = np.stack([np.interp(thin.z, grid.z, row) for row in spring["h"].values[0]])
fine = replace(hill, grid=thin)
faces["thin layers"] = storm(fine, fine.dataset(h=heads[None]), CLOUDBURST, SHORT)
printed(faces)

# %% [markdown]
# Upstream lets too much in at a front that is thinner than a layer, and a quarter of the flood is
# gone. That is an error of the grid, not of the soil; who calibrates with it, calibrates a soil to
# a grid.
#
# ## What if K_s is not known?
#
# From here on the run above is nature, and we know neither the conductivity nor the recharge of the
# winter. Each member has its own of both and lives through the winter with them: where K_s is high,
# the water table is deep. Two wells read nature on the first of March, with an error of 2 cm.

# %%
rng = np.random.default_rng(4)
drawn = np.log10(0.25 / 86400) + 0.2 + 0.3 * rng.standard_normal(MEMBERS)
recharge = 0.8 * np.exp(0.2 * rng.standard_normal(MEMBERS))
members = hill.dataset(h=np.repeat(spring["h"].values, MEMBERS, axis=0), log10_Ks=drawn)
prior = winter(members, 20 if QUICK else 150, recharge)
place = {"x": "125 m", "y": "2.5 m"}
well = hda.GroundwaterLevel(station="W125", sd="2 cm", representativeness=None, **place)
wells = [well, replace(well, station="W165", x="165 m")]
seen = np.stack([well.predict(prior) for well in wells])
truth = np.concatenate([well.predict(spring) for well in wells])
readings = truth + 0.02 * rng.standard_normal(2)
for well, reading, row in zip(wells, readings, seen, strict=True):
    tie = np.corrcoef(row, drawn)[0, 1]
    ours = f"members {row.mean():.2f} ± {row.std(ddof=1):.2f} m"
    print(f"{well.station} {reading:.2f} m, {ours}, correlation with log10 K_s {tie:+.2f}")

# %% [markdown]
# ## One analysis
#
# A filter takes a matrix (state, member): the heads of all cells, and below them the conductivity.
# No line of it knows hydrology: the correlation does it all.
#
# Then the state must be made whole. `reconcile` is told which variables were changed and sets the
# others: here theta follows h. Heads say how much water there is, so the analysis has made or lost
# some; that is how it must be, and it should be said. Beyond that, `reconcile` tells what it cut
# off to keep the state within its bounds.

# %%
rows = np.vstack([prior["h"].values.reshape(MEMBERS, -1).T, prior["log10_Ks"].values[None]])
problem = Problem(x=rows, hx=seen, y=readings, variance=np.full(2, 0.02**2))
analysed = hda.ETKF().analyse(problem).x
changed = prior.assign(
    h=prior["h"].copy(data=analysed[:-1].T.reshape(prior["h"].shape)),
    log10_Ks=prior["log10_Ks"].copy(data=analysed[-1]),
)
posterior, cut = hill.reconcile(changed, ("h", "log10_Ks"))
added = hill.water(posterior) - hill.water(prior)
for m in range(0, MEMBERS, 5):
    print(f"member {m}: {float(added[m].mean()):+6.1f} mm of water added, "
          f"{float(cut[m].mean()):.1g} mm of it cut off")  # fmt: skip
for name, found in (("prior", prior), ("posterior", posterior)):
    ks = 8.64e6 * 10.0 ** found["log10_Ks"].values
    print(f"{name:9s} K_s {np.median(ks):5.1f} cm/day, from {ks.min():.1f} to {ks.max():.1f}")
print("nature    K_s  25.0 cm/day")

# %% [markdown]
# Nothing was cut off: any head is a state. Contents of water are not. Let an analysis of soil
# moisture ask for 0.05 m3/m3 more everywhere:

# %%
wetter = prior.assign(theta=prior["theta"] + 0.05)
asked = hill.water(wetter) - hill.water(prior)
_, cut = hill.reconcile(wetter, ("theta",))
print(f"asked for {float(asked.mean()):.0f} mm; {-float(cut.mean()):.0f} mm found no room")

# %% [markdown]
# ## The flood before and after
#
# The storm is to come. Let both ensembles forecast it.

# %%
HOURLY = np.r_[24:61]
flows = {}
for name, state in (("nature", spring), ("prior", prior), ("posterior", posterior)):
    run = storm(hill, state, GENTLE, HOURLY).sel(time=slice(25, None))
    flow = (run["runoff"].mean("column") / run["hours"]).rename("flow")
    flows[name] = flow.assign_attrs(long_name="flow from the slope", units="mm h-1")
flood = {name: flow.sum("time").values for name, flow in flows.items()}
for name, amount in flood.items():
    low, high = amount.min(), amount.max()
    print(f"{name:9s} {amount.mean():5.2f} mm of flood, from {low:.2f} to {high:.2f}")
figure = plotting.time_series(
    flows["posterior"], label="after the analysis", open_loop=flows["prior"],
    truth=flows["nature"].isel(member=0),
)  # fmt: skip
plotting.save(figure, PICTURES / "4_forecasts.png")

# %% [markdown]
# Before, the members did not know how soon the foot would be full. Two readings of water tables, a
# day before the rain, told them: what matters for the flood is how much room there is in the
# ground. K_s itself they know less well: a table stands as high as recharge over K_s lets it, and
# wells cannot tell the two apart.
#
# ## What to keep
#
# - A slope refuses rain from below, where it is full, or from above, where it is slow. Ask which.
# - The same model, grid and soil give another flood with another face conductivity on thick layers.
# - After an analysis: one call, `reconcile`, and look at the water.
# - Wells know the room that is left, and so the flood to come.
#
# ## Exercise
#
# What you did by hand is what an `Experiment` does: declare one. Nature is a draw of the prior. At
# the end of the first day either the two wells are read, or a gauge at the foot reads the discharge
# with an error of 1e-6 m3/s. Then the storm comes. Write both as subclasses of one declaration, and
# compare what is left of the spread of log10 K_s. What does a gauge tell that errs by 1e-4 m3/s?

# %%
# region Answer (open me)


class Watched(hda.Experiment):
    """The slope with unknown conductivity and recharge, in the days of the storm."""

    period = "2020-03-01", "2020-03-02T12:00"
    assimilate_until = "2020-03-02"
    every = "6 h"
    model = hill
    members = MEMBERS
    seed = 3
    keep = ("log10_Ks",)

    def read_forcing(self):
        values = weather(GENTLE, np.arange(36) + 0.5, 1.0)
        data = {name: ("time", v, {"units": "mm"}) for name, v in values.items()}
        return hda.Forcing(xr.Dataset(data, {"time": START + np.arange(36) * HOUR}), tuple(values))

    def prior(self, rng, members):
        log10_Ks = np.log10(0.25 / 86400) + 0.3 * rng.standard_normal(members)
        h = np.repeat(spring["h"].values, members, axis=0)
        state = self.model.dataset(h=h, log10_Ks=log10_Ks)
        return winter(state, 20 if QUICK else 100, 0.8 * np.exp(0.2 * rng.standard_normal(members)))


class ByWells(Watched):
    """Two wells, read once a day."""

    network = hda.ObservationNetwork(tuple(replace(well, every="1 D") for well in wells))
    updates = (hda.Update("groundwater_level", changes=("h", "log10_Ks"), filter=hda.ETKF()),)


class ByGauge(Watched):
    """A gauge at the foot, read once a day."""

    gauge = hda.Discharge(station="foot", x=f"{x[-1]} m", y="2.5 m", sd="1e-6 m3/s", every="1 D")
    network = hda.ObservationNetwork((gauge,))
    updates = (hda.Update("discharge", changes=("h", "log10_Ks"), filter=hda.ETKF()),)


class ByRealGauge(ByGauge):
    """A gauge as they are: it errs by a decilitre a second."""

    network = hda.ObservationNetwork((replace(ByGauge.gauge, sd="1e-4 m3/s"),))


for answer in (ByWells(), ByGauge(), ByRealGauge()):
    result = answer.twin()
    left = result.members("log10_Ks").std("member", ddof=1)
    nature = float(result.leg("truth")["forecast"]["log10_Ks"].isel(time=0))
    error = float(result.members("log10_Ks").isel(time=-1).mean()) - nature
    print(f"{type(answer).__name__:11s} spread of log10 K_s {float(left[0]):.2f} before, "
          f"{float(left[-1]):.2f} after; error then {error:+.2f}")  # fmt: skip

# What comes out at the foot of a strip of 5 m tells how wet the slope is, and so do the wells. But
# an error of 1e-6 m3/s is that of a bucket and a stop watch. All members shed some 1e-5 m3/s: to a
# gauge that errs by 1e-4 they are all the same. A gauge has to stand where more comes together.
# endregion
