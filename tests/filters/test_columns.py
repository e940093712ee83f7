from dataclasses import replace

import numpy as np
import pytest

from hydroda.analysis import Places, Problem, Water
from hydroda.bias import Dee2005, FixedGain
from hydroda.constraint import WaterBudget
from hydroda.errors import DataError
from hydroda.filters import EachColumn, EnKF
from hydroda.inflation import MaximumLikelihood
from hydroda.localization import VerticalExponential

LAYERS, MEMBERS = 4, 12
DEPTH = np.array([0.02, 0.1, 0.4, 1.2])
THICK = np.array([0.05, 0.15, 0.4, 1.0])
FULL = EnKF(
    VerticalExponential(threshold=2), MaximumLikelihood(), WaterBudget(), Dee2005(FixedGain(0.1))
)


def column(number, shift=0.0):
    """A column whose uppermost layer is read, with a budget."""
    rng = np.random.default_rng(number)
    x = 0.2 + 0.01 * rng.normal(size=(LAYERS, MEMBERS)).cumsum(axis=0)
    noise = 0.005 * rng.normal(size=(1, MEMBERS))
    place = np.full(LAYERS, 1000.0 * number)

    def held(rows):
        return 1000.0 * (THICK @ rows)[None]

    return Problem(
        x=x,
        hx=x[:1],
        y=x[:1].mean(axis=1) + 0.02 + shift,
        variance=np.array([0.005**2]),
        noise=noise - noise.mean(),
        state_places=Places(place, 0 * place, DEPTH),
        obs_places=Places(place[:1], 0 * place[:1], DEPTH[:1]),
        operator=lambda rows: rows[:1],
        water=Water(held(x), held(x) + rng.normal(size=(1, MEMBERS)), held, None),
    )


def together(*columns):
    """The columns as one problem."""

    def stacked(name):
        return np.concatenate([getattr(one, name) for one in columns])

    def placed(name):
        return Places(
            *(
                np.concatenate([getattr(getattr(c, name), a) for c in columns])
                for a in ("x", "y", "depth")
            )
        )

    def split(rows):
        return np.split(rows, len(columns))

    waters = [one.water for one in columns]
    return Problem(
        **{name: stacked(name) for name in ("x", "hx", "y", "variance", "noise")},
        state_places=placed("state_places"),
        obs_places=placed("obs_places"),
        operator=lambda rows: np.concatenate([part[:1] for part in split(rows)]),
        water=Water(
            np.concatenate([w.content for w in waters]),
            np.concatenate([w.target for w in waters]),
            lambda rows: np.concatenate(
                [w.operator(p) for w, p in zip(waters, split(rows), strict=True)]
            ),
            Places(
                *(getattr(placed("obs_places"), a) for a in ("x", "y")),
                np.full(len(columns), np.nan),
            ),
        ),
    )


def test_that_columns_together_are_what_they_are_alone_and_remember_for_themselves():
    columns = [column(1), column(2), column(3)]
    both = together(*columns)
    memories = [{} for _ in columns]
    memory = {}
    for _ in range(3):
        found = EachColumn(each=FULL).analyse(replace(both, memory=memory))
        memory = found.memory
        for number, one in enumerate(columns):
            alone = FULL.analyse(replace(one, memory=memories[number]))
            memories[number] = alone.memory
            rows = slice(number * LAYERS, (number + 1) * LAYERS)
            assert found.x[rows] == pytest.approx(alone.x, abs=1e-14)
            assert found.diagnostics["residual"][number] == pytest.approx(
                alone.diagnostics["residual"][0], abs=1e-10
            )


def test_that_a_reading_changes_its_own_column_only():
    filter = EachColumn(each=FULL)
    one, other = (filter.analyse(together(column(1), column(2, shift))).x for shift in (0.0, 0.05))
    assert np.array_equal(one[:LAYERS], other[:LAYERS])
    assert not np.allclose(one[LAYERS:], other[LAYERS:])


def test_that_shares_stay_in_their_column():
    shares = EachColumn(each=EnKF()).shares(together(column(1), column(2)))
    assert shares.shape == (2 * LAYERS, 2)
    assert not shares[:LAYERS, 1].any() and not shares[LAYERS:, 0].any() and shares[0, 0] != 0


def test_that_an_observation_without_a_place_is_refused():
    both = together(column(1), column(2))
    nowhere = replace(both, obs_places=Places.nowhere(2))
    with pytest.raises(DataError, match="EachColumn needs x and y of every observation"):
        EachColumn().analyse(nowhere)
