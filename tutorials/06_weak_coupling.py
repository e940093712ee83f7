# %% [markdown]
# # 6. Two instruments, one soil: weak and full coupling
#
# A neutron sensor sees the upper decimetres. A well sees the water table metres below. Both look at
# one and the same water, so a filter may let each of them change everything: full coupling. Li
# et al. do the opposite. The probe changes only the soil above the water table, the well only what
# lies under it, and each with its own radius: weak coupling.
#
# On a hillslope of 1.2 km you will see what the mask between the two does, why it is there, what
# own radii are good for, and how much water every update moves. All of it is a list of updates;
# nothing in the engine knows the word "coupling".
#
# About 50 minutes; the computer needs five of them. Do tutorials 1 and 2 first.

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
from hydroda.forcing import ForcingWindow
from hydroda.models import (
    DiffusiveWave,
    EvaporatingSurface,
    FixedLevel,
    Grid,
    Side,
    TerrestrialSystem,
    VanGenuchten,
)

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS, COLUMNS = (8, 12) if QUICK else (16, 20)
PERIOD = ("2020-04-01", "2020-04-09" if QUICK else "2020-04-29")
YEARS = 0.2 if QUICK else 2.0  # of steady rain before the start
PICTURES = Path("tutorial_06")
PICTURES.mkdir(exist_ok=True)
WIDTH = 1200.0 / COLUMNS  # of a column [m]
X = WIDTH * (np.arange(COLUMNS) + 0.5)

# %% [markdown]
# ## The hillslope
#
# A strip of columns, 12 m deep, that rises from the stream in the west to a crest in the east. Rain
# soaks in, runs sideways to the stream, and holds a water table that lies deep under the crest and
# shallow at the foot. `TerrestrialSystem` solves all of that as one: soil, aquifer and the water on
# the ground.

# %%
THICKNESS = (0.1, 0.15, 0.25, 0.3, 0.4, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 2.5)
LENGTH, STEEPNESS = 1200.0, 0.016
SLOPE = TerrestrialSystem(
    Grid((1, COLUMNS), f"{WIDTH} m", "100 m", tuple(f"{d} m" for d in THICKNESS),
         elevation=(STEEPNESS * (X - X**2 / (2 * LENGTH)) + 3.0 * X / LENGTH)[None]),
    soil=VanGenuchten("0.06 m3/m3", "0.40 m3/m3", "2 1/m", 1.6, "8e-5 m/s"),
    surface=EvaporatingSurface(covered=0.6),
    overland=DiffusiveWave(),
    boundaries=(FixedLevel(Side.WEST, "1 m"),),
)  # fmt: skip


def weather(days, seed=5):
    """A spring: showers every few days, potential evapotranspiration that grows."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2020-03-31", periods=24 * days, freq="h")
    shower = (rng.uniform(size=days) < 0.4) * rng.gamma(1.5, 5.0, days)
    rain = np.zeros((days, 24))
    rain[np.arange(days), rng.integers(0, 20, days)] = shower
    sun = np.maximum(np.sin(2 * np.pi * (times.hour - 6) / 24), 0.0) * np.pi / 24
    potential = (2.0 + 2.0 * np.arange(days) / 60).repeat(24) * sun
    fields = {"rain": rain.ravel(), "potential_evapotranspiration": potential}
    data = xr.Dataset({k: ("time", v, {"units": "mm"}) for k, v in fields.items()}, {"time": times})
    return hda.Forcing(data, tuple(fields))


# %% [markdown]
# ## What we do not know
#
# The conductivity of the ground, and how much it rains. Each member draws its own conductivity:
# one shift for the whole slope and a field that is alike within some 150 m. Then it is rained on
# steadily for two years, so that its water table fits its conductivity. A prior that is not in
# balance with the model would drift for months, and the filter would take the drift for news.


# %%
def probe(x):
    """A neutron sensor, read every day."""
    return hda.CosmicRayNeutron(
        station=f"C{x}", x=f"{x} m", y="50 m", sd="0.02 m3/m3", every="1 D", within="100 m"
    )


def well(x):
    """A well, read every day here; the updates below use one reading a week."""
    return hda.GroundwaterLevel(
        station=f"W{x}", x=f"{x} m", y="50 m", sd="5 cm", representativeness=None, every="1 D",
        within="100 m",
    )  # fmt: skip


class Hillslope(hda.Experiment):
    """Three neutron sensors and four wells on a slope; two of the wells only validate."""

    title = "A hillslope with probes and wells"
    period = PERIOD
    model = SLOPE
    forcing = weather(70)
    noise = hda.ForcingNoise((hda.Multiplicative("rain", 0.3),), correlation=None)
    network = hda.ObservationNetwork(
        (probe(150), probe(600), probe(1050), well(250), well(450), well(700), well(950)),
        withheld=("W450", "W950"),
    )
    members = MEMBERS
    seed = 3

    def prior(self, rng, members):
        """Conductivities of each member's own under a water table that has come to rest."""
        alike = np.linalg.cholesky(np.exp(-np.abs(X[:, None] - X) / 150.0) + 1e-9 * np.eye(X.size))
        shift, field = rng.normal(0.0, 0.05, (members, 1)), rng.normal(size=(members, X.size))
        log10_Ks = -4.0 + shift + 0.25 * field @ alike.T
        table = 1.0 + 3.0 * X / LENGTH
        start = self.model.dataset(
            h=np.maximum(self.model.z - table[:, None], -3.0)[None], log10_Ks=log10_Ks
        )
        days = int(365 * YEARS)
        none = np.zeros((1, days))
        steady = {"rain": none + 0.9, "potential_evapotranspiration": none}
        window = ForcingWindow(pd.date_range("2000", periods=days).values, 86400.0, steady)
        return self.model.forecast(start, window, window.times[0], window.times[-1])


hillslope = Hillslope()

# %% [markdown]
# ## Who knows what about whom
#
# Before any filter: does the moisture at 600 m know anything about the water table there, and about
# heads elsewhere? The ensemble answers, with the correlation between what the probe would read and
# the head of every cell.

# %%
free = hillslope.open_loop()
members = free.ensemble()
sensor = probe(600)
seen = sensor.predict(members)


def correlation(values, with_what):
    """Correlation over members of every cell (column, layer) with one series (member,)."""
    a = values - values.mean(axis=0)
    b = with_what - with_what.mean()
    spread = np.maximum(a.std(axis=0) * b.std(), 1e-12)
    return np.einsum("mcl,m->cl", a, b) / len(b) / spread


depth_edges = np.append(0.0, np.cumsum(THICKNESS))
x_edges = np.append(X - WIDTH / 2, X[-1] + WIDTH / 2)
tables = members["water_table_depth"].values
known = correlation(members["h"].values, seen)
figure, ax = plt.subplots(figsize=(8.0, 3.4), layout="constrained")
colours = ax.pcolormesh(x_edges, depth_edges, known.T, cmap="RdBu", vmin=-1, vmax=1)
figure.colorbar(colours, label="correlation with the probe at 600 m")
ax.plot(X, tables.T, color="0.35", lw=0.4)
ax.plot(X, np.nanmin(tables, axis=0), color="black", lw=2, label="shallowest table of the ensemble")
ax.plot(600, 0.15, "v", color="black", ms=9, label="probe")
ax.set(xlabel="distance from the stream (m)", ylabel="depth (m)", ylim=(12, 0))
ax.legend(loc="lower right")
plotting.save(figure, PICTURES / "who_knows_what.png")
under = X[:, None] * 0 + (np.array(SLOPE.z)[None] > np.nanmin(tables, axis=0)[:, None])
by_chance = 1 / np.sqrt(MEMBERS)
print(f"correlation by chance with {MEMBERS} members: {by_chance:.2f}")
print(f"of the probe with heads under the table: {np.abs(known[under > 0]).mean():.2f} on average")

# %% [markdown]
# Grey lines are the water tables of the members, the black line is the shallowest of them: the
# mask. Above it the soil is unsaturated in every member, below it at least one is under water.
#
# Heads far away and deep correlate with the probe because wet members have more rain and less
# conductive ground, and partly by chance. A correlation is not wrong for that. But a probe whose
# error is 0.02 m3/m3 can move a table by metres on its strength: one percent more moisture above
# goes with many decimetres of head below, and what chance adds moves with it.
#
# ## The schemes are lists
#
# - **full**: each kind of observation changes theta and h of all cells, within one radius.
# - **weak**: probes change theta above the mask, wells change h under it. One radius.
# - **own radii**: as weak, but probes reach far, since weather is alike everywhere, and wells not.
#
# A cell has one unknown: h gives theta by the retention curve and theta gives h. In "full" both are
# in the update; the model then keeps h where the cell is saturated and theta elsewhere. Saturated
# cells are why wells should change h: their theta is the porosity, in all members, and tells
# nothing. Dry soil is why probes should change theta: its h runs over decades for a percent of
# water, and a filter that adds up such heads adds up nonsense.

# %%
NEAR, FAR = hda.GaspariCohn(halfwidth="150 m"), hda.GaspariCohn(halfwidth="1 km")


def coupled(moisture, levels, zones):
    """Probes daily, wells weekly, within these radii and zones."""
    above, under = zones
    both = zones == (hda.Everywhere(), hda.Everywhere())
    return (
        hda.Update("soil_moisture", ("theta", "h") if both else "theta", above,
                   hda.EnKF(moisture), every="1 D", outliers=hda.KeepAll()),
        hda.Update("groundwater_level", ("theta", "h") if both else "h", under,
                   hda.EnKF(levels), every="7 D", outliers=hda.KeepAll()),
    )  # fmt: skip


EVERYWHERE, APART = (hda.Everywhere(),) * 2, (hda.Unsaturated(), hda.Saturated())
SCHEMES = {
    "full": coupled(NEAR, NEAR, EVERYWHERE),
    "weak": coupled(NEAR, NEAR, APART),
    "own radii": coupled(FAR, NEAR, APART),
}
twin = replace(hillslope, updates=SCHEMES["weak"]).twin()

# %% [markdown]
# `twin()` draws a truth, reads the instruments from it, and runs an open loop beside the
# assimilation. The other schemes get the same readings, tidy records like those of a file. Since we
# know the truth, we can score the whole slope and not only the places with an instrument.

# %%
readings = twin.observations()[["time", "station", "quantity", "value"]]
units = {"soil_moisture": "m3/m3", "groundwater_level": "m"}
measured = hillslope.network.with_data(hda.Records.of(readings, units, zone="UTC"))
truth = twin.leg("truth")["forecast"].to_dataset()


def ran(updates):
    """A run with these updates and the readings of the twin."""
    return replace(hillslope, network=measured, updates=updates).run()


runs = {name: twin if name == "weak" else ran(updates) for name, updates in SCHEMES.items()}


# %%
def error(run, leg, name, layers):
    """RMSE of the mean of the forecasts against the truth, over the slope and the second half."""
    ours = run.leg(leg)["forecast"].to_dataset()[name]
    away = (ours - truth[name]).isel(time=slice(truth.sizes["time"] // 2, None))
    if "layer" in away.dims:
        away = away.isel(layer=layers)
    return float(np.sqrt((away**2).mean()))


def line(name, run, leg="assimilation"):
    """Errors of moisture and of the water table, and the water that updates moved."""
    upper = error(run, leg, "theta", slice(0, 3))
    lower = error(run, leg, "theta", slice(3, 8))
    table = error(run, leg, "water_table_depth", None)
    rows = run.leg(leg)["updates"].to_dataset()
    text = f"{name:12} {100 * upper:6.2f} %  {100 * lower:6.2f} %  {table:6.2f} m"
    if rows:
        frame = rows.to_dataframe()
        kind = frame["update"].str.split(" ").str[0]
        moved = frame.groupby(kind, sort=False)["water_moved"]
        for label in ("soil_moisture", "groundwater_level"):
            if label in moved.groups:
                own = moved.get_group(label).to_numpy()
                text += f"   {own[0]:7.1f} {own[1:].mean() if own.size > 1 else np.nan:7.1f}"
    print(text)


print(" " * 35 + "water moved: by the first and by later updates [mm]")
print("              0-0.5 m  0.5-4 m   table      by probes         by wells")
line("open loop", twin, "open_loop")
for name, run in runs.items():
    line(name, run)

# %% [markdown]
# Read the columns against each other.
#
# **Water.** The first update by wells moves more than any later one: the tables of the members are
# metres apart and are pulled together at once. It is not a flaw of weak coupling, but you must
# know it, since all that water has come from nowhere. Compare what the probes move with and without
# the mask.
#
# **Theta and the table.** Where the error of the table is lower and the moisture no worse, the mask
# has cost nothing. Where full coupling is better at one of them, the correlation across the mask
# was real. On a slope of one soil with all errors from rain and conductivity that can well happen;
# Li's catchment, with wells and probes kilometres apart, has less of it.

# %%
figure, axes = plt.subplots(2, 1, figsize=(8.0, 5.2), sharex=True, layout="constrained")
looks = {"full": ("#D55E00", "--"), "weak": ("#0072B2", "-."), "own radii": ("#009E73", "-")}
half = slice(truth.sizes["time"] // 2, None)
for name, run in {"open loop": twin, **runs}.items():
    leg = "open_loop" if name == "open loop" else "assimilation"
    colour, dash = looks.get(name, ("0.5", ":"))
    ours = run.leg(leg)["forecast"].to_dataset()
    for ax, field, factor in ((axes[0], "theta", 100.0), (axes[1], "water_table_depth", 1.0)):
        away = (ours[field] - truth[field]).isel(time=half)
        away = away.isel(layer=slice(0, 3)).mean("layer") if "layer" in away.dims else away
        ax.plot(X, factor * np.sqrt((away**2).mean("time")), dash, color=colour, lw=2, label=name)
for ax, kind, marker in ((axes[0], "soil_moisture", "v"), (axes[1], "groundwater_level", "o")):
    for one in hillslope.network.select(kind).sensors:
        face = "white" if one.station in hillslope.network.withheld else "black"
        ax.plot(one.x, 0.0, marker, color="black", mfc=face, ms=8, clip_on=False, zorder=5)
    ax.set_ylim(bottom=0.0)
axes[0].set_ylabel("error of moisture\n0-0.5 m (percent)")
axes[1].set_ylabel("error of the\nwater table (m)")
axes[1].set_xlabel("distance from the stream (m); filled: assimilated, hollow: withheld")
axes[0].legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
plotting.save(figure, PICTURES / "along_the_slope.png")

# %% [markdown]
# ## What own radii do
#
# The upper panel shows the reach of the probes: with 150 m the soil between them is left to the
# open loop; with 1 km three probes serve the whole slope, because what is wrong above, the rain, is
# wrong everywhere alike. The lower panel is the opposite case: what is wrong below is a
# conductivity that changes within 150 m, so a well knows its surroundings and no more.
#
# The radius belongs to the error, not to the instrument. That is why each kind has its own.
#
# ## The mask moves
#
# The mask is drawn anew at every update. Where a well lifts the tables, the zone of the probes
# shrinks, and the other way round: the two modules meet at the boundary that the wells know best.

# %%
for name in ("full", "weak"):
    frame = runs[name].leg()["updates"].to_dataset().to_dataframe()
    rows = frame.groupby("update", sort=False)["rows"].agg(["first", "last"])
    print(name, rows.to_string(header=False), sep="\n")

# %% [markdown]
# ## Exercise
#
# The shallowest table makes the zone of wells as large as it can be: in most members part of it is
# still dry, and the update wets it. Two other zones look more careful: `SaturatedInEveryMember()`,
# under the deepest table, and `SaturatedInEachMember()`, every member's own. Predict which of the
# three brings the water table to the wells, and run them.
#
# Then write a zone of your own: `Deeper`, the cells of `Saturated` that lie at least 1 m below the
# shallowest table, as a margin between the two modules. A zone writes one method,
# `mask(ensemble)`, True where an update may act.

# %%
# region Answer (open me)


class Deeper(hda.Saturated):
    """Under the shallowest table, with a margin of 1 m."""

    def mask(self, ensemble):
        table = xr.DataArray(ensemble.smallest("water_table_depth"), dims="column")
        return (ensemble.data["depth"] >= table + 1.0).transpose("column", "layer")


zones = {
    "every member": hda.SaturatedInEveryMember(),
    "each member": hda.SaturatedInEachMember(),
    "Deeper": Deeper(),
}
for name, zone in zones.items():
    updates = coupled(FAR, NEAR, (hda.Unsaturated(), zone))
    line(name, ran(updates))

# Saturated cells store next to no water: raising their heads is forgotten within days. A table
# rises when dry cells are wetted, and under the deepest table, or a member's own, there are none.
# endregion
