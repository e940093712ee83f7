import errno
import os

import numpy as np
import pytest
import xarray as xr

from hydroda.errors import DataError, DeclarationError
from hydroda.files import replacing
from hydroda.io import RECORDS_PER_PART, Checkpoint, Journal, write_tree
from tests.test_state import dataset


def record(number):
    return {
        "forecast": {"time": np.array([number]), "theta": np.full((1, 2, 3), float(number))},
        "observations": {
            "station": np.array(["a", "well"]),
            "value": np.array([number, 2.0 * number]),
        },
    }


def state(position):
    return Checkpoint(position, dataset(seed=position), {"WC/bias": np.arange(3.0) + position})


def test_that_a_resumed_journal_is_where_the_last_checkpoint_was(tmp_path):
    journal = Journal(tmp_path, "one")
    count = 2 * RECORDS_PER_PART + 3
    for number in range(count):
        journal.append(record(number))
        journal.checkpoint(state(number))
    journal.append(record(999))

    again = Journal(tmp_path, "one")
    checkpoint = again.resume()
    assert checkpoint.position == count - 1
    xr.testing.assert_identical(checkpoint.ensemble, dataset(seed=count - 1))
    assert np.array_equal(checkpoint.memory["WC/bias"], state(count - 1).memory["WC/bias"])
    tables = again.tables()
    assert tables["forecast"]["time"].tolist() == list(range(count))
    assert tables["forecast"]["theta"].shape == (count, 2, 3)
    assert tables["observations"]["station"].tolist() == ["a", "well"] * count


def test_that_a_part_written_after_the_last_checkpoint_is_not_counted_twice(tmp_path, monkeypatch):
    journal = Journal(tmp_path, "one")
    for number in range(RECORDS_PER_PART - 1):
        journal.append(record(number))
    journal.checkpoint(state(1))
    journal.append(record(RECORDS_PER_PART - 1))

    def killed(*_):
        raise KeyboardInterrupt

    replace = os.replace
    calls = []

    def second_call_is_killed(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_call_is_killed)
    with pytest.raises(KeyboardInterrupt):
        journal.checkpoint(state(2))
    again = Journal(tmp_path, "one")
    assert again.resume().position == 1
    assert again.tables()["forecast"]["time"].tolist() == list(range(RECORDS_PER_PART - 1))


def test_that_a_journal_in_memory_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    journal.append(record(1))
    assert not journal.due()
    journal.checkpoint(state(1))
    assert journal.resume() is None and list(tmp_path.iterdir()) == []
    assert journal.tables()["forecast"]["time"].tolist() == [1]


def test_that_a_column_which_only_some_records_have_is_nan_in_the_others():
    journal = Journal(None)
    journal.append({"updates": {"name": np.array(["a"]), "inflation": np.array([1.5])}})
    journal.append({"updates": {"name": np.array(["b"])}})
    np.testing.assert_array_equal(journal.tables()["updates"]["inflation"], [1.5, np.nan])


def test_that_another_declaration_cannot_resume(tmp_path):
    Journal(tmp_path, "one").checkpoint(state(1))
    with pytest.raises(DeclarationError, match="other settings"):
        Journal(tmp_path, "two").resume()


def test_that_a_damaged_checkpoint_is_named(tmp_path):
    Journal(tmp_path, "one").checkpoint(state(1))
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"checkpoint\.npz is damaged"):
        Journal(tmp_path, "one").resume()


def test_that_a_cleared_journal_leaves_no_files(tmp_path):
    journal = Journal(tmp_path, "one")
    for number in range(RECORDS_PER_PART + 1):
        journal.append(record(number))
    journal.checkpoint(state(1))
    journal.clear()
    assert list(tmp_path.iterdir()) == []


def test_that_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with (
        pytest.raises(DataError, match=r"cannot write .*file: No space left"),
        replacing(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_that_an_error_of_another_kind_passes_through(tmp_path):
    with pytest.raises(RuntimeError, match="unrelated"), replacing(tmp_path / "file"):
        raise RuntimeError("unrelated")


def test_that_a_tree_is_written_with_its_groups(tmp_path):
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"seed": 1}), "/forecast": dataset()})
    write_tree(tree, tmp_path / "run.nc")
    with xr.open_datatree(tmp_path / "run.nc") as back:
        assert back.attrs["seed"] == 1
        xr.testing.assert_identical(back["forecast"].to_dataset().load(), dataset())
