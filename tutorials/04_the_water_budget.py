# %% [markdown]
# # 4. The water budget
#
# A filter moves water. It reads a wet probe and puts water into the soil that no rain has brought;
# tomorrow it takes some out again. What the column holds is then no longer what it held yesterday
# plus rain minus evaporation and runoff: the budget is open, and each day by other millimetres.
#
# You will measure that in one column of Mongolian steppe, close the budget a little with the weak
# constraint of Dan et al. (2020), inflate, taper, and see who pays for what: no scheme is best at
# everything, and after this hour you can say why.
#
# About 50 minutes; the computer needs two of them the first time. Do tutorial 1 first.

# %%
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import hydroda as hda
from hydroda import plotting
from hydroda.studies.dan2020.march import marched
from hydroda.studies.dan2020.schemes import OPEN_LOOP, TOLD, Scheme
from hydroda.studies.dan2020.scores import where_water_went
from hydroda.studies.dan2020.twin import Setting, Twin

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
SETTING = Setting(columns=1, members=8, days=4, years=0) if QUICK else Setting(1, 24, 40)
PICTURES = Path("tutorial_04")

# %% [markdown]
# ## A model that is wrong
#
# Nature here is a land column built like CLM 4.0, the forecasts come from one built like the Common
# Land Model: less room for water, more leaves, a bottom that nothing passes where nature stands
# over an aquifer. In the twins of other tutorials truth and forecasts share the model; here the
# model errs, as models do.
#
# Every morning a probe reads the moisture at 3 cm with an error of 0.5 %. First a look at how far
# a forecast of one day goes astray if it begins with the truth.

# %%
twin = Twin.of(SETTING)
depth = twin.model.z
astray = 100 * twin.one_step.mean(axis=(0, 1))
for z, error in zip(depth, astray, strict=True):
    print(f"{100 * z:6.1f} cm   {error:+.2f} % a day")

# %% [markdown]
# A few tenths of a percent a day, but every day the same way: that is bias, not noise.
#
# ## What the budget is
#
# The column holds all its water: in the soil, as ice, on leaves, as snow. The model tells what came
# and what went. Yesterday's analysis plus that is beta, what the column should hold now. For
# a forecast it does, to rounding. So the residual, beta minus what the analysis holds, is the water
# that the analysis made or lost.

# %%
free = marched(twin, [OPEN_LOOP])[OPEN_LOOP.name]
print(f"open loop: largest residual {np.abs(free.residual).max():.0e} mm")

# %% [markdown]
# ## Five filters
#
# The plain EnKF; with the water budget as one more observation, whose error is the scatter of beta
# over the members (WC); with the variance inflated until the innovations are likely (Inf); with
# the anomalies tapered below layer 6 (Loc); and the last with members that keep their inflated and
# tapered anomalies. Each is a line:

# %%
taper, likely = hda.VerticalExponential(threshold=6), hda.MaximumLikelihood(at_least=1)
FILTERS = {
    "EnKF": hda.EnKF(),
    "WC": hda.EnKF(constraint=hda.WaterBudget()),
    "WC-Inf": hda.EnKF(inflation=likely, constraint=hda.WaterBudget()),
    "WC-Inf-Loc": hda.EnKF(taper, likely, hda.WaterBudget()),
    "members": hda.EnKF(taper, hda.MaximumLikelihood(at_least=1, members=True), hda.WaterBudget()),
}
schemes = [OPEN_LOOP, *(Scheme(name, filter) for name, filter in FILTERS.items())]
runs = marched(twin, schemes)


def line(name, run):
    """Errors of the hours after the analyses, and the water that these made."""
    upper, lower = (100 * run.error[0, layers].mean() for layers in (slice(0, 5), slice(6, 10)))
    mean, size = run.residual.mean(), np.abs(run.residual).mean()
    print(f"{name:12} {upper:6.2f} %  {lower:6.2f} %   {mean:+7.3f} mm  {size:6.3f} mm")


print("              above   below   residual a day   its size")
for name, run in runs.items():
    line(name, run)

# %% [markdown]
# Read the table from top to bottom.
#
# - The EnKF trusts its members. They agree too well (they share the wrong model), so it believes
#   the probe too little.
# - WC cuts the residual. One analysis cannot cut it by more than half: with one reading and a
#   budget as uncertain as the water itself the added water shrinks to 1 / (2 - r²), where r is the
#   correlation of the column's water with the reading, errors included. Can you derive it?
# - Inflation makes the filter listen. Above it is much better. Below it is worse, because P is
#   inflated and the variance of the budget is not: the budget is drawn tighter, and what is given
#   above is taken from below.
# - The taper cuts the soil below off, and with it the means to move water up: the residual rises
#   again.
#
# A negative residual means that water was added. Why must it be? Tell the forecasts each morning
# the moisture of nature in the upper five layers, better than any filter could know it, and follow
# the water: what is added evaporates, runs off, or is still there in the end.

# %%
told = marched(twin, [TOLD])
runs |= told
line("told", told[TOLD.name])
print(f"nature evaporates {(twin.evaporation[1:] - free.evaporation).mean():+.2f} mm/day more")
print("                    added  evaporated  ran off  held at the end: mm/day, against open loop")
for name in ("WC-Inf", "members", TOLD.name):
    parts = where_water_went(runs[name], free)
    print(f"{name:18} " + "  ".join(f"{part:+6.3f}" for part in parts))

# %% [markdown]
# Whoever makes the soil above as wet as that of nature evaporates three quarters of a millimetre a
# day more, whatever the filter; that is more than nature itself evaporates, because the leaves of
# the forecasts are too many. WC-Inf adds little and takes the rest from the soil below, which is
# too dry already. No filter has both, good moisture and a closed budget: the budget that it closes
# is that of a wrong model. What would help is to mend the model.

# %%
values = np.array([100 * run.error[0] for run in runs.values()])
with_depth = xr.DataArray(
    values,
    coords={"scheme": list(runs), "depth": ("layer", depth)},
    dims=("scheme", "layer"),
    attrs={"units": "percent", "long_name": "error of the hours after analyses"},
)
PICTURES.mkdir(exist_ok=True)
plotting.save(plotting.schemes_with_depth(with_depth), PICTURES / "schemes.png")

# %% [markdown]
# ## In your own experiment
#
# Everything above was made of parts that any experiment takes. In an experiment of your own it is
# one `Update`; a run writes the residual of each analysis to its result.

# %%
update = hda.Update(
    "soil_moisture",
    changes=("theta", "ice", "canopy_water", "snow"),
    filter=FILTERS["WC-Inf-Loc"],
    scales="theta",  # taper and inflation act on soil moisture only, as in the paper
)
print(update.filter.constraint)

# %% [markdown]
# ## Exercise
#
# The error that the constraint gives the budget, phi, is the scatter of beta over the members. Make
# it ten times smaller: write `Strict`, a `WaterBudget` with another `variance(problem, water)`. Run
# it with the taper and with inflation. Does it close the budget? Which layers pay? Then ask the
# opposite: with `WaterBudget(inflate_budget=True)` phi grows as the inflation does.

# %%
# region Answer (open me)


@dataclass(frozen=True)
class Strict(hda.WaterBudget):
    """The budget with a tenth of the variance."""

    def variance(self, problem, water):
        return 0.1 * super().variance(problem, water)


answers = {
    "Strict": hda.EnKF(taper, likely, Strict()),
    "phi x lambda": hda.EnKF(taper, likely, hda.WaterBudget(inflate_budget=True)),
}
for name, run in marched(twin, [Scheme(n, f) for n, f in answers.items()]).items():
    line(name, run)

# Strict closes the budget further, and the moisture pays, above and below: what one layer is given
# another must lose. With phi inflated the constraint is hardly felt: better moisture, more water.
# endregion
