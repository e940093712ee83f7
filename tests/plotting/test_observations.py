"""What was measured: gaps are the gaps of `hydroda info`, and nothing else is one."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from hydroda import plotting
from hydroda.errors import DataError
from hydroda.obs import ObservationNetwork, Records, SoilMoistureProbe
from hydroda.obs.survey import survey

DAYS = pd.date_range("2020-01-01", periods=100, freq="D")


def records(stations=("a", "b"), flags=(), gap=slice(40, 50)):
    """Daily moisture without the days of `gap`, flagged on the days `flags`."""
    rows = np.delete(np.arange(100), np.arange(100)[gap])
    parts = [
        pd.DataFrame(
            {
                "time": DAYS[rows],
                "station": station,
                "quantity": "soil_moisture",
                "depth": 0.05,
                "value": 0.2 + 0.001 * rows,
                "error": 0.01,
                "flag": np.where(np.isin(rows, flags), "bad", ""),
            }
        )
        for station in stations
    ]
    return Records.of(pd.concat(parts), {"soil_moisture": "m3 m-3"}, zone="UTC")


def bars(figure, colour):
    """First and last day of every bar of a colour."""
    spans = []
    for collection in figure.axes[0].collections:
        if colour is None or np.allclose(collection.get_facecolor()[0][:3], colour):
            for path in collection.get_paths():
                x = path.vertices[:, 0]
                spans.append(tuple(num2date(v).strftime("%m-%d") for v in (x.min(), x.max())))
    return spans


def rgb(name):
    code = plotting.PALETTE[name].lstrip("#")
    return [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_that_availability_shows_the_gap_that_info_counts():
    data = records(stations=("a",))
    assert [series.gaps for series in survey(data)] == [1]
    figure = plotting.availability(data)
    assert bars(figure, rgb("blue")) == [("01-01", "02-10"), ("02-20", "04-10")]
    assert labels(figure) == ["good values"]


def test_that_flagged_days_are_refused_and_counted():
    figure = plotting.availability(records(flags=range(10, 19)))
    assert bars(figure, rgb("orange")) == [("01-11", "01-20")] * 2
    assert labels(figure) == ["good values", "refused values"]
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.texts] == ["90 %", "90 %"]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [f"{station}: soil moisture at 0.05 m" for station in "ab"]


def test_that_a_network_shows_what_is_withheld():
    data = records(flags=(3,))
    sensors = [SoilMoistureProbe(station=name, depth="5 cm", sd="0.02 m3/m3") for name in "ab"]
    network = ObservationNetwork(sensors, data=data, withheld=("b",))
    figure = plotting.availability(network)
    assert labels(figure) == ["good values", "withheld values", "refused values"]
    assert bars(figure, rgb("orange")) == [("01-04", "01-05")] * 2
    assert len(bars(figure, rgb("sky"))) == 3


def test_that_irregular_series_are_broken_only_in_their_long_gaps():
    days = np.cumsum([0, *([14, 16, 12, 18] * 5), 90, *([15, 13] * 5)])
    frame = pd.DataFrame(
        {
            "time": DAYS[0] + pd.to_timedelta(days, "D"),
            "station": "well",
            "quantity": "groundwater_level",
            "value": 1.0,
        }
    )
    data = Records.of(frame, {"groundwater_level": "m"}, zone="UTC")
    assert survey(data)[0].gaps == 1
    assert len(bars(plotting.availability(data), rgb("blue"))) == 2
    line = plotting.observed_series(data.values, "groundwater_level", "m").axes[0].lines[0]
    assert np.isnan(line.get_ydata()).sum() == 1


def test_that_six_hundred_series_keep_the_figure_on_a_page():
    data = records(stations=[f"s{n}" for n in range(600)])
    figure = plotting.availability(data)
    assert figure.get_size_inches()[1] <= 12
    assert figure.axes[0].get_ylabel() == "600 series (–)"


def test_that_nothing_to_show_is_an_error():
    nothing = records().where(np.zeros(180, bool))
    with pytest.raises(DataError, match="no values whose availability"):
        plotting.availability(nothing)
    with pytest.raises(DataError, match="no values of theta"):
        plotting.observed_series(nothing.values, "theta", "m3 m-3")


def test_that_an_absurd_flagged_value_does_not_set_the_scale():
    data = records(stations=("a",), flags=(7,))
    values = data.values.assign(value=data.values["value"].where(data.values["flag"] == "", 900.0))
    figure = plotting.observed_series(values, "soil_moisture", "m3 m-3")
    (ax,) = figure.axes
    assert ax.get_ylim()[1] < 1.0
    assert ax.get_ylabel() == "Soil moisture (m³ m⁻³)"
    assert labels(figure) == ["0.05 m", "flagged"]


def test_that_a_well_stands_over_the_rain_of_its_months():
    rain = xr.DataArray(np.full(366, 2.0), {"time": pd.date_range("2020", periods=366)}, ("time",))
    levels = xr.DataArray(
        [28.0, 28.4, np.nan, 27.9],
        {"time": rain["time"].values[[10, 30, 50, 70]], "station": "nb1"},
        ("time",),
        "water table",
        {"units": "m NAP"},
    )
    figure = plotting.well_history(levels, rain, rain / 2, ground=29.0)
    upper, lower = figure.axes
    assert upper.get_ylabel() == "Water table (m NAP)" and upper.get_title(loc="left") == "nb1"
    heights = [[bar.get_height() for bar in bars] for bars in lower.containers]
    assert heights[0][:3] == [62.0, 58.0, 62.0] and heights[1][0] == -31.0
    assert labels(figure)[0] == "water table (3 readings)"
    pair = Figure(layout="constrained").subplots(2)
    assert plotting.well_history(levels, rain, rain, ax=tuple(pair)) is pair[0].get_figure()
