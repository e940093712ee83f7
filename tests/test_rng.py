import numpy as np

from hydroda.rng import Streams


def test_that_a_stream_is_found_by_its_name_alone():
    first = Streams(1).generator("forcing", 3).normal(size=5)
    Streams(1).generator("forcing", 2).normal(size=1000)
    assert np.array_equal(first, Streams(1).generator("forcing", 3).normal(size=5))


def test_that_names_and_seeds_part_the_streams():
    draws = [
        Streams(seed).generator(*name).normal()
        for seed, name in [
            (1, ("a", 1)),
            (1, ("a", 11)),
            (1, ("a1", 1)),
            (1, ("b", 1)),
            (2, ("a", 1)),
        ]
    ]
    assert len(set(draws)) == len(draws)


def test_that_a_longer_draw_begins_with_the_shorter_one():
    short = Streams(1).generator("observation", "well", "2016-01-01").normal(size=10)
    long = Streams(1).generator("observation", "well", "2016-01-01").normal(size=20)
    assert np.array_equal(short, long[:10])


def test_that_neighbouring_streams_are_uncorrelated():
    a = Streams(7).generator("member", 0).normal(size=20_000)
    b = Streams(7).generator("member", 1).normal(size=20_000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)
