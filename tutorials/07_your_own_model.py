# %% [markdown]
# # 7. Your own model
#
# You have a model already. It need not be rewritten to be run under a filter: hydroda asks a model
# for its state and for one function, `forecast`, and two adapters write that function for you.
#
# - `BMIModel` takes any model with the Basic Model Interface (BMI), in this process. Here:
#   groundwater and overland flow of landlab.
# - `ParFlowModel` takes the ParFlow executable, one directory per member.
#
# A model of your own with neither is a subclass of `Model`, some ten lines: see CONTRIBUTING.md.
#
# About 50 minutes; the computer needs one of them. Do tutorial 1 first, and
# `pip install 'hydroda[plot,bmi,parflow]' landlab`.

# %%
import os
import runpy
import sys
from dataclasses import dataclass, replace
from pathlib import Path

# landlab's loops wait for each other in threads, which costs more than these small grids are worth.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib.pyplot as plt
import numpy as np
from landlab.bmi import wrap_as_bmi
from landlab.components import GroundwaterDupuitPercolator, OverlandFlow

import hydroda as hda
from hydroda.models import bmi, parflow

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS = 6 if QUICK else 32
DAYS = 3 if QUICK else 12
PICTURES = Path("tutorial_07")
PICTURES.mkdir(exist_ok=True)

# %% [markdown]
# ## A model behind an interface
#
# A BMI model is a class with functions of fixed names: `initialize(file)`, `update()`,
# `get_value(name)`, `set_value(name)`, `finalize()`. landlab's components get them by
# `wrap_as_bmi`; many hydrological models have them from the start.
#
# What would you have to know about a stranger with these functions, before you let a filter change
# its numbers? Write down three questions before you read on.

# %%
Percolator = wrap_as_bmi(GroundwaterDupuitPercolator)
for name in sorted(Percolator().get_output_var_names()):
    print(f"{name:45} [{Percolator().get_var_units(name)}]")

# %% [markdown]
# ## The declaration
#
# An `Exchange` says: this variable of the ensemble is that variable over there. Its unit is the one
# hydroda works in; the model's own is asked for and converted.
#
# The conductivity is not among the variables: landlab reads it from its configuration. Then a
# `ConfigTemplate` is the way in: `$K` becomes the number of the member.

# %%
AQUIFER = """
grid:
  RasterModelGrid:
    - [5, 12]
    - xy_spacing: 100.
    - fields:
        node:
          topographic__elevation: {constant: [{value: 12.}]}
          aquifer_base__elevation: {constant: [{value: 0.}]}
          water_table__elevation: {constant: [{value: 8.}]}
clock: {start: 0., step: 3600., stop: 1.e9}
groundwater_dupuit_percolator:
  hydraulic_conductivity: $K
  porosity: 0.2
  recharge_rate: 2.e-8
"""
TABLE = bmi.Exchange("table", "water_table__elevation", hda.Variable("m", bounds=(0.0, 12.0)))
K = bmi.Exchange(
    "K",
    "",
    hda.Variable("m s-1", transform=hda.Log10(), bounds=(1e-7, 1e-2), role="parameter"),
    bmi.Scalar(),
)
first_try = hda.BMIModel(Percolator, (TABLE, K), bmi.ConfigTemplate(AQUIFER))
try:
    first_try.dataset(4, K=np.full(4, 1e-3))
except hda.DeclarationError as error:
    print(error)

# %% [markdown]
# ## The update that never arrives
#
# It was refused, and that is the best thing that can happen to you here. landlab computes the water
# table from the thickness of the aquifer. Whoever sets the table alone is overwritten at the next
# step: the filter runs, the increments look fine, and the run snaps back. The trackers of the large
# coupled systems are full of such updates.
#
# So `dataset` nudges each state, lets the model take one step, and asks how much of the nudge is
# left. Two lines mend it: `following` names what else must be set. `active` keeps the filter away
# from the boundary.


# %%
class Aquifer(hda.BMIModel):
    """landlab's aquifer: its thickness follows the table, and only its core nodes are columns."""

    def following(self, bmi_model, values):
        base = bmi.value_of(bmi_model, "aquifer_base__elevation")
        table = bmi.value_of(bmi_model, "water_table__elevation")
        return {"aquifer__thickness": table - base}

    def active(self, bmi_model):
        return bmi.value_of(bmi_model, "boundary_condition_flag") == 0


aquifer = Aquifer(Percolator, (TABLE, K), bmi.ConfigTemplate(AQUIFER))
start = aquifer.dataset(2, K=[1e-3, 1e-4])
for model in (replace(first_try, memory=0.0), aquifer):
    left = model.left_of_a_change(model.dataset(1, K=[1e-3]), "table")
    print(f"{type(model).__name__:9} keeps {100 * left:5.1f} % of a small change of the table")

# %% [markdown]
# ## Two wells in a valley
#
# From here on nothing knows that the model is a stranger: sensors, updates and filters are those of
# the other tutorials.
#
# Question: the wells stand at 200 m and 900 m. Where between them will the analysis be worst, and
# what does the half-width have to do with it?


# %%
class Valley(hda.Experiment):
    """A plain between two rivers; table and conductivity are uncertain, two wells are read."""

    model = aquifer
    period = "2020-06-01", f"2020-06-{1 + DAYS:02d}"
    seed = 2
    network = hda.ObservationNetwork(
        tuple(
            hda.PointSensor(
                station=f"W{x}", x=f"{x} m", y="200 m", quantity="table", unit="m",
                sd="2 cm", every="1 D",
            )
            for x in (200, 900)
        )
    )  # fmt: skip
    updates = (
        hda.Update("table", changes="table", filter=hda.EnKF(hda.GaspariCohn(halfwidth="600 m"))),
    )

    def prior(self, rng, members):
        x = np.arange(30) % 10 * 100.0 + 100.0
        level, slope = rng.normal(8.5, 0.7, (members, 1)), rng.normal(0.0, 1e-3, (members, 1))
        table = np.clip(level + slope * (x - 550.0), 0.5, 11.5)
        return self.model.dataset(members, table=table, K=10 ** rng.normal(-3.5, 0.3, members))


def at_the_end(result, leg):
    """The table [m] along the middle row at the end of a leg, x from left to right."""
    group = "forecast" if leg == "truth" else "analysis"
    return result.leg(leg)[group]["table"].isel(time=-1).values.reshape(3, 10)[1]


result = Valley(members=MEMBERS).twin()
distance = np.arange(100, 1100, 100)
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for leg, style in (("truth", "k-"), ("open_loop", "C0--"), ("assimilation", "C1-")):
    axes.plot(distance, at_the_end(result, leg), style, label=leg.replace("_", " "))
for x in (200, 900):
    axes.axvline(x, color="0.8", zorder=0)
axes.set(xlabel="distance from the left river [m]", ylabel="water table [m]")
axes.legend()
figure.savefig(PICTURES / "valley.png", dpi=120)
for leg in ("open_loop", "assimilation"):
    rmse = np.sqrt(np.mean((at_the_end(result, leg) - at_the_end(result, "truth")) ** 2))
    print(f"{leg:13} RMSE of the table at the end {rmse:.3f} m")

# %% [markdown]
# ## What a model keeps to itself
#
# A member must be all there is to know. Else no run can be resumed, no failed member replaced by a
# copy, and no two cycles are the same as one. hydroda therefore makes an instance anew for each
# forecast, sets it, runs it, reads it and ends it.
#
# landlab's overland flow has inertia: its discharge at the edges of the grid is part of its state,
# though no filter need change it. Name it in `carries`. Here a dam breaks: four minutes in one
# piece and in two, without and with it. Always do this to a model you do not know.

# %%
SLOPE = """
grid:
  RasterModelGrid:
    - [5, 12]
    - xy_spacing: 20.
    - fields:
        node:
          topographic__elevation: {plane: [{point: [0., 0., 5.], normal: [-0.02, 0., 1.]}]}
          surface_water__depth: {constant: [{value: 0.01}]}
clock: {start: 0., step: 60., stop: 1.e9}
overland_flow: {mannings_n: 0.05, steep_slopes: true}
"""


@dataclass(frozen=True)
class Runoff(hda.BMIModel):
    """landlab's overland flow on the nodes that are no boundary."""

    def active(self, bmi_model):
        return bmi.value_of(bmi_model, "boundary_condition_flag") == 0


DEPTH = bmi.Exchange("flow", "surface_water__depth", hda.Variable("m", bounds=(0.0, np.inf)))
RAIN = bmi.Adds("rain", "surface_water__depth")
noon, minute = np.datetime64("2020-06-01T12:00", "ns"), np.timedelta64(60 * 10**9, "ns")
for carries in ((), ("surface_water__discharge",)):
    runoff = Runoff(
        wrap_as_bmi(OverlandFlow), (DEPTH,), bmi.ConfigTemplate(SLOPE), (RAIN,), carries=carries
    )
    wet = runoff.dataset(1, flow=np.where(np.arange(30) % 10 < 4, 0.3, 0.01)[None])
    whole = runoff.forecast(wet, None, noon, noon + 4 * minute)
    half = runoff.forecast(wet, None, noon, noon + 2 * minute)
    halves = runoff.forecast(half, None, noon + 2 * minute, noon + 4 * minute)
    apart = float(np.abs(whole["flow"] - halves["flow"]).max())
    print(f"carrying {carries or 'nothing'}: one piece and two differ by {1000 * apart:.2g} mm")

# %% [markdown]
# `RAIN` says how weather arrives: `Adds` pours each step of rain onto the variable, `Sets` puts it
# there as a rate, in the unit the model asks for.
#
# ## ParFlow
#
# ParFlow is a program that reads files. You keep your run as it is: its grid, slopes, boundaries
# and solver come from your .pfidb, .yaml or .json. hydroda adds what differs between members:
# pressure, soil and weather, with a distribution file beside each for the process grid.
#
#     model = hda.ParFlowModel(
#         "washita/LW.pfidb",
#         soil,                                     # a VanGenuchten with fields (column, layer)
#         atmosphere=parflow.CLM(store="restarts"), # or NetRain() without a land surface
#         at_once=4,                                # members that run at the same time
#         keep=parflow.FailedFolders("failed"),     # to look at what went wrong
#     )
#     start = model.dataset(h=model.read("washita/press.init.pfb") + shifts)
#
# Set PARFLOW_DIR to where ParFlow is installed. Where it is not, a stand-in of hydroda's tests
# takes its place below: it checks each file as ParFlow would, and moves heads by a formula. What
# you see is then not hydrology, but the way of the files.

# %%
tests = Path(__file__).parents[1] / "tests" / "models" / "stand_in_parflow.py"
stand_in = runpy.run_path(str(tests))
definition = stand_in["write_definition"](PICTURES / "slope")
real = "PARFLOW_DIR" in os.environ
program = {} if real else {"executable": str(tests), "launcher": (sys.executable,)}
soil = hda.VanGenuchten("0.05 m3/m3", "0.4 m3/m3", "2 1/m", 2.0, "5 cm/h")
hillslope = hda.ParFlowModel(
    str(definition), soil, at_once=2, keep=parflow.FailedFolders(PICTURES / "failed"), **program
)
tables = np.array([0.8, 1.0, 1.2])[:, None, None]
slope = hillslope.dataset(h=hillslope.z - tables, log10_Ks=[-5.0, -5.2, -4.8])
print(f"{'ParFlow' if real else 'the stand-in'} on {hillslope.grid.columns} columns")
later = hillslope.forecast(slope, None, noon, noon + 120 * minute)
print(later["water_table_depth"].mean("column").values.round(3), "m after two hours")

# %% [markdown]
# A member whose ParFlow does not converge, ends with an error or leaves no pressure is NaN, and the
# reason is told. In a run it is tried again with smaller steps and then replaced. Beware: ParFlow
# itself says "Problem solved" and returns 0 where a time step failed.
#
# We drown the second member to see it. (The real ParFlow swims.)

# %%
flood = np.array([0.0, 99.7, 0.0])[:, None, None]
drowned = slope.assign(h=slope["h"].copy(data=slope["h"].values + flood))
after = hillslope.forecast(drowned, None, noon, noon + 60 * minute)
print("members with a solution:", np.isfinite(after["h"]).all(("column", "layer")).values)
print("reasons:", after.attrs.get("failures", "none needed"))
print("kept to look at:", sorted(path.name for path in (PICTURES / "failed").glob("*")))

# %% [markdown]
# ## Exercise
#
# In the valley the recharge is as uncertain as the table. Declare `WithRecharge(Valley)`: recharge
# becomes a parameter of the configuration, is drawn in the prior, and is changed by the wells
# together with the table. Does the table at the end gain from it within this period? Compare the
# spread of the recharge before and after: what has been learnt about it, and how long would you
# have to observe to learn more?

# %%
# region Answer (open me)
RECHARGE = bmi.Exchange(
    "recharge",
    "",
    hda.Variable("m s-1", transform=hda.Log10(), bounds=(1e-10, 1e-6), role="parameter"),
    bmi.Scalar(),
)


class WithRecharge(Valley):
    """The valley with an unknown recharge."""

    model = replace(
        aquifer,
        variables=(TABLE, K, RECHARGE),
        config=bmi.ConfigTemplate(AQUIFER.replace("2.e-8", "$recharge")),
    )
    updates = (replace(Valley.updates[0], changes=("table", "recharge")),)

    def prior(self, rng, members):
        x = np.arange(30) % 10 * 100.0 + 100.0
        table = np.clip(rng.normal(8.5, 0.7, (members, 1)) + 0.0 * x, 0.5, 11.5)
        drawn = {name: 10 ** rng.normal(m, 0.3, members) for name, m in (("K", -3.5), ("r", -7.7))}
        return self.model.dataset(members, table=table, K=drawn["K"], recharge=drawn["r"])


answer = WithRecharge(members=MEMBERS).twin()
for leg in ("open_loop", "assimilation"):
    end = answer.leg(leg)["analysis"].isel(time=-1)
    share = float(end["recharge_spread"] / end["recharge"])
    print(f"{leg:13} spread of the recharge at the end {100 * share:.0f} % of its mean")

# The wells see the table, and a day of recharge raises it by some 9 mm: less than half of their
# error of 2 cm. What recharge does to the table grows with time, so the spread falls with the
# length of the record; within days most of what is learnt is chance correlation of few members.
# endregion
