"""Li's three couplings as three lists of updates, on columns with a water table."""

from dataclasses import replace

import numpy as np
import pytest

from hydroda.experiment import Experiment
from hydroda.filters import EnKF
from hydroda.localization import GaspariCohn
from hydroda.models import SoilColumn, ZeroFlux
from hydroda.obs import CosmicRayNeutron, GroundwaterLevel, ObservationNetwork
from hydroda.update import KeepAll, Update
from hydroda.zone import Saturated, Unsaturated

NEAR, FAR = GaspariCohn(halfwidth="5 km"), GaspariCohn(halfwidth="100 km")
MOISTURE, LEVEL = "soil_moisture", "groundwater_level"


def updates(moisture_radius, level_radius, unsaturated, saturated):
    """Soil moisture changes theta, levels change h, each with its own radius and zone."""
    return (
        Update(MOISTURE, "theta", filter=EnKF(moisture_radius), outliers=KeepAll(), **unsaturated),
        Update(LEVEL, "h", filter=EnKF(level_radius), outliers=KeepAll(), **saturated),
    )


ZONES = {"zone": Unsaturated()}, {"zone": Saturated()}
SCHEMES = {
    "FC": updates(NEAR, NEAR, {}, {}),
    "WC": updates(NEAR, NEAR, *ZONES),
    "WC_r": updates(FAR, NEAR, *ZONES),
}


class Valley(Experiment):
    """Three columns at 0, 3 and 30 km; the sensors stand at the first one."""

    model = SoilColumn(SoilColumn.layers("4 m", first="10 cm", count=12), bottom=ZeroFlux())
    period = "2020-01-01", "2020-01-02"
    network = ObservationNetwork(
        (
            CosmicRayNeutron(station="probe", x="0 m", y="0 m", sd="0.01 m3/m3", every="1 D"),
            GroundwaterLevel(
                station="well",
                x="0 m",
                y="0 m",
                sd="0.05 m",
                representativeness=None,
                every="1 D",
            ),
        )
    )
    members = 24
    seed = 4

    def prior(self, rng, members):
        """Hydrostatic over a table of its own, a little drier than that above it."""
        table = rng.normal(2.0, 0.25, (members, 1, 1)) * np.ones((1, 3, 1))
        height = self.model.z - table
        drier = rng.uniform(1.0, 1.6, (members, 1, 1))
        h = np.where(height < 0, drier * height, height)
        return self.model.dataset(h=h, x=[0.0, 3e3, 30e3], y=[0.0, 0.0, 0.0])


@pytest.fixture(scope="module", params=SCHEMES)
def scheme(request):
    return request.param, replace(Valley(), updates=SCHEMES[request.param]).twin()


def increments(result, name):
    """Change of the mean by the analysis (column, layer)."""
    tree = result.leg("assimilation")
    before, after = (
        tree[group].to_dataset()[name].isel(time=-1) for group in ("forecast", "analysis")
    )
    return after - before


def test_that_levels_reach_five_kilometres_and_moisture_what_its_radius_says(scheme):
    name, result = scheme
    change = np.abs(increments(result, "theta")).max("layer").values
    assert change[0] > change[1] > 0
    assert (change[2] > 1e-6) == (name == "WC_r")
    table = np.abs(increments(result, "water_table_depth")).values
    assert table[0] > table[1] > 0 and table[2] < 1e-6


def test_that_weak_coupling_keeps_each_kind_in_its_zone(scheme):
    name, result = scheme
    frame = result.leg("assimilation")["updates"].to_dataset()
    rows = dict(zip(frame["update"].values.astype(str), frame["rows"].values, strict=True))
    cells = 3 * 12
    moisture, level = rows[f"{MOISTURE} -> theta"], rows[f"{LEVEL} -> h"]
    if name == "FC":
        assert (moisture, level) == (cells, cells)
    else:
        assert moisture + level <= cells + 6  # the zone is drawn anew in between
        assert 0 < moisture < cells and 0 < level < cells


def test_that_the_table_moves_towards_the_well(scheme):
    _, result = scheme
    frame = result.observations("assimilation").set_index("station")
    well = frame.loc["well"]
    assert abs(well["value"] - well["posterior_mean"]) < abs(well["innovation"])
    assert "increment_h" in frame and abs(well["increment_h"]) > 0
