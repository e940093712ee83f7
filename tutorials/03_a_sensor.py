# %% [markdown]
# # 3. A sensor
#
# Every instrument looks at the soil in its own way: a probe at one depth, a neutron sensor at some
# decimetres, a radiometer at the skin. A filter must know which, or it corrects the wrong layers.
#
# You will write a sensor in eight lines, look at where in the soil it and others see, read a whole
# pixel with it, and let three instruments compete in the meadow of tutorial 1.
#
# About 45 minutes; the computer needs one of them. Do tutorial 1 first.

# %%
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

import hydroda as hda
from hydroda import plotting, testing
from hydroda.catchments import Fuerstensee
from hydroda.models.retention import VanGenuchten
from hydroda.models.soil_column import SoilColumn

QUICK = os.environ.get("HYDRODA_TUTORIAL") == "quick"  # smaller, for the tests of hydroda
MEMBERS = 8 if QUICK else 32
END = "2016-05-06" if QUICK else "2016-07-01"
PICTURES = Path("tutorial_03")

# %% [markdown]
# ## The sensor
#
# A radiometer on a mast reads the natural microwaves of the soil, from which one gets the moisture
# of its skin. Deeper soil shines through the shallow soil above it, weaker and weaker: take weights
# that fall by a factor e every 3 cm.
#
# A sensor says what it measures (`quantity`, the word an `Update` names), in which `unit`, at which
# `depth` (for a localization in the vertical), and what it can show at all (`bounds`). Then it says
# what it would read in each member. `read` gives a variable at its column, (member, layer).


# %%
@dataclass(frozen=True, kw_only=True)
class Radiometer(hda.Sensor):
    """Moisture of the skin of the soil [m3 m-3]."""

    quantity, unit, depth, bounds = "soil_moisture", "m3 m-3", 0.03, (0.0, 1.0)

    def weights(self, ensemble):
        share = np.exp(-ensemble["depth"].values / self.depth) * ensemble["thickness"].values
        return share / share.sum()

    def predict(self, ensemble):
        return (self.read(ensemble, "theta") * self.weights(ensemble)).sum(axis=-1)


# %% [markdown]
# That is all: `weights` is there for pictures and may be left out. The base class has the rest. It
# finds the column, knows places and units, adds up errors, and refuses what cannot be:

# %%
MAST = Radiometer(station="mast", sd="4 %", every="1 D")
print(MAST)
print("error of a reading of 0.2:", MAST.error(0.2))
try:
    Radiometer(station="mast", sd="4 K")
except hda.UnitError as error:
    print("refused:", error)

# %% [markdown]
# ## Where in the soil an instrument sees
#
# A probe at 20 cm, the same with rods that average over 20 cm, a cosmic-ray neutron sensor (CRNS)
# with the revised weights, the same by COSMIC, and ours. All stand in one column of sand with fine
# layers, dry above and wet below.
#
# The probe's weights are fixed. Those of the neutrons follow the moisture: in dry soil neutrons
# come from deeper. So the CRNS has an operator that is not linear.

# %%
SAND = VanGenuchten("0.05 m3/m3", "0.42 m3/m3", "3 1/m", 1.6, "50 cm/day")
fine = SoilColumn(("2 cm",) * 40, soil=SAND)
two = fine.dataset(theta=np.stack([0.08 + 0.1 * fine.z, 0.28 + 0.1 * fine.z]))  # dry and wet

site = hda.CosmicSite(bulk_density="1.5 g/cm3", N=400.0)
crns, cosmic = hda.CosmicRayNeutron(station="CRNS"), hda.Cosmic(site)
counter = hda.CosmicCounts(station="CRNS", operator=cosmic)
probe = hda.SoilMoistureProbe(station="rod", depth="20 cm")
rods = replace(probe, sampling=hda.LayerMean("20 cm"))

by_neutrons, by_cosmic = crns.average(two).weights, counter.profile(two).weights
curves = {
    "probe at 20 cm": probe.weights(two),
    "rods, 20 cm long": rods.weights(two),
    "radiometer": MAST.weights(two),
    "CRNS, dry soil": by_neutrons[0],
    "CRNS, wet soil": by_neutrons[1],
    "COSMIC, wet soil": by_cosmic[1],
}
weights = xr.DataArray(
    list(curves.values()),
    dims=("scheme", "layer"),
    coords={"scheme": list(curves), "depth": ("layer", fine.z, {"units": "m"})},
    name="weight of a layer of 2 cm",
)
plotting.save(plotting.weights_with_depth(weights.transpose("layer", "scheme")), PICTURES / "1.png")
for name, sensor in (("CRNS", crns), ("COSMIC", counter), ("radiometer", MAST)):
    print(f"{name:12} looks {100 * sensor.effective_depth(two):5.1f} cm deep on average")

# %% [markdown]
# ## Of a point, or of an area
#
# `footprint` makes any sensor read the mean of its columns: a `Disc`, a `Rectangle` for a
# satellite's pixel, a `Polygon`. Our eight lines need no change, since `read` does it. In a
# localization the sensor then stands in the middle of its footprint.

# %%
x, y = (
    axis.ravel()
    for axis in np.meshgrid(np.arange(0.0, 3000.0, 500.0), np.arange(0.0, 3000.0, 500.0))
)
rng = np.random.default_rng(1)
field = fine.dataset(
    theta=np.clip(rng.normal(0.2, 0.05, (2, x.size, 1)), 0.06, 0.4) + np.zeros((2, x.size, 40)),
    x=x,
    y=y,
)
satellite = Radiometer(
    station="pixel", x="1250 m", y="1250 m", footprint=hda.Rectangle("2 km", "2 km")
)
print("columns in the pixel:", satellite.columns(field)[0].size)
print("the pixel reads      ", satellite.predict(field).round(3))
print("the column below it  ", replace(satellite, footprint=None).predict(field).round(3))

# %% [markdown]
# ## Have it checked
#
# `check_sensor` holds what every sensor must keep: a member's reading depends on that member alone
# (members live on different computers), the weights sum to one, nothing is changed.

# %%
testing.check_sensor(MAST, two)
testing.check_sensor(satellite, field)

# %% [markdown]
# ## Use it
#
# Three meadows that differ in their instrument. The twin is the same: one truth, one weather. Which
# instrument knows the upper metre best after two months?


# %%
class Meadow(hda.Experiment):
    """Grass on sand, one column, early summer; the radiometer on its mast."""

    period = "2016-05-01", END
    model = SoilColumn(SoilColumn.layers("1.5 m", first="4 cm", count=10), soil=SAND)
    noise = hda.ForcingNoise()
    network = hda.ObservationNetwork((MAST,))
    updates = (
        hda.Update(
            "soil_moisture",
            changes="theta",
            filter=hda.EnKF(hda.GaspariCohn(halfwidth="50 cm", along=hda.Vertical())),
        ),
    )
    members = MEMBERS
    seed = 1

    def read_forcing(self):
        return Fuerstensee().read_forcing()

    def prior(self, rng, members):
        """Wetness and conductivity, unknown and the same at all depths."""
        wetness = rng.uniform(0.10, 0.30, (members, 1))
        return self.model.dataset(
            theta=np.repeat(wetness, len(self.model.thickness), axis=1),
            log10_Ks=rng.normal(-5.2, 0.5, members),
        )


def watched_by(*sensors):
    """The meadow with other instruments."""
    return replace(Meadow(), network=hda.ObservationNetwork(sensors))


def upper_metre(result):
    """RMSE of the mean of all members over the upper metre and all days [m3/m3]."""
    truth = result.leg("truth")["forecast"]["theta"].isel(column=0)
    mean = result.leg("assimilation")["analysis"]["theta"].isel(column=0)
    apart = (mean - truth).isel(layer=truth["depth"].values < 1.0)
    return float((apart**2).weighted(apart["thickness"]).mean() ** 0.5)


CRNS = hda.CosmicRayNeutron(station="CRNS", sd="4 %", every="1 D")
ROD = hda.SoilMoistureProbe(station="rod", depth="40 cm", sd="4 %", every="1 D")
for instruments in ((MAST,), (CRNS,), (ROD,), (MAST, ROD)):
    names = " and ".join(sensor.station for sensor in instruments)
    print(f"{names:14} {upper_metre(watched_by(*instruments).twin()):.4f} m3/m3")

# %% [markdown]
# The mast sees the layer that changes most and says least of the rest: what it tells of a metre
# comes through correlations among the members. Here a probe that stands deeper is worth more. With
# one truth this may be chance: tutorial 1 shows how to find out.
#
# ## Exercise
#
# Microwaves come from deeper where the soil is dry, just as neutrons do. Write `WetRadiometer`, a
# `Radiometer` whose weights fall by a factor e every 1 cm / theta, with theta the moisture of each
# member's own uppermost layer: 3 cm in wet soil, 10 cm in dry. Have it checked. Assimilate it in
# the meadow in place of `MAST`. What can `weights` say now, and what must it leave to `predict`?

# %%
# region Answer (open me)


@dataclass(frozen=True, kw_only=True)
class WetRadiometer(Radiometer):
    """Moisture of a skin that is thicker where the soil is dry [m3 m-3]."""

    def weights(self, ensemble):
        return None  # no row of numbers: every member has its own

    def predict(self, ensemble):
        theta = self.read(ensemble, "theta")
        reach = 0.01 / theta[:, :1]
        share = np.exp(-ensemble["depth"].values / reach) * ensemble["thickness"].values
        return (theta * share).sum(axis=1) / share.sum(axis=1)


WET = WetRadiometer(station="mast", sd="4 %", every="1 D")
testing.check_sensor(WET, two)
print("read by both:", MAST.predict(two).round(3), WET.predict(two).round(3))
print(f"wet mast       {upper_metre(watched_by(WET).twin()):.4f} m3/m3")

# `weights` is for operators that are linear; a sensor without them is still assimilated, since the
# filter only ever asks what each member would read.
# endregion
