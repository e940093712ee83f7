from dataclasses import replace

import pytest

from hydroda.figures import draw, maps, series
from tests.toys import BucketTwin


@pytest.fixture(scope="module")
def result():
    return replace(BucketTwin(), keep=("rate",), assimilate_until="2020-01-08").twin()


def test_that_a_twin_leaves_every_standard_figure(result, tmp_path):
    names = {path.stem for path in draw(result, tmp_path)}
    assert {
        "series_store_s0",
        "series_store_withheld_s2",
        "series_evapotranspiration_withheld_tower",
        "parameter_rate",
        "innovations_store",
        "ranks_store",
        "scores",
    } <= names
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in names)


def test_that_a_series_says_what_was_assimilated_and_where_the_forecast_is_free(result):
    figures = dict(series(result))
    labels = [text.get_text() for text in figures["series store s0"].legends[0].get_texts()]
    for word in ("open loop, mean", "observed, assimilated", "observed, withheld", "forecast"):
        assert any(word in label for label in labels), word
    withheld = figures["series store (withheld) s2"].legends[0].get_texts()
    assert not any("observed, assimilated" in text.get_text() for text in withheld)


def test_that_an_open_loop_alone_can_be_drawn(tmp_path):
    twin = replace(BucketTwin(), updates=()).twin()
    assert {"series_store_s0", "scores"} <= {path.stem for path in draw(twin, tmp_path)}


def test_that_stations_with_places_are_mapped(result):
    (name, figure), *_ = maps(result)
    assert name == "stations"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["assimilated (2)", "withheld (2)"]
