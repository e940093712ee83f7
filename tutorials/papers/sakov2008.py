"""Lorenz-96 under six filters, beside the published table. About two minutes; see `--cycles`.

    python tutorials/papers/sakov2008.py [--cycles 1000] [--seed 1]

Configurations of Sakov and Oke (2008, doi:10.1111/j.1600-0870.2007.00299.x) and Hunt et al. (2007,
doi:10.1016/j.physd.2006.11.008). The study itself is `hydroda.studies.sakov2008`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import xarray as xr

from hydroda.rng import Streams
from hydroda.studies.sakov2008 import ROWS, analysis_errors
from hydroda.verification import mean_interval

CYCLES = 10_000  # after 400 that are not counted

SAKOV = "Sakov and Oke (2008), doi:10.1111/j.1600-0870.2007.00299.x"
HUNT = "Hunt et al. (2007), doi:10.1016/j.physd.2006.11.008"
DAPPER = "rerun with DAPPER, 10 000 cycles"


@dataclass(frozen=True)
class Expected:
    """A published mean analysis RMSE and the interval in which other code finds it."""

    score: float
    low: float
    high: float
    source: str
    interval_from: str = DAPPER


EXPECTED = {
    "EnKF, N 40": Expected(0.22, 0.2146, 0.2174, SAKOV),
    "EnKF, N 28": Expected(0.24, 0.2353, 0.2391, SAKOV),
    "DEnKF, N 40": Expected(0.18, 0.1767, 0.1795, SAKOV),
    "ETKF rotated, N 24": Expected(
        0.18, 0.172, 0.209, SAKOV, "six seeds of 1000 cycles with DAPPER"
    ),
    "LETKF rotated, loc 4, N 7": Expected(0.22, 0.2145, 0.2177, HUNT),
    "LETKF rotated, loc 6, N 10": Expected(0.20, 0.1971, 0.1997, HUNT),
}


def scores(cycles: int, seed: int) -> dict[str, xr.Dataset]:
    """The mean analysis RMSE of each row of the table, with its 95 % interval."""
    found = {}
    for row in ROWS:
        errors = np.fromiter(analysis_errors(row, cycles, Streams(seed)), float)
        found[row.name] = mean_interval(xr.DataArray(errors, dims="time"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'filter':28} published  elsewhere         ours")
    for name, ours in scores(options.cycles, options.seed).items():
        other = EXPECTED[name]
        mean, low, high = (float(ours[part]) for part in ("mean", "low", "high"))
        print(
            f"{name:28} {other.score:9.2f}  {other.low:.4f}-{other.high:.4f}  "
            f"{mean:.4f} ({low:.4f}-{high:.4f})"
        )


if __name__ == "__main__":
    main()
