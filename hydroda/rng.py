"""Named random streams: one seed, one child per purpose and per key, nothing shared.

A stream is found by its name alone, so neither the number of members, ranks or sensors nor a
resumed run changes what another stream draws, and no generator state has to be stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """The random streams of one experiment."""

    seed: int

    def generator(self, *name: object) -> np.random.Generator:
        """The generator called `name`, e.g. ("forcing", member) or ("observation", station, time).

        The same seed and name always start the same stream (PCG64 keyed by a SHA-256 of the name).
        """
        return np.random.Generator(np.random.PCG64(self._sequence(name)))

    def _sequence(self, name: tuple[object, ...]) -> np.random.SeedSequence:
        text = "\x1f".join(str(part) for part in name)
        digest = hashlib.sha256(text.encode()).digest()
        key = np.frombuffer(digest, dtype="<u4")
        return np.random.SeedSequence(self.seed, spawn_key=tuple(int(word) for word in key))
