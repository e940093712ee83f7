"""A network on its map: by kind, filled where assimilated, at true distances."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda import plotting
from hydroda.errors import DataError
from hydroda.obs import (
    CosmicRayNeutron,
    GroundwaterLevel,
    ObservationNetwork,
    Records,
    SoilMoistureProbe,
)
from hydroda.sphere import great_circle


def network(**places):
    """Three stations, one with a probe and a neutron sensor."""
    where = places or {
        name: {"x": f"{x} km", "y": f"{y} km"}
        for name, x, y in (("a", 1, 2), ("b", 5, 4), ("c", 9, 1))
    }
    return ObservationNetwork(
        (
            CosmicRayNeutron(station="a", sd="0.03 m3/m3", **where["a"]),
            SoilMoistureProbe(station="b", depth="5 cm", sd="0.03 m3/m3", **where["b"]),
            SoilMoistureProbe(station="b", depth="20 cm", sd="0.03 m3/m3", **where["b"]),
            GroundwaterLevel(station="b", sd="5 cm", **where["b"]),
            GroundwaterLevel(station="c", sd="5 cm", **where["c"]),
        ),
        withheld=("c",),
    )


def drawn(figure):
    """Label, marker, places and whether filled, of all that has a marker."""
    return {
        line.get_label(): (line.get_marker(), line.get_xydata(), line.get_mfc() != "white")
        for line in figure.axes[0].lines
        if line.get_marker() not in ("None", None)
    }


def test_that_stations_are_shown_by_kind_and_by_use():
    shown = drawn(plotting.map_network(network(), radius="2 km"))
    assert list(shown) == [
        "soil moisture, assimilated (2)",
        "groundwater level, assimilated (1)",
        "groundwater level, withheld (1)",
    ]
    (moisture, wells, withheld) = shown.values()
    assert moisture[0] != wells[0] == withheld[0]
    assert moisture[2] and wells[2] and not withheld[2]
    np.testing.assert_allclose(withheld[1], [[9.0, 1.0]])


def test_that_the_background_sets_the_window():
    x = y = np.arange(500.0, 10_000.0, 1000.0)
    field = xr.DataArray(np.add.outer(y, x), {"y": y, "x": x}, ("y", "x"), attrs={"units": "m"})
    figure = plotting.map_network(network(), background=field)
    assert figure.axes[0].get_xlim() == (0.0, 10.0)
    assert len(figure.axes) == 2


def test_that_places_in_degrees_are_at_their_distances():
    where = {
        name: {"lon": lon, "lat": lat}
        for name, lon, lat in (("a", 6.0, 50.5), ("b", 6.3, 50.6), ("c", 6.1, 50.9))
    }
    figure = plotting.map_network(network(**where))
    places = {tuple(row) for _, xy, _ in drawn(figure).values() for row in xy}
    straight = max(np.hypot(*(np.subtract(p, q))) for p in places for q in places)
    assert straight == pytest.approx(float(great_circle(6.0, 50.5, 6.1, 50.9)) / 1000, rel=2e-3)
    assert figure.axes[0].get_xlabel() == "East of 6.175° longitude (km)"


def test_that_records_are_mapped_without_a_use():
    frame = pd.DataFrame(
        {"time": pd.Timestamp("2020"), "station": ["a", "b"], "quantity": "rain", "value": 1.0}
    )
    places = pd.DataFrame({"x": [0.0, 3000.0], "y": [0.0, 10.0]}, index=["a", "b"])
    data = Records.of(frame, {"rain": "mm"}, places, zone="UTC")
    assert list(drawn(plotting.map_network(data))) == ["rain (2)"]
    with pytest.raises(DataError, match="station 'a' has no place"):
        plotting.map_network(Records.of(frame, {"rain": "mm"}, zone="UTC"))


def test_that_the_scale_bar_keeps_away_from_stations():
    (ax,) = plotting.map_network(network()).axes
    middle = ax.lines[-1].get_xydata().mean(axis=0)
    assert min(np.hypot(*(middle - place)) for place in ([1, 2], [5, 4], [9, 1])) > 2
