"""Models with the Basic Model Interface for the tests of `BMIModel`; they need no bmipy."""

import numpy as np

from hydroda.models.bmi import BMIModel, Exchange, LayersFromBottom, Scalar, Sets
from hydroda.state import Variable


class Reservoirs:
    """Two layers of linear reservoirs on a grid of 2 × 3 columns, the lower layer first.

    Rain [mm h-1] falls into the upper layer, which drains to the lower one, and that to runoff. The
    configuration is a file of "name: number" lines.
    """

    alive = 0
    inputs = ("rain__rate", "soil__water", "drainage__rate")
    outputs = ("soil__water", "runoff__amount")
    units = {  # noqa: RUF012 - as simple as models of others are
        "rain__rate": "mm h-1",
        "soil__water": "mm",
        "drainage__rate": "h-1",
        "runoff__amount": "mm",
    }
    kind = float
    end = 1e6

    def initialize(self, config):
        start = 100.0
        if config:
            with open(config, encoding="utf-8") as lines:
                start = dict(line.split(": ") for line in lines)["start"]
        self.time = 0.0
        self.fields = {
            "rain__rate": np.zeros(6, self.kind),
            "soil__water": np.full(12, float(start), self.kind),
            "drainage__rate": np.full(1, 0.01, self.kind),
            "runoff__amount": np.zeros(6, self.kind),
        }
        type(self).alive += 1

    def finalize(self):
        type(self).alive -= 1

    def update(self):
        self.advance(self.get_time_step())

    def update_until(self, time):
        while self.time < time:
            self.advance(min(self.get_time_step(), time - self.time))

    def advance(self, hours):
        lower, upper = self.fields["soil__water"].reshape(2, 6)
        share = 1.0 - np.exp(-self.fields["drainage__rate"][0] * hours)
        drained, out = share * upper, share * lower
        upper += self.fields["rain__rate"] * hours - drained
        lower += drained - out
        self.fields["runoff__amount"] += out
        self.time += hours

    def get_component_name(self):
        return type(self).__name__

    def get_input_var_names(self):
        return self.inputs

    def get_output_var_names(self):
        return self.outputs

    def get_var_type(self, name):
        return str(self.fields[name].dtype)

    def get_var_units(self, name):
        return self.units[name]

    def get_var_itemsize(self, name):
        return self.fields[name].itemsize

    def get_var_nbytes(self, name):
        return self.fields[name].nbytes

    def get_var_grid(self, name):
        return 1 if name == "soil__water" else 0

    def get_grid_type(self, grid):
        return "uniform_rectilinear"

    def get_grid_rank(self, grid):
        return 2 + grid

    def get_grid_shape(self, grid, shape):
        shape[:] = ((2, 3), (2, 2, 3))[grid]
        return shape

    def get_grid_spacing(self, grid, spacing):
        spacing[:] = ((500.0, 250.0), (1.0, 500.0, 250.0))[grid]
        return spacing

    def get_grid_origin(self, grid, origin):
        origin[:] = ((20.0, 10.0), (0.0, 20.0, 10.0))[grid]
        return origin

    def get_value(self, name, dest):
        dest[:] = self.fields[name]
        return dest

    def set_value(self, name, values):
        self.fields[name][:] = values

    def set_value_at_indices(self, name, indices, values):
        self.fields[name][indices] = values

    def get_start_time(self):
        return 0.0

    def get_current_time(self):
        return self.time

    def get_end_time(self):
        return self.end

    def get_time_step(self):
        return 0.5

    def get_time_units(self):
        return "h"


class SinglePrecision(Reservoirs):
    """Reservoirs that count in float32."""

    kind = np.float32


class Deaf(Reservoirs):
    """A model that takes no orders."""

    def set_value(self, name, values):
        raise NotImplementedError("set_value")

    def set_value_at_indices(self, name, indices, values):
        """Nothing, and nothing happens."""


class Forgetful(Reservoirs):
    """A model that computes its water from something else, as one with a second state does."""

    def advance(self, hours):
        self.fields["soil__water"][:] = 100.0
        self.time += hours


class Fragile(Reservoirs):
    """A model that stops where there is too much water."""

    def advance(self, hours):
        if self.fields["soil__water"].max() > 300.0:
            raise FloatingPointError("no convergence")
        super().advance(hours)


class Fortnight(Reservoirs):
    """A model whose configuration ends after two hours."""

    end = 2.0


class Moody(Reservoirs):
    """A model that counts in moods."""

    def get_time_units(self):
        return "moods since noon"


LAYERS = LayersFromBottom(("40 cm", "60 cm"))
WATER = Exchange("water", "soil__water", Variable("mm", bounds=(0.0, np.inf)), LAYERS)
RATE = Exchange("rate", "drainage__rate", Variable("s-1", role="parameter"), Scalar())
RUNOFF = Exchange("runoff", "runoff__amount", Variable("mm"))
RAIN = Sets("rain", "rain__rate")


def reservoirs(component=Reservoirs, **settings):
    """The model of six columns of two layers."""
    return BMIModel(component, (WATER, RATE), inputs=(RAIN,), outputs=(RUNOFF,), **settings)


def reservoir_members(model, count=3):
    """Members that differ in water and rate, columns and layers in water."""
    water = np.linspace(80.0, 120.0, count)[:, None, None] + np.arange(12.0).reshape(6, 2)
    return model.dataset(count, water=water, rate=np.linspace(1e-6, 4e-6, count))
