from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydroda.catchments.rur.terrain import STREAM, made_terrain
from hydroda.errors import DataError, DeclarationError, UnitError
from hydroda.models.grid import Grid
from hydroda.models.streams import (
    AlongSlopes,
    DrainedArea,
    Ponded,
    SteepestDescent,
    Ways,
    drained_area,
    stream_mask,
)
from hydroda.obs import Records
from hydroda.obs.screening import OffStream, Screening
from hydroda.studies import flow_problems as problems

THIN = ("0.1 m",)
BOTH = pytest.mark.parametrize("ways", [AlongSlopes(), SteepestDescent()], ids=repr)


def valley(rows=5, columns=7, cell=10.0):
    """Two slopes towards a channel in the middle column, which falls to the south."""
    y, x = np.mgrid[0:rows, 0:columns]
    height = 2.0 * np.abs(x - columns // 2) + 0.1 * y
    return Grid((rows, columns), f"{cell} m", f"{cell} m", THIN, elevation=height)


def hilly(seed, rows=9, columns=12):
    rng = np.random.default_rng(seed)
    return Grid(
        (rows, columns), "10 m", "20 m", THIN,
        elevation=rng.normal(size=(rows, columns)), active=rng.random((rows, columns)) < 0.9,
    )  # fmt: skip


def leaving(grid, ways):
    """Area [m2] whose water leaves the domain or stays in a pit."""
    area, parts = drained_area(grid, ways), ways.parts(grid)
    outward = np.where(grid.beside < 0, parts, 0.0).sum(axis=1)
    return float((area * (outward + 1.0 - parts.sum(axis=1))).sum())


# ------------------------------------------------------------------------------ drained areas


def test_that_a_valley_drains_row_by_row_into_its_channel():
    area = drained_area(valley(), SteepestDescent()).reshape(5, 7) / 100.0
    np.testing.assert_array_equal(area[:, 3], [35.0, 28.0, 21.0, 14.0, 7.0])
    np.testing.assert_array_equal(area[2], [1.0, 2.0, 3.0, 21.0, 3.0, 2.0, 1.0])


def test_that_a_plane_drains_straight_down():
    grid = Grid((2, 6), "5 m", "3 m", THIN, slope_x=-0.01)
    expected = 15.0 * np.tile(np.arange(1.0, 7.0), (2, 1))
    for ways in (AlongSlopes(), SteepestDescent()):
        np.testing.assert_allclose(drained_area(grid, ways).reshape(2, 6), expected)


def test_that_water_parts_in_proportion_to_the_slopes_over_the_widths():
    """Slope 0.03 over 10 m and 0.02 over 20 m: three parts in four go east."""
    grid = Grid((3, 3), "10 m", "20 m", THIN, slope_x=-0.03, slope_y=-0.02)
    area = drained_area(grid).reshape(3, 3) / 200.0
    assert area[0, 0] == 1.0
    np.testing.assert_allclose(area[0, 1:], [1.75, 1.0 + 0.75 * 1.75])
    np.testing.assert_allclose(area[1, 0], 1.25)
    np.testing.assert_allclose(area[1, 1], 1.0 + 0.75 * 1.25 + 0.25 * 1.75)


def test_that_lasting_rain_makes_a_discharge_of_the_drained_area():
    """The kinematic wave at rest is the drained area times the rain."""
    problem = problems.tilted_v(5, 11, "120 s")
    wet = problems.advanced(problem.model, problem.start, 8.0 * 3600.0, 3e-6)
    expected = 3e-6 * drained_area(problem.model.grid, AlongSlopes())
    np.testing.assert_allclose(wet["discharge"].values[0], expected, rtol=1e-4)


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_that_no_water_is_lost_or_made_in_a_land_of_pits(ways, seed):
    """Slopes of a random surface also send water round in circles."""
    grid = hilly(seed)
    area = drained_area(grid, ways)
    assert np.isfinite(area).all()
    assert area.min() >= grid.area - 1e-9
    assert area.max() <= grid.columns * grid.area + 1e-6
    if isinstance(ways, SteepestDescent):  # which has no circles
        assert leaving(grid, ways) == pytest.approx(grid.columns * grid.area)


def test_that_columns_that_face_each_other_are_one_pit():
    grid = Grid((1, 6), "10 m", "10 m", THIN, slope_x=np.array([[-1, -1, -1, 1, 1, 1]]) * 0.01)
    np.testing.assert_allclose(drained_area(grid), np.array([1, 2, 6, 6, 2, 1]) * 100.0)


def test_that_slopes_made_by_rounding_send_nothing_back():
    x = np.tile(np.r_[-0.01, -0.01, 1e-17, -0.01], (2, 1))
    y = np.tile([[-0.01], [1e-16]], (1, 4))
    area = drained_area(Grid((2, 4), "10 m", "10 m", THIN, slope_x=x, slope_y=y)) / 100.0
    np.testing.assert_allclose(area, [1.0, 1.5, 1.75, 1.0, 1.5, 3.25, 6.0, 1.5])


def test_that_a_circle_with_a_way_out_gives_all_of_it_on():
    """Columns 2 and 3 face each other, and column 3 also lets water out to the south."""
    x = np.array([[0.0] * 6, [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]) * 0.01
    y = np.array([[0.01] * 6, [0.0, 0.0, 0.0, 0.01, 0.0, 0.0]])
    area = drained_area(Grid((2, 6), "10 m", "10 m", THIN, slope_x=x, slope_y=y)) / 100.0
    np.testing.assert_allclose(area[6:], [1.0, 2.0, 6.0, 6.0, 2.0, 1.0])
    np.testing.assert_allclose(area[:6], [1.0, 1.0, 1.0, 7.0, 1.0, 1.0])


@BOTH
def test_that_the_mask_of_the_domain_is_the_end_of_the_world(ways):
    inner = valley()
    mask = np.zeros((7, 9), bool)
    mask[1:-1, 1:-1] = True
    outer = np.pad(np.asarray(inner.elevation), 1, constant_values=-99.0)
    wide = Grid((7, 9), "10 m", "10 m", THIN, elevation=outer, active=mask)
    np.testing.assert_allclose(drained_area(wide, ways), drained_area(inner, ways))


@dataclass(frozen=True)
class HalfStays(Ways):
    """Half of the water seeps away in each column."""

    def parts(self, grid):
        return 0.5 * AlongSlopes().parts(grid)


def test_that_ways_of_ones_own_may_keep_water():
    grid = Grid((1, 4), "1 m", "1 m", THIN, slope_x=-0.01)
    np.testing.assert_allclose(drained_area(grid, HalfStays()), [1.0, 1.5, 1.75, 1.875])


# ------------------------------------------------------------------------------------- masks


def test_that_streams_are_where_enough_drains_and_say_so():
    found = stream_mask(valley(), by=DrainedArea("1400 m2", SteepestDescent()))
    river = found["river"].values.reshape(5, 7)
    np.testing.assert_array_equal(np.argwhere(river), [[0, 3], [1, 3], [2, 3], [3, 3]])
    assert found["river"].attrs["long_name"] == "stream network: drained area >= 1400 m2"
    assert found["drained_area"].attrs["units"] == "m2"
    assert found["x"].values[3] == 35.0


def test_that_the_streams_of_the_rur_are_those_of_its_terrain():
    terrain = made_terrain(1).coarsened(4)
    least = max(STREAM, 2.5 * terrain.cell**2)
    rule = DrainedArea(f"{least} m2", SteepestDescent())
    found = stream_mask(terrain.grid, rule)
    np.testing.assert_allclose(found["drained_area"], terrain.drained)
    np.testing.assert_array_equal(found["river"], terrain.river)


def test_that_a_run_shows_its_streams_where_water_gathers():
    """Two slopes that take in the rain, over a clay bottom: only the channel stays wet."""
    problem = problems.tilted_v(4, 9, "120 s")
    grid = problem.model.grid
    states, now = [], problem.start
    for hour in range(12):
        now = problems.advanced(problem.model, now, 3600.0, 3e-6 if hour < 3 else 0.0)
        states.append(now)
    run = xr.concat(states, "time")
    found = stream_mask(grid, by=Ponded(share=0.5, depth="5 mm"), states=run)
    river = found["river"].values.reshape(4, 9)
    assert river[:, 4].all()
    assert river.sum() == 4
    # The share is that of the states, all members alike.
    by_hand = (run["pond"].values >= 5.0).mean(axis=(0, 1))
    np.testing.assert_array_equal(found["ponded_share"], by_hand)
    never = stream_mask(grid, by=Ponded(depth="10 m"), states=run)
    assert not never["river"].any()


def test_that_ponds_count_in_their_unit_and_whatever_the_order_of_dimensions():
    grid = Grid((1, 3), "1 m", "1 m", THIN)
    pond = np.array([[[0.0, 2.0, 9.0], [0.0, 0.0, 9.0]], [[3.0, 2.0, 9.0], [0.0, 2.0, 0.0]]])
    dims = ("time", "member", "column")
    run = xr.Dataset({"pond": (dims, pond, {"units": "mm"})})
    metres = xr.Dataset({"pond": (dims, pond / 1000.0, {"units": "m"})})
    for states in (run, metres, run.transpose("column", "member", "time")):
        found = stream_mask(grid, Ponded(0.75, "1 mm"), states)
        np.testing.assert_array_equal(found["ponded_share"], [0.25, 0.75, 0.75])
        np.testing.assert_array_equal(found["river"], [False, True, True])


def test_that_wells_at_the_stream_validate():
    columns = stream_mask(valley(), by=DrainedArea("1400 m2"))
    places = {"channel": (35.0, 5.0), "bank": (26.0, 15.0), "ridge": (4.0, 45.0)}
    times = pd.date_range("2016-01-15", periods=3, freq="D", tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "time": times, "station": name, "quantity": "groundwater_level",
                "value": 1.0, "error": 0.05,
            }
        )
        for name in places
    ]  # fmt: skip
    frame = pd.DataFrame(places, index=["x", "y"]).T
    records = Records.of(pd.concat(parts), {"groundwater_level": "m"}, frame)
    table = Screening(assimilate=(OffStream(),)).of(records, columns=columns).table
    assert table["why"].to_dict() == {
        "channel": "in a river cell", "bank": "in a cell next to a river", "ridge": "",
    }  # fmt: skip


# ------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: DrainedArea(4.0), UnitError, "area of DrainedArea needs a unit"),
        (lambda: DrainedArea("4 km"), UnitError, "convertible to 'm2'"),
        (lambda: DrainedArea("0 km2"), DeclarationError, "must be positive"),
        (lambda: Ponded(0.0), DeclarationError, "share of Ponded"),
        (lambda: Ponded(0.5, "0 mm"), DeclarationError, "depth of Ponded"),
        (lambda: stream_mask(valley(), Ponded()), DeclarationError, "give states="),
    ],
)
def test_that_a_rule_that_cannot_be_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_that_a_run_of_another_grid_or_with_failed_members_is_refused():
    pond = xr.Dataset({"pond": (("time", "column"), np.ones((2, 3)), {"units": "mm"})})
    with pytest.raises(DataError, match="35 columns of the grid; got 3"):
        stream_mask(valley(), Ponded(), pond)
    small = Grid((1, 3), "1 m", "1 m", THIN)
    failed = pond.assign(pond=pond["pond"].where(pond["pond"]["column"] > 0))
    with pytest.raises(DataError, match="failed"):
        stream_mask(small, Ponded(), failed)


def test_that_rules_are_plain_values():
    assert DrainedArea("1 km2") == DrainedArea("1e6 m2")
    assert replace(Ponded(0.5), share=0.2) == Ponded(0.2)
