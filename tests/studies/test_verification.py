"""Flow beside exact solutions and ParFlow, on coarse grids; what is not met is named here."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hydroda import plotting
from hydroda.cli import main
from hydroda.errors import DataError, DeclarationError
from hydroda.models.land import Arithmetic, FluxPotential, Upstream
from hydroda.studies import STUDIES, verification
from hydroda.studies import flow_problems as problems
from hydroda.studies.verification import checks, exponential, infiltration, overland
from hydroda.studies.verification.checks import (
    AtLeast,
    AtMost,
    Check,
    Nearer,
    NoWorse,
    Setting,
    Within,
)

NOT_MET = {
    # ParFlow's steps were 15 s, with which our curve is its own; longer ones diffuse.
    "parking lot, 18 m: RMSE in steps of 60 s",
}


@pytest.fixture(scope="module", params=verification.PARTS)
def report(request, shared):
    data = str(shared("reference/parflow"))
    return verification.run(table=request.param, size="small", data=data)


def test_that_what_was_asked_for_holds_but_for_what_is_named(report):
    refused = {v.id: (v.statement, v.ours) for v in report.verdicts if not v.confirmed}
    assert set(refused) <= NOT_MET, refused
    assert report.verdicts


def test_that_water_closes_in_every_problem(report):
    closures = [v for v in report.values if v.table == "water"]
    prescribed = any(v.table == "grass" for v in report.values)  # the moisture of its soil
    assert len(closures) % 2 == 0 and (closures or prescribed)
    for value in closures:
        limit = 1e-6 if value.row.endswith("of a column in a step") else 1e-8
        assert abs(value.ours) < limit, value


def test_that_numbers_and_figures_are_written(report, tmp_path):
    json.dumps(report.as_dict(), allow_nan=False)
    names = {path.name for path in report.write(tmp_path)}
    assert {"values.csv", "verdicts.csv"} < names
    assert any(name.endswith(".png") for name in names)


def test_that_the_command_runs_one_part(shared, tmp_path, capsys):
    data = str(shared("reference/parflow"))
    words = ["reproduce", "verification", "--table", "field", "--data", data, "--out", tmp_path]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert not end.value.code
    assert "heterogeneous" in capsys.readouterr().out
    written = json.loads((tmp_path / "verification.json").read_text())
    assert written["study"] == "verification" and written["verdicts"]
    assert (tmp_path / "heterogeneous.png").exists()


# ---------------------------------------------------------------------------------------- mutants


def refused(part, data=None):
    """What is not met on coarse grids."""
    verdicts = [check.verdict() for check in part(Setting(True, data)).checks]
    return {verdict.id for verdict in verdicts if verdict is not None and not verdict.confirmed}


def with_conductivity(problem, factor):
    ks = problem.start["log10_Ks"].values + np.log10(factor)
    return replace(problem, start=problem.model.dataset(h=problem.start["h"].values, log10_Ks=ks))


def test_that_a_conductivity_one_percent_off_infiltrates_too_much(monkeypatch):
    celia = problems.celia
    monkeypatch.setattr(infiltration, "SMALL", ("Celia, 1 cm",))
    monkeypatch.setattr(infiltration, "LAYERS", ())
    assert not refused(infiltration.part)
    monkeypatch.setattr(problems, "celia", lambda cells: with_conductivity(celia(cells), 1.01))
    assert "Celia, 1 cm: infiltrated" in refused(infiltration.part)


def test_that_a_conductivity_a_little_off_is_not_parflows_field(monkeypatch, shared):
    right = problems.heterogeneous

    def wrong(folder, tiles=1, exact=True):
        return with_conductivity(right(folder, tiles, exact), 1.0 + 1e-4)

    monkeypatch.setattr(problems, "heterogeneous", wrong)
    name = "heterogeneous 16x16x32, ParFlow's faces: largest difference of a head"
    assert name in refused(verification.PARTS["field"], shared("reference/parflow"))


def test_that_a_rougher_plane_is_not_parflows(monkeypatch, shared):
    right = problems.parking_lot

    def rougher(*choices, **others):
        found = right(*choices, **others)
        manning = 1.02 * found.start["manning"].values
        return replace(found, start=found.model.dataset(h=np.zeros((1, 1, 1)), manning=manning))

    monkeypatch.setattr(problems, "parking_lot", rougher)
    setting = Setting(True, shared("reference/parflow"))
    verdicts = [check.verdict() for check in overland._parking(setting)[0]]
    assert {v.id for v in verdicts if v and not v.confirmed} == {
        "parking lot, 18 m: RMSE in steps of 60 s",
        "parking lot, 18 m: RMSE in steps of 15 s",
        "parking lot, 18 m: RMS difference from ParFlow, 15 s",
    }


def test_that_water_from_nowhere_is_refused():
    problem = problems.celia(24)
    states = problem.run()
    assert checks.closure(problem, states)[1] < 1e-12
    leaky = [states[0].assign(water=states[0]["water"] + 1e-4)]
    found = [check.verdict() for check in checks.closed("leaky", problem, leaky)]
    assert [v.confirmed for v in found] == [False, False]


# ------------------------------------------------------------------------------------------ pieces


def test_that_a_check_says_what_was_asked_for():
    near = Check("p", "q", "mm", 1.004, exact=1.0, parflow=1.03, wanted=Within(0.005))
    assert near.verdict().confirmed and near.verdict().published == "1 mm, ParFlow 1.03 mm"
    assert near.verdict().ours == "1.004 mm (+0.40%)"
    assert not replace(near, wanted=Within(0.003)).verdict().confirmed
    assert replace(near, wanted=Nearer()).verdict().confirmed
    assert not replace(near, ours=0.9, wanted=Nearer()).verdict().confirmed
    beside = {value.column: value.published for value in near.values()}
    assert beside == {"beside exact": 1.0, "beside ParFlow": 1.03}
    error = Check("p", "error", "1", 0.2, parflow=0.1, wanted=NoWorse(), why="of a reason")
    assert error.verdict().ours == "0.2: of a reason"
    assert not error.verdict().confirmed
    assert replace(error, ours=0.1).verdict().ours == "0.1"
    assert replace(error, wanted=AtMost(0.2)).verdict().confirmed
    assert not replace(error, wanted=AtLeast(0.3)).verdict().confirmed
    assert not replace(error, ours=float("nan"), wanted=AtMost(0.3)).verdict().confirmed
    assert replace(error, wanted=None).verdict() is None


def test_that_the_order_is_that_of_the_finest():
    assert checks.order((4.0, 2.0, 1.0), (7.0, 0.8, 0.1)) == pytest.approx(3.0)


def test_that_the_series_of_srivastava_and_yeh_begins_and_ends_at_rest():
    above = np.linspace(0.05, 1.0, 20)
    for rate, hours in ((0.1, 0.05), (0.9, 500.0)):
        steady = np.log(rate + (1.0 - rate) * np.exp(-10.0 * above)) / 10.0
        deep = above < (0.7 if hours < 1.0 else 2.0)
        exact = problems.srivastava_yeh_exact(above, 3600.0 * hours)
        np.testing.assert_allclose(exact[deep], steady[deep], atol=1e-9)


def test_that_faces_of_higher_order_cut_the_error():
    fluxes = FluxPotential(), Arithmetic(), Upstream()
    best, mean, upstream = (exponential._steady("", (9,), flux).errors[0] for flux in fluxes)
    assert best < mean < 0.5 * upstream


def test_that_images_close_a_square():
    """Far later the whole square has sunk by what was pumped."""
    width, seconds = 500.0, 86400.0
    x = np.linspace(0.0, 250.0, 51)
    drawdown = problems.theis_in_basin(x, seconds, width)
    assert drawdown[-1] == pytest.approx(drawdown[-2], abs=2e-3)  # no flow through the edge
    sunk = problems.PUMPED * seconds / (problems.STORATIVITY * width**2)
    assert drawdown[-1] == pytest.approx(sunk, rel=0.05)


def test_that_the_dam_of_charny_is_in_the_potential():
    """Without a capillary fringe K (a^2 - b^2) / 2 L flows from one level to the other."""
    levels = np.array([4.0, 8.0])
    low, high = problems.hillslope_potential(levels)
    fringe = problems.hillslope_potential(np.array([0.0, 1.0]))
    dry = 0.5 * problems.HILL_K * (64.0 - 16.0)
    per_metre = np.diff(fringe)[0] - 0.5 * problems.HILL_K  # what the fringe carries
    assert high - low == pytest.approx(dry + 4.0 * per_metre, rel=2e-3)


def test_that_panels_share_colours_and_a_legend():
    line = plotting.Curve("exact", [0.0, 1.0], [1.0, 2.0])
    ours = plotting.Curve("hydroda", [0.0, 1.0], [1.0, 2.0], "o")
    one = plotting.Panel("a", "Time (h)", "Outflow (m³ h⁻¹)", (line, ours))
    two = plotting.Panel("b", "Head (m)", "Depth (m)", (ours,), log="x", downward=True)
    fig = plotting.panels((one, two), columns=2)
    first, second = fig.axes
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["exact", "hydroda"]
    assert first.lines[0].get_color() == plotting.PALETTE["black"]
    assert first.lines[1].get_color() == second.lines[0].get_color()
    assert second.yaxis_inverted() and second.get_xscale() == "log"
    assert first.get_xlabel() == "Time (h)" and second.get_ylabel() == "Depth (m)"


# ------------------------------------------------------------------------------------- what is said


def test_that_without_numbers_of_parflow_the_report_says_what_is_missing(monkeypatch):
    none = {"field": None, "grass": None, "surface": lambda setting: checks.Part(())}
    monkeypatch.setattr(verification, "PARTS", none)
    (verdict,) = verification.run(size="small").verdicts
    assert not verdict.confirmed and "without --data FOLDER: field, grass" in verdict.ours


def test_that_what_cannot_be_is_refused(tmp_path):
    assert STUDIES["verification"] is verification
    with pytest.raises(DeclarationError, match="has the tables infiltration, exponential"):
        verification.run(table="7")
    with pytest.raises(DeclarationError, match="leave it out"):
        verification.run(forcing="era5.nc")
    with pytest.raises(DeclarationError, match="grass is beside numbers of ParFlow: --data FOLDER"):
        verification.run(table="grass")
    with pytest.raises(DataError, match=r"lacks celia_vg_60cm\.npz, "):
        verification.run(data=str(tmp_path))
