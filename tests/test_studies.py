import json

import numpy as np
import pytest

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
