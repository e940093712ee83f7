"""The water-budget study of Dan et al. (2020), beside its published numbers.

    python tutorials/papers/dan2020.py [--size small|medium|paper] [--seed 1] [--out FOLDER]

Dan, Zheng, Wu and Li (2020), "Assimilating Shallow Soil Moisture Observations into Land Models with
a Water Budget Constraint". The study is `hydroda.studies.dan2020`; `hydroda reproduce dan2020` runs
it with all its tables, at three spreads, and with schemes that are not in the paper.

The weather and the soils of the paper are not public, its perturbations not printed: the numbers
of figures 4 to 6 depend on them. What must agree is table 2, to its printed digits; what is asked
of the rest is whether the same things help and harm.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from hydroda.progress import bar
from hydroda.studies import dan2020
from hydroda.studies.report import StudyReport


@dataclass(frozen=True)
class Expected:
    """A published number, how near ours must come (None: only shown), and where it stands."""

    published: float
    tolerance: float | None
    source: str


ANALYSIS, BUDGET = "section 5.1 and figure 5", "section 5.2 and figure 6"
EXPECTED = {
    # table, row, column
    **{
        ("2", str(layer), "mu"): Expected(mu, 1.01e-4 if layer == 6 else 0.5e-4, "table 2")
        for layer, mu in zip(
            range(2, 11),
            (0.2824, 0.1256, 0.0587, 0.0300, 0.0163, 0.0093, 0.0053, 0.0025, 0.0001),
            strict=True,
        )
    },
    ("figure 5, means", "WCEnKF", "above 36.6 cm"): Expected(6.70, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf", "above 36.6 cm"): Expected(2.00, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf-Loc", "above 36.6 cm"): Expected(2.16, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf-Loc-BA", "above 36.6 cm"): Expected(2.12, None, ANALYSIS),
    ("figure 5, means", "WCEnKF", "below 36.6 cm"): Expected(6.38, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf", "below 36.6 cm"): Expected(12.49, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf-Loc", "below 36.6 cm"): Expected(6.59, None, ANALYSIS),
    ("figure 5, means", "WCEnKF-Inf-Loc-BA", "below 36.6 cm"): Expected(6.05, None, ANALYSIS),
    ("figure 6", "EnKF", "size of R"): Expected(0.1389, None, BUDGET),
    ("figure 6", "WCEnKF", "size of R"): Expected(0.0487, None, BUDGET),
    ("figure 6", "WCEnKF-Inf", "size of R"): Expected(0.0834, None, BUDGET),
    ("figure 6", "WCEnKF-Inf-Loc", "size of R"): Expected(0.0737, None, BUDGET),
    ("figure 6", "WCEnKF-Inf-Loc-BA", "size of R"): Expected(0.0723, None, BUDGET),
}


def ours(report: StudyReport) -> dict[tuple[str, str, str], float]:
    """Our numbers by table, row and column; rows without their notes."""
    return {
        (v.table, v.row.split(" (")[0], v.column): v.ours
        for v in report.values
        if v.ours is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(dan2020.SIZES), default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report = dan2020.run(size=options.size, seeds=(options.seed,), progress=bar, out=options.out)
    found = ours(report)
    print(f"{'table':16} {'row':18} {'column':15} published    ours")
    for key, expected in EXPECTED.items():
        table, row, column = key
        near = (
            expected.tolerance is None or abs(found[key] - expected.published) <= expected.tolerance
        )
        print(
            f"{table:16} {row:18} {column:15} {expected.published:9.4f} {found[key]:9.4f}"
            f"{'' if near else '  not within ' + str(expected.tolerance)}"
        )
    for verdict in report.verdicts:
        print(f"{verdict.id}. {verdict.statement}: {verdict.ours}; {verdict.confirmed}")
    if options.out is not None:
        report.write(options.out)


if __name__ == "__main__":
    main()
