import io
import json

import numpy as np
import pytest
from rich.console import Console

from hydroda.errors import DeclarationError
from hydroda.rng import Streams
from hydroda.studies import STUDIES, sakov2008
from hydroda.studies.report import StudyReport, Value, Verdict


@pytest.fixture(scope="module")
def report():
    return sakov2008.run(size="small")


def test_that_every_row_of_the_lorenz96_table_is_confirmed(report):
    assert [verdict.id for verdict in report.verdicts] == ["1", "2", "3", "4", "5", "6"]
    assert all(verdict.confirmed for verdict in report.verdicts)


def test_that_a_filter_which_is_worse_is_not_confirmed(monkeypatch):
    row = sakov2008.ROWS[2]
    broken = sakov2008.Row(row.name, row.filter, 12, row.published, row.low, row.high)
    monkeypatch.setattr(sakov2008, "ROWS", (broken,))
    (verdict,) = sakov2008.run(size="small").verdicts
    assert not verdict.confirmed


def test_that_errors_repeat_with_the_seed_and_differ_without():
    def errors(seed):
        found = sakov2008.analysis_errors(sakov2008.ROWS[4], 5, Streams(seed))
        return np.fromiter(found, float)

    assert np.array_equal(errors(1), errors(1))
    assert not np.array_equal(errors(1), errors(2))


def test_that_the_json_has_what_the_design_asks_for(report):
    content = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert set(content) == {
        "study", "size", "seeds", "wall_seconds", "peak_memory_bytes", "values", "verdicts",
    }  # fmt: skip
    assert set(content["values"][0]) == {"table", "row", "column", "unit", "published", "ours"}
    assert set(content["verdicts"][0]) == {"id", "statement", "published", "ours", "confirmed"}
    assert content["study"] == "sakov2008" and content["seeds"] == [1]
    assert content["peak_memory_bytes"] > 10_000_000


def test_that_numbers_and_figures_are_written(report, tmp_path):
    names = {path.name for path in report.write(tmp_path / "out")}
    assert names == {"values.csv", "verdicts.csv", "lorenz96.png"}


def test_that_units_stand_where_each_has_one():
    """In the heads, else in the labels, else behind the numbers."""

    def shown(*values):
        (table, _) = StudyReport("s", "small", (1,), 1.0, values, ()).tables()
        return [[str(column.header), *map(str, column.cells)] for column in table.columns]

    one = Value("t", "a", "OL", "m", None, 1.0)
    assert shown(one, Value("t", "b", "OL", "m", 3.0, 2.0)) == [
        ["", "a", "b"], ["OL [m]", "1", "2 (3)"],
    ]  # fmt: skip
    assert shown(one, Value("t", "b", "OL", "K", 3.0, 2.0)) == [
        ["", "a [m]", "b [K]"], ["OL", "1", "2 (3)"],
    ]  # fmt: skip
    assert shown(
        one, Value("t", "b", "OL", "K", 3.0, 2.0), Value("t", "a", "DA", "K", None, 4.0)
    ) == [["", "a", "b"], ["OL", "1 m", "2 (3) K"], ["DA [K]", "4", ""]]


RUNS, MEASURES = [f"RUN_{k}" for k in range(11)], [f"GWL {k} km, of analyses" for k in range(42)]
MANY = tuple(
    Value("many", run, measure, "m", None if n % 2 else 1 / 7, 100 * k + n + 1 / 3)
    for k, run in enumerate(RUNS)
    for n, measure in enumerate(MEASURES)
)


@pytest.mark.parametrize("width", [60, 80, 120, 160, 200, 400])
@pytest.mark.parametrize("values", [MANY, MANY[:42], MANY[:84], MANY[::42], MANY[::21]])
def test_that_a_wide_table_is_shown_whole_and_within_the_width(values, width):
    *tables, _ = StudyReport("s", "small", (1,), 1.0, values, ()).tables(width)
    cells = {}
    for table in tables:
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(table)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width and "…" not in "".join(lines)
        heads = [" ".join(str(column.header).split()) for column in table.columns]
        for label, *numbers in zip(*(column.cells for column in table.columns), strict=True):
            (line,) = [text for text in lines if text.startswith(f"│ {label} ")]
            assert [part.strip() for part in line.strip("│").split("│")] == [str(label), *numbers]
            cells |= {(str(label), h): n for h, n in zip(heads[1:], numbers, strict=True)}
    turned = {(column, row): text for (row, column), text in cells.items()}
    for value in values:
        ours = f"{value.ours:.4g}" + (" (0.1429)" if value.published else "")
        assert (turned | cells)[(value.row, f"{value.column} [m]")] == ours
    assert len(cells) == len(values)


def test_that_a_table_is_turned_only_where_that_saves_tables():
    def shown(values, width):
        *tables, _ = StudyReport("s", "small", (1,), 1.0, values, ()).tables(width)
        return [(len(table.columns) - 1, table.row_count) for table in tables]

    assert shown(MANY, 4000) == [(42, 11)]
    assert shown(MANY, 220) == [(11, 42)]
    assert shown(MANY, 140) == [(5, 42), (6, 42)]
    assert shown(MANY[:84], 4000) == [(42, 2)]


def test_that_an_unknown_table_is_refused():
    with pytest.raises(DeclarationError, match="has one table, 1; got '7'"):
        sakov2008.run(table="7")
    assert "sakov2008" in STUDIES


def test_that_a_table_sets_ours_beside_the_published_number():
    values = (Value("2", "OL", "RMSE", "m", 0.5, 0.25), Value("2", "DA", "RMSE", "m", None, 0.125))
    verdict = Verdict("1", "DA helps", "yes", "no", False)
    shown, verdicts = StudyReport("s", "small", (1,), 1.0, values, (verdict,)).tables()
    assert list(shown.columns[1].cells) == ["0.25 (0.5)", "0.125"]
    assert str(shown.columns[1].header) == "RMSE [m]"
    assert list(verdicts.columns[4].cells) == ["NO"]
