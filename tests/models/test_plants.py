"""Plant types: their tables, roots and leaves."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hydroda.errors import DeclarationError, UnitError
from hydroda.models import canopy, plants
from hydroda.models.kernels import canopy as kernels
from hydroda.models.kernels import radiation
from hydroda.models.roots import JacksonRoots, ZengRoots

ALL = [*map(plants.igbp, plants.IGBP_TYPES), *map(plants.clm4, plants.CLM4_TYPES)]
NODES = 0.025 * (np.exp(0.5 * (np.arange(1, 11) - 0.5)) - 1)


@pytest.mark.parametrize("plant", ALL, ids=lambda plant: plant.name)
def test_that_every_type_reads_its_row_back(plant):
    row = kernels.plant(plants.plant_rows([plant])[0])
    optics = radiation.optics(plants.optics_rows([plant])[0])
    assert (row.roughness, row.height) == (plant.roughness, plant.height)
    assert (row.bottom, row.top) == (plant.bottom, plant.top)
    assert (row.open_head, row.closed_head) == (plant.open_head, plant.closed_head)
    assert optics.leaf_reflects_nir == plant.leaf_reflects[1]
    assert optics.stem_transmits_nir == plant.stem_transmits[1]
    assert optics.nitrogen_fading == plant.nitrogen_fading
    assert len(row) == len(plants.plant_rows([plant])[0])
    assert len(optics) == len(plants.optics_rows([plant])[0])


@pytest.mark.parametrize("plant", ALL, ids=lambda plant: plant.name)
def test_that_leaves_scatter_to_all_sides_as_their_projection_says(plant):
    """The mean projection of leaves over the hemisphere is a half for any orientation in use."""
    optics = radiation.optics(np.array(plant.optics_row()))
    mu = (np.arange(1000) + 0.5) / 1000
    projection = optics.phi1 + optics.phi2 * mu
    assert_allclose(projection.mean(), 0.5, atol=0.03)
    assert_allclose((mu / projection).mean(), optics.mean_mu, rtol=1e-5)


def test_that_the_tables_hold_what_their_sources_print():
    grass, crop, c4 = plants.igbp(10), plants.clm4("c3 crop"), plants.clm4("c4 grass")
    assert (grass.name, grass.roughness, grass.displacement) == ("grasslands", 0.03, 0.3)
    assert grass.leaves == plants.SeasonalLeaves(0.5, 2.0, 4.0)
    assert plants.igbp(16).name == "sparse vegetation"
    assert (crop.roughness, crop.displacement) == pytest.approx((0.06, 0.34))
    assert (crop.open_head, crop.closed_head) == (-74.0, -275.0)
    assert crop.c3
    assert not c4.c3
    assert len(ALL) == 30


@pytest.mark.parametrize("plant", ALL, ids=lambda plant: plant.name)
def test_that_roots_sum_to_one_on_any_layers(plant):
    faces = np.append((NODES[1:] + NODES[:-1]) / 2, NODES[-1] + 0.5)
    for thickness in (np.diff(faces, prepend=0.0), [0.05], [0.02, 0.3, 5.0, 50.0]):
        share = plant.roots.parts(thickness)
        assert_allclose(share.sum(), 1.0, rtol=1e-14)
        assert (share >= 0).all()


def test_that_roots_are_shared_among_columns_of_any_thickness():
    thickness = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    share = ZengRoots("6 1/m", "3 1/m").parts(thickness)

    def above(depth: float) -> float:
        return 1 - 0.5 * (np.exp(-6 * depth) + np.exp(-3 * depth))

    wanted = above(0.3) / above(1.0)
    assert_allclose([share[0, :2].sum(), share[1, 0]], wanted)


def test_that_jackson_grass_has_its_published_half_in_the_top_third_of_a_metre():
    """Jackson et al. (1996): temperate grassland, beta 0.943, holds 83 % in the upper 30 cm."""
    assert JacksonRoots(0.943).above(np.array(0.3)) == pytest.approx(0.83, abs=0.005)


def test_that_monthly_leaves_pass_through_the_middle_of_each_month():
    leaves = plants.MonthlyLeaves(range(12), 0.5)
    middle = np.array(["1998-01-16T12", "1998-02-15", "1998-11-16"], "datetime64[ns]")
    lai, sai = leaves.area(middle, 45.0)
    assert_allclose(lai, [0, 1, 10])
    assert_allclose(sai, 0.5)
    south, _ = leaves.area(middle, -45.0)
    assert_allclose(south, [6, 7, 4])


@given(st.integers(0, 3 * 365 * 24))
def test_that_monthly_leaves_stay_between_their_months(hour):
    leaves = plants.monthly_leaves("croplands")
    time = np.array(["1997-01-01"], "datetime64[ns]") + np.timedelta64(hour * 3600, "s")
    lai, sai = leaves.area(time, 40.0)
    assert min(leaves.lai) <= lai[0] <= max(leaves.lai)
    assert min(leaves.sai) <= sai[0] <= max(leaves.sai)


def test_that_seasonal_leaves_are_those_of_the_kernel():
    leaves = plants.SeasonalLeaves(0.5, 2.0, 4.0)
    soil = np.array([263.0, 285.0, 298.0, 310.0])
    lai, sai = leaves.area(np.zeros(4, "datetime64[ns]"), 35.0, soil)
    assert_allclose(lai, [kernels.seasonal_leaves(0.5, 2.0, t) for t in soil])
    assert_allclose(lai[[0, 2, 3]], [0.5, 2.0, 2.0])
    assert (sai == 4.0).all()


def test_that_snow_buries_grass_before_trees():
    grass, tree = (
        kernels.plant(np.array(plants.clm4(n).plant_row()))
        for n in ("c3 grass", "needleleaf evergreen boreal tree")
    )
    by_height, by_roughness = kernels.BuriedByHeight(0), kernels.BuriedByRoughness(0)
    assert kernels.exposed(by_height, grass, 2.0, 0.5, 0.1) == pytest.approx((1.0, 0.25))
    assert kernels.exposed(by_height, grass, 2.0, 0.5, 0.3) == (0.0, 0.0)
    assert kernels.exposed(by_height, tree, 4.0, 0.5, 5.0) == (4.0, 0.5)
    assert kernels.exposed(by_roughness, grass, 2.0, 0.5, 0.3) == pytest.approx((1.0, 0.25))
    assert kernels.exposed(by_height, grass, 0.04, 0.5, 0.0) == (0.0, 0.5)


def test_that_a_type_is_changed_in_units_of_ones_own():
    plant = replace(plants.clm4("c3 crop"), height="80 cm", capacity="90 umol/m2/s")
    assert (plant.height, plant.capacity) == pytest.approx((0.8, 90.0))
    with pytest.raises(UnitError, match="height needs a unit"):
        replace(plant, height=0.8)
    with pytest.raises(DeclarationError, match="closed_head must be below open_head"):
        replace(plant, closed_head="-1 m")
    with pytest.raises(DeclarationError, match=r"leaf_reflects \+ leaf_transmits"):
        replace(plant, leaf_reflects=(0.9, 0.9))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: plants.igbp(17), "igbp knows the numbers"),
        (lambda: plants.clm4("oak"), "clm4 knows"),
        (lambda: plants.MonthlyLeaves((1, 2, 3), 0.1), "12 monthly values"),
        (lambda: plants.DatedLeaves((("07-01", 1.0), ("06-01", 0.0)), 0.1), "order of the year"),
        (lambda: plants.DatedLeaves((("31-06", 1.0),), 0.1), "must be 'month-day' as '06-15'"),
        (lambda: plants.SeasonalLeaves(2.0, 1.0, 0.1), "lowest <= highest"),
        (lambda: JacksonRoots(1.2), "beta"),
        (lambda: ZengRoots("-1 1/m", "1 1/m"), "positive"),
        (lambda: canopy.clm3_colour(9), "class 1 to 8"),
        (lambda: canopy.SaturationStress(0.5, 0.4), "wilting must be below field"),
        (lambda: canopy.FixedSplit(direct=1.2), "fraction"),
        (lambda: canopy.CanopyNumbers(iterations=0), "iterations"),
        (lambda: canopy.LinearSaturation(1.0), "residual"),
    ],
)
def test_that_impossible_choices_are_named(wrong, message):
    with pytest.raises(DeclarationError, match=message):
        wrong()


@pytest.mark.parametrize(
    "choice",
    [
        canopy.FixedSplit(), canopy.CloudSplit(), canopy.FluxSplit(), canopy.AgedSnow(),
        canopy.clm4_colour(13), canopy.clm3_colour(2), canopy.FixedRoughness(),
        canopy.DenseRoughness(), canopy.BuriedByHeight(), canopy.BuriedByRoughness(),
        canopy.CanopyNumbers(), canopy.HeadStress(), canopy.SaturationStress(),
        canopy.KelvinHumidity(), canopy.SakaguchiZeng(), canopy.LinearSaturation(0.2),
    ],
    ids=lambda choice: type(choice).__name__,
)  # fmt: skip
def test_that_every_choice_has_a_kernel_with_its_numbers(choice):
    token = choice.kernel()
    for item in fields(choice):
        assert getattr(token, item.name) == getattr(choice, item.name)


def test_that_colour_tables_darken_with_the_class():
    for colour, count in ((canopy.clm3_colour, 8), (canopy.clm4_colour, 20)):
        table = np.array([colour(i).row() for i in range(1, count + 1)])
        assert (np.diff(table, axis=0) < 0).all()
        assert (table[:, :2] >= table[:, 2:]).all()


def test_that_dated_leaves_are_linear_between_their_days_and_over_new_year():
    leaves = plants.DatedLeaves((("04-01", 0.0), ("04-11", 2.0), ("12-22", 2.0)), 0.3)
    days = np.array(["2023-04-06", "2023-12-22", "2024-01-01", "2023-08-01"], "datetime64[ns]")
    lai, sai = leaves.area(days, 50.0)
    assert_allclose(lai[[0, 1, 3]], [1.0, 2.0, 2.0])
    assert_allclose(lai[2], 2.0 * (1.0 - 10.0 / 100.0), atol=0.01)  # ten of a hundred days down
    assert_allclose(sai, 0.3)


def test_that_short_days_take_capacity_from_leaves():
    """CLM 4: by the square of day length; none at the solstice, some 30 % in mid September."""
    part = canopy.DaylengthCapacity().part
    assert_allclose(part(172.0, 40.0), 1.0)
    assert part(257.0, 40.0) == pytest.approx(0.70, abs=0.02)
    assert_allclose(part(355.0, -40.0), 1.0, atol=1e-6)
    assert_allclose(part(172.0 + np.arange(10.0), 0.0), 1.0, atol=1e-6)
    assert part(355.0, 80.0) == 0.01
    assert_allclose(canopy.SteadyCapacity().part(np.arange(3.0), 40.0), 1.0)
