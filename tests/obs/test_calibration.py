"""N0 from soil samples: the weighting of the footprint, and the samples of Fürstensee."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hydroda.errors import DataError
from hydroda.obs import (
    TransportSolution,
    calibrated_n0,
    footprint_soil,
    joint_n0,
    n0_by_name,
    n0_spread,
    read_calibrations,
)
from hydroda.obs.neutrons import (
    Revised,
    desilets_counts,
    horizontal_weight,
    organic_water,
    rescaled_distance,
)

Shared = Callable[[str], Path]


def samples(moisture: Callable[[float, float], float] = lambda r, z: 0.2) -> pd.DataFrame:
    """Gravimetric moisture at four depths in three profiles."""
    rows = [(k, r, z) for k, r in enumerate((5.0, 60.0, 200.0)) for z in (0.025, 0.1, 0.2, 0.3)]
    frame = pd.DataFrame(rows, columns=["profile", "distance", "depth"])
    values = [moisture(r, z) for _, r, z in rows]
    return frame.assign(
        moisture=values, bulk_density=1400.0, lattice_water=0.01, organic_water=0.005
    )


def test_that_uniform_soil_is_seen_as_it_is() -> None:
    soil = footprint_soil(samples(), humidity=5.0)
    assert soil.gravimetric == pytest.approx(0.2)
    assert (soil.moisture, soil.bulk_density) == (pytest.approx(0.28), pytest.approx(1400))
    assert soil.bound == pytest.approx(0.015)


def test_that_near_and_shallow_samples_weigh_most() -> None:
    near = footprint_soil(samples(lambda r, z: 0.3 if r < 10 else 0.1), 5.0).gravimetric
    far = footprint_soil(samples(lambda r, z: 0.3 if r > 100 else 0.1), 5.0).gravimetric
    top = footprint_soil(samples(lambda r, z: 0.3 if z < 0.05 else 0.1), 5.0).gravimetric
    deep = footprint_soil(samples(lambda r, z: 0.3 if z > 0.25 else 0.1), 5.0).gravimetric
    assert far < near and deep < top


def test_that_the_fixed_point_is_one() -> None:
    """Weights computed once more from the result give the result, step by step."""
    frame = samples(lambda r, z: 0.1 + r / 2000 + z / 5)
    pressure, height, humidity = 95_000.0, 3.0, 8.0
    soil = footprint_soil(frame, humidity, pressure, height)
    means, weights = [], []
    for _, profile in frame.groupby("profile"):
        r = rescaled_distance(profile["distance"].iloc[0], pressure, height, soil.moisture)
        weighting = Revised("1400 kg/m3", f"{float(r)!r} m", tolerance=1e-14)
        means.append(weighting.of_samples(1.4 * profile["moisture"], profile["depth"]).mean)
        weights.append(horizontal_weight(r, humidity, soil.moisture))
    assert soil.moisture == pytest.approx(np.average(means, weights=weights), rel=1e-9)


def test_that_the_order_of_samples_changes_nothing() -> None:
    frame = samples(lambda r, z: 0.1 + r / 2000 + z / 5)
    shuffled = frame.sample(frac=1.0, random_state=1)
    one, other = footprint_soil(frame, 5.0), footprint_soil(shuffled, 5.0)
    assert one.moisture == pytest.approx(other.moisture, rel=1e-12)


def test_that_n0_gives_the_counts_back() -> None:
    soil = footprint_soil(samples(), 5.0)
    n0 = calibrated_n0(900.0, soil)
    assert desilets_counts(soil.gravimetric, n0, soil.bound) == pytest.approx(900)
    assert joint_n0([900.0], [soil]) == pytest.approx(n0)
    dry = footprint_soil(samples(lambda r, z: 0.05), 5.0)
    both = joint_n0([900.0, 1300.0], [soil, dry])
    low, high = sorted((n0, calibrated_n0(1300.0, dry)))
    assert low < both < high


def test_that_n0_of_the_transport_solution_gives_the_counts_back_in_that_air() -> None:
    curve = TransportSolution()
    wet, dry = (footprint_soil(samples(lambda r, z, m=m: m), 5.0) for m in (0.2, 0.05))
    n0 = calibrated_n0(900.0, wet, curve, 8.0)
    assert curve.counts(wet.gravimetric + wet.bound, 8.0, n0) == pytest.approx(900, rel=1e-12)
    counts = [
        float(curve.counts(s.gravimetric + s.bound, h, 2000.0))
        for s, h in ((wet, 4.0), (dry, 12.0))
    ]
    assert joint_n0(counts, [wet, dry], curve, [4.0, 12.0]) == pytest.approx(2000, rel=1e-12)
    assert joint_n0(counts, [wet, dry], curve, [4.0, 4.0]) != pytest.approx(2000, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": None}, "need a column 'depth'"),
        ({"moisture": np.nan}, "lack 12 of 'moisture'"),
        ({"moisture": -0.1}, "moisture of a soil sample is -0.1, which cannot be"),
        ({"bulk_density": 0.0}, "bulk_density of a soil sample is 0"),
        ({"bulk_density": 1.4}, "bulk_density must be in kg m-3; got 1.4, which looks like g cm-3"),
    ],
)
def test_that_useless_samples_are_refused(change: dict[str, float], message: str) -> None:
    frame = samples().assign(**change).dropna(axis="columns", how="all")
    if "lack" in message:
        frame = samples().assign(**change)
    with pytest.raises(DataError, match=message):
        footprint_soil(frame, 5.0)


def fuerstensee(shared: Shared) -> pd.DataFrame:
    raw = pd.read_csv(shared("data/fuerstensee/FSCD001_calibration.csv"))
    return pd.DataFrame(
        {
            "date": pd.to_datetime(raw["DateTime_utc"], format="%d.%m.%Y %H:%M"),
            "profile": raw["Profile_ID"],
            "distance": raw["Distance_to_CRNS_m"].astype(float),
            "depth": raw["Profile_Depth_cm"] / 100,
            "moisture": raw["SoilMoisture_g_g"],
            "bulk_density": 1000 * raw["DryBulkDensity_g_cm3"],
            "lattice_water": raw["LatticeWater_g_g"],
            "organic_water": organic_water(raw["SoilOrganicCarbon_g_g"]),
        }
    )


def test_that_the_samples_of_fuerstensee_give_a_wet_and_light_footprint(shared: Shared) -> None:
    """Peat (bulk density 0.13 g cm-3) at 75 and 200 m beside dry sand at 25 m."""
    for _, day in fuerstensee(shared).groupby("date"):
        soil = footprint_soil(day, humidity=6.0, pressure=100_000.0)
        plain = (day["moisture"] * day["bulk_density"] / 1000).mean()
        assert len(day) == 108
        assert 0.18 < soil.moisture < 0.24 < plain
        assert 1050 < soil.bulk_density < 1300


# --- many sensors at once -------------------------------------------------------------------------

HEAD = "id;date;Nscaled;bd;thetaeff;tocal"
ROWS = (
    "RUC006;2013-07-18 16:00:00;1800.0;1200.0;0.30;True",
    "RUC006;2014-05-01;1700.0;1200.0;0.40;True",
    "X1;2015-09-03;1500.0;1000.0;0.35;False",
)


def written(folder: Path, *rows: str) -> Path:
    path = folder / "calibrations.csv"
    path.write_text("# counts in cph\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_that_n0_of_a_row_gives_its_counts_back(tmp_path: Path) -> None:
    table = read_calibrations(written(tmp_path, HEAD, *ROWS))
    gravimetric = 1000 * table["water"] / table["bulk_density"]
    np.testing.assert_allclose(
        desilets_counts(gravimetric, table["n0"]), [1800, 1700, 1500], rtol=1e-14
    )
    assert table["general"].tolist() == [True, True, False]
    assert table["time"].tolist() == [
        pd.Timestamp("2013-07-18 16:00"), pd.Timestamp("2014-05-01"), pd.Timestamp("2015-09-03")
    ]  # fmt: skip
    named = n0_by_name(table)
    assert named["name"].tolist() == ["Aachen"] and named["values"].tolist() == [2]
    assert named["mean"][0] == pytest.approx(table["n0"][:2].mean())
    assert np.isnan(n0_by_name(table, {"here": "X1"})["sd"][0])


def test_that_the_general_n0_is_that_of_the_folder(shared: Shared) -> None:
    table = read_calibrations(shared("data/crns_calibrations/caldata.csv"))
    spread = n0_spread(table[table["general"]])
    assert (round(spread.mean), round(spread.sd), spread.values) == (2369, 132, 104)
    assert len(table) == 130


def test_that_the_transport_solution_undoes_the_correction_for_humidity(tmp_path: Path) -> None:
    rows = [f"{row};{air}" for row, air in zip(ROWS, ("5;1.01", "10;1.04", "1;1.0"), strict=True)]
    path, curve = written(tmp_path, f"{HEAD};abshum;fh", *rows), TransportSolution()
    table = read_calibrations(path, curve)
    gravimetric = 1000 * table["water"] / table["bulk_density"]
    np.testing.assert_allclose(
        curve.counts(gravimetric, [5.0, 10.0, 1.0], table["n0"]) * [1.01, 1.04, 1.0],
        [1800, 1700, 1500],
        rtol=1e-12,
    )
    with pytest.raises(DataError, match="needs a column 'abshum'"):
        read_calibrations(written(tmp_path, HEAD, *ROWS), curve)
    with pytest.raises(DataError, match="fh cannot be '0'"):
        read_calibrations(written(tmp_path, f"{HEAD};abshum;fh", f"{ROWS[0]};5;0"), curve)


def test_that_the_general_n0_of_the_transport_solution_scatters_as_much(shared: Shared) -> None:
    """3930 ± 224 counts per hour, 5.7 %, beside 2369 ± 132 of Desilets, 5.6 %."""
    path = shared("data/crns_calibrations/caldata.csv")
    table = read_calibrations(path, TransportSolution())
    spread = n0_spread(table[table["general"]])
    assert (round(spread.mean), round(spread.sd), spread.values) == (3930, 224, 104)


def test_that_eleven_stations_of_li_have_an_n0_and_stand_where_li_says(shared: Shared) -> None:
    path = shared("data/crns_calibrations/caldata.csv")
    named = n0_by_name(read_calibrations(path)).set_index("name")
    assert len(named) == 11
    places = pd.read_csv(path, sep=";", comment="#").groupby("id")[["lat", "lon", "alt"]].first()
    lines = shared("papers/li-joint-crns-gwl.txt").read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("Table 1. Key site"))
    li = {
        name: rest for name, *rest in (line.split("\t") for line in lines[start + 3 : start + 16])
    }
    assert set(li) - set(named.index) == {"Kall", "Wildenrath"}
    for name, station in named["station"].items():
        lat, lon, altitude = (float(text) for text in li[name][:3])
        place = places.loc[station]
        assert place["lat"] == pytest.approx(lat, abs=0.012), name
        assert place["lon"] == pytest.approx(lon, abs=0.012), name
        assert place["alt"] == pytest.approx(altitude), name
    assert (abs(named["mean"] - 2369) < 3 * 132).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["id;date;bd"], "needs a column 'Nscaled', parted by ';'; it has id, date, bd"),
        ([HEAD.replace(";", ",")], r"parted by ';'; it has id,date,Nscaled"),
        ([HEAD], "has no calibrations"),
        ([HEAD, ROWS[0], ROWS[1].replace("1700.0", "1700,5")], r"2 \(RUC006\): Nscaled cannot be"),
        ([HEAD, ROWS[0].replace("1800.0", "")], "Nscaled cannot be ''"),
        ([HEAD, ROWS[0].replace("1800.0", "-9999")], "Nscaled cannot be '-9999'"),
        ([HEAD, ROWS[0].replace("0.30", "30")], "thetaeff cannot be '30'"),
        ([HEAD, ROWS[0].replace("2013-07-18 16", "18.07.2013 16")], "date cannot be"),
        ([HEAD, ROWS[0].replace("True", "maybe")], "tocal cannot be 'maybe'"),
        ([HEAD, ROWS[0].replace("1200.0", "1.2")], "bd must be in kg m-3"),
        ([HEAD, ROWS[0].replace("RUC006", "")], "id cannot be ''"),
        ([HEAD, f"{ROWS[0]};1"], "columns|cannot"),
    ],
)
def test_that_useless_calibrations_are_refused(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_calibrations(written(tmp_path, *rows))


def test_that_a_missing_table_of_calibrations_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none\.csv"):
        read_calibrations(tmp_path / "none.csv")
