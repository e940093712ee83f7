"""Small models and experiments that the tests of the engine stand on."""

import time
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr

from hydroda.experiment import Experiment
from hydroda.models.base import Budget, Model
from hydroda.obs import Flux, ObservationNetwork, PointSensor
from hydroda.obs.records import Records
from hydroda.rng import Streams
from hydroda.state import StateVector, Variable
from hydroda.transforms import Log10
from hydroda.update import KeepAll, Update

HOUR = np.timedelta64(1, "h")
START = np.datetime64("2020-01-01", "ns")


# --- linear reservoirs --------------------------------------------------------------------------


class BucketState(StateVector):
    store = Variable("mm", bounds=(0.0, 500.0))
    rate = Variable("h-1", transform=Log10(), bounds=(1e-5, 1.0), role="parameter")


@dataclass(frozen=True)
class Buckets(Model):
    """Linear reservoirs in a row: store' = rain - rate store; rain is a sine, or the forcing's.

    fails : (number, time, refinements): the member with this `number` is not finite at the time
            until the steps have been refined more often
    nap   : seconds that every forecast sleeps
    """

    columns: int = 3
    fails: tuple[tuple[int, str, int], ...] = ()
    steps: int = 1
    nap: float = field(default=0.0, repr=False, compare=False)

    @property
    def state(self):
        return BucketState()

    @property
    def budget(self):
        return Budget(storage="water", gains=("rain",), losses=("outflow", "evapotranspiration"))

    def forecast(self, ensemble, forcing, start, end):
        time.sleep(self.nap)
        store, rate = ensemble["store"].values, ensemble["rate"].values
        new, rained, out = store, np.zeros_like(store), np.zeros_like(store)
        for hour in range(int((end - start) / HOUR)):
            rain = self._rain(forcing, start, hour)
            flow = rate * new
            rained = rained + rain
            out = out + flow
            new = new + rain - flow
        new = np.where(self._failing(ensemble, start, end)[:, None], np.nan, new)
        dims = ("member", "column")
        return ensemble.assign(
            store=(dims, new, {"units": "mm"}),
            water=(dims, new, {"units": "mm"}),
            rain=(dims, rained, {"units": "mm"}),
            outflow=(dims, 0.75 * out, {"units": "mm"}),
            evapotranspiration=(dims, 0.25 * out, {"units": "mm"}),
        )

    def _rain(self, forcing, start, hour):
        if forcing is not None:
            rain = forcing["rain"][:, hour]
            return rain.reshape(len(rain), -1)
        now = (start - START) / HOUR + hour
        return 1.0 + np.sin(now / 50.0) + 0.1 * np.arange(self.columns)

    def _failing(self, ensemble, start, end):
        number = ensemble["number"].values.astype(int)
        failing = np.zeros(len(number), dtype=bool)
        for member, moment, depth in self.fails:
            if start < np.datetime64(moment) <= end and self.steps <= 2**depth:
                failing |= number == member
        return failing

    def refined(self):
        return replace(self, steps=2 * self.steps)

    def water(self, ensemble):
        return ensemble["store"]

    def reconcile(self, ensemble, changed):
        store = ensemble["store"]
        kept = store.clip(0.0, 500.0, keep_attrs=True)
        return ensemble.assign(store=kept, water=kept), kept - store


def well(number, **settings):
    """A gauge of reservoir `number`."""
    place = {"x": f"{100 * number} m", "y": "0 m", "sd": "0.5 mm", "every": "6 h"}
    return PointSensor(
        station=f"s{number}", quantity="store", unit="mm", **{**place, **settings}
    )  # fmt: skip


TOWER = Flux(station="tower", x="0 m", y="0 m", sd="0.1 mm/day", every="1 D")


class BucketTwin(Experiment):
    """Three reservoirs, two of them observed."""

    model = Buckets()
    period = "2020-01-01", "2020-01-11"
    network = ObservationNetwork((well(0), well(1), well(2), TOWER), withheld=("s2",))
    updates = (Update("store", changes=("store", "rate"), damping=0.5),)
    members = 12
    seed = 3

    def prior(self, rng, members):
        columns = self.model.columns
        dims = ("member", "column")
        store = rng.normal(60.0, 10.0, (members, columns))
        return xr.Dataset(
            {
                "store": (dims, store, {"units": "mm"}),
                "rate": (dims, 10 ** rng.normal(-1.7, 0.2, (members, columns)), {"units": "h-1"}),
                "number": ("member", rng.integers(10**6, size=members).astype(float)),
            },
            coords={
                "x": ("column", 100.0 * np.arange(columns)),
                "y": ("column", np.zeros(columns)),
            },
        )


def number_of(experiment, member):
    """The `number` by which `Buckets.fails` knows a member."""
    draw = experiment.prior(Streams(experiment.seed).generator("prior", member), 1)
    return int(draw["number"].values[0])


def failing(experiment, *fails):
    """The experiment with failures (member, time, refinements)."""
    numbers = tuple((number_of(experiment, member), *rest) for member, *rest in fails)
    return replace(experiment, model=replace(experiment.model, fails=numbers))


# --- nothing moves ------------------------------------------------------------------------------


class StillState(StateVector):
    a = Variable("m", bounds=(-50.0, 50.0))
    b = Variable("m", bounds=(-1.0, 1.0), role="parameter")


@dataclass(frozen=True)
class Still(Model):
    """What an analysis leaves is what the next forecast brings: a Gaussian in two columns."""

    @property
    def state(self):
        return StillState()

    def forecast(self, ensemble, forcing, start, end):
        return ensemble.copy()


def gauge(number, **settings):
    """A sensor of `a` in a column of `Still`."""
    place = {"x": f"{1000 * number} m", "y": "0 m", "sd": "0.5 m"}
    return PointSensor(station=f"g{number}", quantity="a", unit="m", **{**place, **settings})


def readings(*rows, units=None):
    """Records from rows (station, quantity, hours after the start or (from, to), value)."""
    frame = pd.DataFrame(rows, columns=["station", "quantity", "hours", "value"])
    spans = [hours if isinstance(hours, tuple) else (hours, hours) for hours in frame["hours"]]
    for name, place in (("time", 0), ("end", 1)):
        frame[name] = [START + pd.Timedelta(span[place], "h") for span in spans]
    known = {"a": "m", "store": "mm", "evapotranspiration": "mm d-1", "theta": "m3 m-3"}
    return Records.of(frame, units or known, zone="UTC")


class StillRun(Experiment):
    """Two correlated columns of `Still` and one reading."""

    model = Still()
    period = "2020-01-01", "2020-01-03"
    network = ObservationNetwork((gauge(0), gauge(1)), readings(("g0", "a", 24, 1.5)))
    updates = (Update("a", changes="a", outliers=KeepAll()),)
    members = 16
    seed = 5

    def prior(self, rng, members):
        dims, z = ("member", "column"), rng.normal(size=(members, 4))
        a = np.stack([z[:, 0], 0.6 * z[:, 0] + 0.8 * z[:, 1]], axis=1)
        return xr.Dataset(
            {
                "a": (dims, a, {"units": "m"}),
                "b": (dims, np.clip(0.3 * a + 0.1 * z[:, 2:], -1, 1), {"units": "m"}),
            },
            coords={"x": ("column", [0.0, 1000.0]), "y": ("column", [0.0, 0.0])},
        )


# --- profiles with a water table ----------------------------------------------------------------

SATURATED = 0.4


class ProfileState(StateVector):
    theta = Variable("m3 m-3", bounds=(0.0, 0.45))


@dataclass(frozen=True)
class Profiles(Model):
    """Still columns of five layers whose water table is the top of the wet layers at the bottom."""

    @property
    def state(self):
        return ProfileState()

    def forecast(self, ensemble, forcing, start, end):
        return ensemble.assign(water_table_depth=_table(ensemble))

    def reconcile(self, ensemble, changed):
        theta = ensemble["theta"].clip(0.0, 0.45, keep_attrs=True)
        added = ((theta - ensemble["theta"]) * ensemble["thickness"]).sum("layer") * 1000.0
        after = ensemble.assign(theta=theta)
        return after.assign(water_table_depth=_table(after)), added


def _table(ensemble):
    """Depth [m] of the top of the wet layers above the bottom (member, column); NaN without one."""
    wet = ensemble["theta"].values >= SATURATED
    connected = np.logical_and.accumulate(wet[..., ::-1], axis=-1)[..., ::-1]
    first = connected.argmax(axis=-1)
    top = ensemble["depth"].values - 0.5 * ensemble["thickness"].values
    depth = np.where(connected.any(axis=-1), top[first], np.nan)
    return (("member", "column"), depth, {"units": "m"})


def probe(station, depth, **settings):
    """A sensor of `theta` at a depth of the only column of `Profiles`."""
    return PointSensor(
        station=station,
        quantity="theta",
        unit="m3 m-3",
        depth=depth,
        **{"sd": "0.01 m3/m3", **settings},
    )


class ProfileRun(Experiment):
    """One column; half of the members are wet from 0.6 m, the others from 0.8 m."""

    model = Profiles()
    period = "2020-01-01", "2020-01-02"
    members = 10
    seed = 2

    def prior(self, rng, members):
        depth = 0.1 + 0.2 * np.arange(5)
        wet_from = rng.choice([0.6, 0.8], members)
        dry = 0.2 + 0.02 * rng.normal(size=(members, 1, 5))
        wet = 0.42 + 0.01 * rng.uniform(-1, 1, (members, 1, 5))
        theta = np.where(depth > wet_from[:, None, None], wet, dry)
        data = xr.Dataset(
            {"theta": (("member", "column", "layer"), theta, {"units": "m3 m-3"})},
            coords={"depth": ("layer", depth), "thickness": ("layer", np.full(5, 0.2))},
        )
        return data.assign(water_table_depth=_table(data))
