"""Small models and experiments that the tests of the engine stand on."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from hydroda.experiment import Experiment
from hydroda.models.base import Budget, Model
from hydroda.obs import Flux, ObservationNetwork, PointSensor
from hydroda.state import StateVector, Variable
from hydroda.transforms import Log10
from hydroda.update import Update

HOUR = np.timedelta64(1, "h")


class BucketState(StateVector):
    store = Variable("mm", bounds=(0.0, 500.0))
    rate = Variable("h-1", transform=Log10(), bounds=(1e-5, 1.0), role="parameter")


@dataclass(frozen=True)
class Buckets(Model):
    """Linear reservoirs in a row, filled by a sine of rain: store' = rain - rate store."""

    columns: int = 3
    fails: tuple[tuple[int, str, int], ...] = ()
    steps: int = 1
    """`fails`: (member, time, number of refinements that do not help)."""

    @property
    def state(self):
        return BucketState()

    @property
    def budget(self):
        return Budget(storage="water", gains=("rain",), losses=("outflow", "evapotranspiration"))

    def forecast(self, ensemble, forcing, start, end):
        hours = int((end - start) / HOUR)
        store, rate = ensemble["store"].values, ensemble["rate"].values
        new, rained, out = store.copy(), np.zeros_like(store), np.zeros_like(store)
        for hour in range(hours):
            now = (start - np.datetime64("2020-01-01")) / HOUR + hour
            rain = 1.0 + np.sin(now / 50.0) + 0.1 * np.arange(self.columns)
            flow = rate * new
            rained += rain
            out += flow
            new = new + rain - flow
        new = new.copy()
        identity = ensemble["number"].values.astype(int)
        for member, time, depth in self.fails:
            if start < np.datetime64(time) <= end and self.steps <= 2**depth:
                new[identity == member] = np.nan
        dims = ("member", "column")
        return ensemble.assign(
            store=(dims, new, {"units": "mm"}),
            water=(dims, new, {"units": "mm"}),
            rain=(dims, rained, {"units": "mm"}),
            outflow=(dims, 0.75 * out, {"units": "mm"}),
            evapotranspiration=(dims, 0.25 * out, {"units": "mm"}),
        )

    def refined(self):
        return Buckets(self.columns, self.fails, 2 * self.steps)

    def water(self, ensemble):
        return ensemble["store"]

    def reconcile(self, ensemble, changed):
        store = ensemble["store"]
        kept = store.clip(0.0, 500.0, keep_attrs=True)
        return ensemble.assign(store=kept, water=kept), kept - store


def sensors(columns=3):
    wells = tuple(
        PointSensor(station=f"s{i}", x=f"{100 * i} m", y="0 m", quantity="store", unit="mm",
                    sd="0.5 mm", every="6 h")
        for i in range(columns)
    )  # fmt: skip
    return (*wells, Flux(station="tower", x="0 m", y="0 m", sd="0.1 mm/day", every="1 D"))


class BucketTwin(Experiment):
    """Three reservoirs, two of them observed."""

    model = Buckets()
    period = "2020-01-01", "2020-01-11"
    network = ObservationNetwork(sensors(), withheld=("s2",))
    updates = [Update("store", changes=("store", "rate"), damping=0.5)]
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
