"""From counts to moisture, and where the neutrons come from."""

import numpy as np
import pandas as pd
import pytest

from hydroda import plotting
from hydroda.obs.neutrons import Revised, footprint_radius
from hydroda.obs.processing import NeutronProcessing


def raw():
    """Forty days of hourly counts, the counter failing on three of them."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2020-03-01", periods=960, freq="h", tz="UTC")
    counts = rng.poisson(700, 960).astype(float)
    counts[240:312] = np.nan
    return pd.DataFrame(
        {
            "counts": counts,
            "pressure": 1.01e5 + 500 * np.sin(np.arange(960) / 50),
            "temperature": 283.0,
            "relative_humidity": 0.7,
        },
        index=hours,
    )


PROCESSING = NeutronProcessing(n0="1100 h-1", bulk_density="1.2 g/cm3")


def panels(samples=None):
    table = raw()
    figure = plotting.counts_to_moisture(
        PROCESSING.hourly(table), PROCESSING.means(table), samples=samples, station="X"
    )
    return figure, figure.axes


def test_that_every_step_from_counts_to_moisture_has_its_panel_and_unit():
    figure, axes = panels()
    names = [ax.get_ylabel().replace("\n", " ") for ax in axes]
    assert names == [
        "Raw counts (h⁻¹)",
        "Factor of the correction (–)",
        "Corrected counts (h⁻¹)",
        "Soil moisture (m³ m⁻³)",
    ]
    words = [text.get_text() for text in axes[1].get_legend().get_texts()]
    assert words == ["air pressure", "air humidity", "incoming (none)", "vegetation (none)"]
    figure.draw_without_rendering()


def test_that_the_band_is_one_standard_deviation_of_the_moisture():
    _, axes = panels()
    means = PROCESSING.means(raw())
    edge = axes[3].collections[0].get_paths()[0].vertices[:, 1]
    good = means[means["flag"] == ""].iloc[:10]
    top = (good["moisture"] + good["moisture_sd"]).to_numpy()
    assert all(np.isclose(edge, value).any() for value in top)


def test_that_days_without_counts_are_left_out():
    _, axes = panels()
    line = axes[3].lines[0]
    assert np.isnan(line.get_ydata()).sum() == 3


def test_that_samples_are_points_with_their_error():
    samples = pd.DataFrame(
        {"moisture": [0.3], "error": [0.02]}, index=[pd.Timestamp("2020-03-20 12:00")]
    )
    _, axes = panels(samples)
    (bars,) = axes[3].containers
    assert bars.lines[0].get_ydata() == [0.3]
    low, high = bars.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.28, 0.32))
    _, axes = panels(samples.drop(columns="error"))
    assert "soil samples" in [t.get_text() for t in axes[3].get_legend().get_texts()]


def test_that_each_sampling_stands_among_the_days_about_it():
    times = [pd.Timestamp("2020-03-20 12:00"), pd.Timestamp("2020-04-02 12:00")]
    samples = pd.DataFrame({"moisture": [0.3, 0.2], "error": 0.02}, index=times)
    figure = plotting.sampled_days(PROCESSING.means(raw()), samples, around="5 D", station="X")
    assert len(figure.axes) == 2
    for ax, time in zip(figure.axes, times, strict=True):
        days, sample = ax.containers
        shown = pd.DatetimeIndex(days.lines[0].get_xdata())
        assert len(shown) == 11 and abs(shown - time).max() <= pd.Timedelta("5D")
        assert sample.lines[0].get_ydata() == [samples["moisture"][time]]


def test_that_weights_sum_to_one_and_mark_what_86_percent_come_from():
    figure = plotting.footprint((0.05, 0.4), bulk_density="1.4 g/cm3", humidity="5 g/m3")
    left, right = figure.axes
    soil = Revised(bulk_density="1400 kg/m3", pressure="101325 Pa")
    for number, moisture in enumerate((0.05, 0.4)):
        with_depth, depth = left.lines[2 * number].get_data()
        reach = left.lines[2 * number + 1].get_ydata()[0]
        assert reach == pytest.approx(float(soil.reach(moisture)))
        inside = depth <= reach
        assert np.trapezoid(with_depth[inside], depth[inside]) == pytest.approx(
            1 - np.exp(-2), abs=0.01
        )
        distance, weight = right.lines[2 * number].get_data()
        assert np.trapezoid(weight, distance) == pytest.approx(1.0, abs=0.03)
        radius = right.lines[2 * number + 1].get_xdata()[0]
        assert radius == pytest.approx(footprint_radius(moisture, 5.0))
    assert left.yaxis_inverted()
    assert left.get_xlabel() == "Weight with depth (m⁻¹)"
