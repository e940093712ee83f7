# %% [markdown]
# # 1. A first experiment
#
# You will learn what an ensemble is, what assimilation does to it, and how to see if it helped.
#
# The place is a meadow on sand. The weather is that of Fürstensee, north-east Germany, in summer
# 2016. The soil is a model: one column, 1.5 m deep. A cosmic-ray neutron sensor (CRNS) looks at the
# upper decimetres once a day. A probe at 40 cm stands there only to check the result.
#
# This is a *twin experiment*: one run of the model is declared to be nature. We know that truth, so
# we can see real errors. In the field nobody can.
#
# Read the cells in order and run them. About 50 minutes; the computer needs one of them.

# %%
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

import hydroda as hda
from hydroda import plotting, verification
from hydroda.catchments import Fuerstensee
from hydroda.models.retention import VanGenuchten
from hydroda.models.soil_column import SoilColumn

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS = 14 if QUICK else 32
UNTIL, END = ("2016-05-25", "2016-06-08") if QUICK else ("2016-07-10", "2016-09-01")
PICTURES = Path("tutorial_01")

# %% [markdown]
# ## The declaration
#
# An experiment is a class. It says what nature is (model, weather), what the instruments are
# (network), and what we do not know (prior, noise). It computes nothing yet.
#
# * Every number has a unit. `sd="0.02 m3/m3"` is the error of one reading of the sensor.
# * `prior` draws members. A member is one complete guess: a wetness, a conductivity and a pore
#   structure that could all be true.
# * `noise` gives each member its own weather: rain, radiation and temperature are uncertain too.
# * `withheld` sensors are never assimilated. They are the judges.
# * `assimilate_until` ends the assimilation. The days after it are a forecast: they show what
#   lasts.

# %%
SAND = VanGenuchten("0.05 m3/m3", "0.42 m3/m3", "3 1/m", 1.6, "50 cm/day")
CRNS = hda.CosmicRayNeutron(station="CRNS", sd="0.02 m3/m3", every="1 D")
PROBE = hda.SoilMoistureProbe(station="probe", depth="40 cm", sd="0.02 m3/m3", every="1 D")


class Meadow(hda.Experiment):
    """Grass on sand, one column, one summer."""

    period = "2016-05-01", END
    assimilate_until = UNTIL
    model = SoilColumn(SoilColumn.layers("1.5 m", first="4 cm", count=10), soil=SAND)
    noise = hda.ForcingNoise()
    network = hda.ObservationNetwork((CRNS, PROBE), withheld=("probe",))
    keep = "theta", "log10_Ks"  # variables of which every member is stored
    members = MEMBERS
    seed = 1

    def read_forcing(self):
        return Fuerstensee().read_forcing()

    def prior(self, rng, members):
        """Wetness, conductivity and pore structure, unknown and the same at all depths."""
        wetness = rng.uniform(0.10, 0.30, (members, 1))
        return self.model.dataset(
            theta=np.repeat(wetness, len(self.model.thickness), axis=1),
            log10_Ks=rng.normal(-5.2, 0.5, members),
            n=np.maximum(rng.normal(1.6, 0.1, members), 1.3),
        )


meadow = Meadow()
print(meadow.network.stations)

# %% [markdown]
# ## What an ensemble is
#
# Without observations every member runs freely. That is the *open loop*.
#
# The band in the picture holds nine of ten members. Its width is the *spread*: what we do not
# know. It is wide in May, when nobody knows how wet the soil was. It is wide after rain, since each
# member got a different rain and lets it pass at a different speed. It narrows as the sand dries,
# because every member ends near the water that sand never gives up.

# %%
free = meadow.open_loop()
members = free.members("theta").isel(column=0)
shallow = members.isel(layer=2).assign_attrs(long_name="soil moisture at 12 cm")
plotting.save(plotting.time_series(shallow, label="open loop"), PICTURES / "1_open_loop.png")

# %% [markdown]
# ## Assimilation
#
# Once a day the CRNS reads the truth, with an error. The ensemble Kalman filter compares:
#
# * how far is the reading from what the members predict? This is the *innovation*.
# * how uncertain are the members, how uncertain is the reading? This gives the *weight*.
# * which layers go with the reading? The members know: where many members are wet at 30 cm whenever
#   they are wet at 10 cm, the correlation carries the correction down.
#
# With 32 members such a correlation is itself uncertain. Far from the sensor it is mostly chance.
# A *taper* lets it fade with depth: here Gaspari and Cohn's, zero from 1 m on.
#
# `twin()` draws the truth and its readings, then runs the open loop and the assimilation.

# %%
near = hda.EnKF(hda.GaspariCohn(halfwidth="50 cm", along=hda.Vertical()))
of_state = hda.Update("soil_moisture", changes="theta", filter=near)

state = replace(meadow, updates=[of_state]).twin()
print(state.legs)

# %% [markdown]
# The truth of a twin can be looked up. A sensor reads one number from each member; to read the
# truth at all times at once we hand it the times as if they were members.


# %%
def seen_in_truth(sensor, result):
    """What a sensor without error would have read, (time,)."""
    nature = result.leg("truth")["forecast"].to_dataset()
    reading = sensor.predict(nature.rename(time="member"))
    return nature["time"].copy(data=reading).rename("truth")


def picture(result, name, sensor):
    """What the members said of a sensor before they were told, with its readings and the truth."""
    here = {"station": sensor.station}
    ours, theirs = (result.series(leg)[name].sel(here) for leg in ("assimilation", "open_loop"))
    told = (ours["time"] <= np.datetime64(UNTIL)) & (name != JUDGE)
    return plotting.time_series(
        ours["simulated"].rename(f"soil moisture at the {sensor.station}"),
        open_loop=theirs["simulated"],
        observations=ours["observed"].where(told),
        withheld=ours["observed"].where(~told),
        error_sd=ours["error"],
        truth=seen_in_truth(sensor, result),
        forecast_from=UNTIL,
    )


JUDGE = "soil_moisture (withheld)"
plotting.save(picture(state, "soil_moisture", CRNS), PICTURES / "2_crns.png")
plotting.save(picture(state, JUDGE, PROBE), PICTURES / "3_probe.png")

# %% [markdown]
# Compare the two pictures. The first shows that the filter follows the sensor: that is no success,
# it was told. The second is the test: the probe was never assimilated. And look to the right of the
# shading's edge, where the filter has stopped: how long does its correction last?
#
# ## One observation explained
#
# Pick a day on which you wonder what happened. `explain` shows the numbers of that analysis.
# With one observation the *weight* is spread² / (spread² + error²): small spread, small weight.

# %%
table = state.observations()
used = table[table["status"].str.startswith("assimilated")]
largest = used.loc[used["innovation"].abs().idxmax(), "id"]
print(state.explain(largest))

# %% [markdown]
# What happened to all of them? Nothing is dropped in silence. An *outlier* is a reading further
# off than two expected deviations; its error is raised until it fits.

# %%
print(table.groupby("quantity")["status"].value_counts())

# %% [markdown]
# ## Spread and error
#
# An ensemble makes two promises: its mean is near the truth, and its spread says how near. So
# compare the error of the mean with the spread, layer by layer, against the truth of the twin.
#
# An ensemble whose spread is much smaller than its error is overconfident. It will then ignore
# observations that it needs.


# %%
def error(result, leg):
    """Error of the mean in every layer over the whole run, (layer,) [m3/m3]."""
    mean = result.leg(leg)["analysis"]["theta"].isel(column=0)
    truth = result.leg("truth")["forecast"]["theta"].isel(column=0)
    return verification.rmse(mean, truth, "time")


def spread(result, leg):
    """Spread of the members, its root mean square over the run, (layer,) [m3/m3]."""
    return (result.leg(leg)["analysis"]["theta_spread"].isel(column=0) ** 2).mean("time") ** 0.5


curves = {
    "open loop, error": error(state, "open_loop"),
    "open loop, spread": spread(state, "open_loop"),
    "assimilation, error": error(state, "assimilation"),
    "assimilation, spread": spread(state, "assimilation"),
}
by_depth = xr.concat(curves.values(), "scheme").assign_coords(scheme=list(curves))
by_depth.attrs = {"long_name": "error and spread of soil moisture", "units": "m3 m-3"}
figure = plotting.weights_with_depth(by_depth.transpose("layer", "scheme"))
plotting.save(figure, PICTURES / "4_error_and_spread.png")

# %% [markdown]
# ## The rank histogram
#
# Sort the members and ask where the observation falls among them. If the observation could be one
# more member, each rank is equally likely: the histogram is flat. What do you see in this one?
#
# * a bowl: the observation is too often outside, the spread is too small;
# * a hump: the spread is too large;
# * a slope: the members are biased.
#
# The observation errs as well, so the members get the same error before they are sorted. Days that
# follow each other are alike: the p-value of the test is smaller than it should be.

# %%
probe = state.series()[JUDGE]
ranks = verification.rank_histogram(
    probe["simulated"], probe["observed"], np.random.default_rng(1), error_sd=probe["error"]
)
threes = ranks.coarsen(rank=3).sum()  # 123 days are few for 33 bars
few = threes.assign_coords(rank=np.arange(threes.size))
plotting.save(plotting.rank_histogram(few), PICTURES / "5_ranks.png")

# %% [markdown]
# ## What a parameter gains
#
# So far the filter mended the wetness, and the next rain washed the correction out: the
# conductivity that had been wrong was still wrong. Let the filter learn the conductivity too. It is
# a second `Update`: the same readings, another variable.
#
# `damping=0.2` takes a fifth of each correction. A parameter does not change from day to day, and a
# filter that believes each correction in full soon has no spread left.
#
# In the picture the estimate moves towards the truth, not all the way, and its band narrows by a
# third: ten weeks of rain tell only so much about a conductivity. It stops where the assimilation
# stops.

# %%
of_soil = hda.Update("soil_moisture", changes="log10_Ks", filter=near, damping=0.2)
both = replace(meadow, updates=[of_state, of_soil]).twin()

log10_Ks = both.members("log10_Ks")
nature = float(both.leg("truth")["forecast"]["log10_Ks"].isel(time=0))
figure = plotting.parameter_history(log10_Ks.rename("log10_Ks"), truth=nature)
plotting.save(figure, PICTURES / "6_conductivity.png")

# %% [markdown]
# ## Is it better, or is it chance?
#
# Two numbers always differ. Would another summer say the same? We have one summer; what we can do
# is to draw its weeks anew, again and again, and look how the difference of the scores varies. If
# the interval leaves out zero, the difference is more than chance *for this truth*. Weeks, not
# days, because the errors of two days in a row are alike.
#
# We compare the forecasts after the assimilation has ended: a negative difference is a gain.


# %%
def compare(name, ours, theirs, leg="open_loop"):
    """RMSE of the forecasts of `ours` less that of a leg of `theirs`, with its interval."""
    after = {"time": slice(np.datetime64(UNTIL) + np.timedelta64(1, "h"), None)}
    a, b = (part.series(one)[name].sel(after) for part, one in ((ours, None), (theirs, leg)))
    means = (part["simulated"].mean("member", keep_attrs=True) for part in (a, b))
    gain = verification.score_difference(
        verification.rmse, *means, a["observed"], block="7 D", seed=1, draws=100 if QUICK else 500
    )
    said = "beyond chance" if gain["beyond_noise"] else "may be chance"
    low, high = float(gain["low"]), float(gain["high"])
    return f"{float(gain['difference']):+.4f} ({low:+.4f} to {high:+.4f}) m3/m3, {said}"


for name in ("soil_moisture", JUDGE):
    print(name)
    print("  state less open loop:        ", compare(name, state, state))
    print("  state and K_s less open loop:", compare(name, both, both))
    print("  state and K_s less state:    ", compare(name, both, state, "assimilation"))

scores = both.scores().query("group == 'free forecast'")
plotting.save(plotting.scores_table(scores), PICTURES / "7_scores.png")

# %% [markdown]
# Four warnings before you believe your own experiment:
#
# 1. One seed is one truth. Run several (`replace(meadow, seed=…)`) before you tell anyone.
# 2. Nature and model are the same here. In the field they are not.
# 3. The score of an assimilated sensor says little. Withhold one.
# 4. The observations err too: an RMSE of 0.02 m3/m3 against this probe may be perfect. CRPS
#    compares members, which do not err, with readings, which do: so in the table a sharp ensemble
#    looks worse than it is. Against the truth (picture 4) it does not. The ratio of spread to error
#    does count the error of the readings.
#
# ## Exercise
#
# There is money for one more instrument. Which is worth more:
#
# * a detector four times as large, so that the CRNS errs by 0.01 m3/m3 in place of 0.02, or
# * a probe at 40 cm whose readings are assimilated as well?
#
# Judge by the error of soil moisture against the truth, averaged over the upper metre. Declare each
# as a subclass of `Meadow`. The answer is below, folded.

# %%
# region Answer (open me)


class LargeDetector(Meadow):
    """The CRNS with half the error."""

    network = hda.ObservationNetwork((replace(CRNS, sd="0.01 m3/m3"),))
    updates = (of_state,)


class WithProbe(Meadow):
    """The CRNS as it is, and the probe assimilated too."""

    network = hda.ObservationNetwork((CRNS, PROBE))
    updates = (of_state,)


def upper_metre(result):
    """Error of soil moisture over the upper metre [m3/m3], each layer by its thickness."""
    by_layer = error(result, result.main)
    upper = by_layer.where(by_layer["depth"] < 1.0, drop=True)
    return float((upper**2).weighted(upper["thickness"]).mean() ** 0.5)


print(f"CRNS alone       {upper_metre(state):.4f} m3/m3")
for answer in (LargeDetector(), WithProbe()):
    print(f"{type(answer).__name__:16} {upper_metre(answer.twin()):.4f} m3/m3")

# Both instruments are declared in three lines, and the twin reads the same truth with the same
# random errors at the CRNS: what differs is the instrument.
# endregion
