"""DINOloket CSV; the text below is made up in the layout of the archive's files."""

from pathlib import Path

import pandas as pd
import pytest

from hydroda.errors import DataError
from hydroda.obs import Datum, DinoLoket, GroundwaterLevel, ObservationNetwork, read, write

TEXT = """Titel:,,,,,,,,,,,
Gebruikersnaam:,,,,,,,,,,,
Periode aangevraagd:,01-01-1900,tot:,01-01-2020,,,,,,,,
Gegevens beschikbaar:,14-03-1990,tot:,14-04-1990,,,,,,,,
Datum: ,01-01-2020,,,,,,,,,,
Referentie:,NAP,,,,,,,,,,

NAP:,Normaal Amsterdams Peil,,,,,,,,,,
MV:,Maaiveld,,,,,,,,,,
MP:,Meetpunt,,,,,,,,,,

Locatie,Filternummer,Externe aanduiding,X-coordinaat,Y-coordinaat,Maaiveld (cm t.o.v. NAP),\
Datum maaiveld gemeten,Startdatum,Einddatum,Meetpunt (cm t.o.v. NAP),Meetpunt (cm t.o.v. MV),\
Bovenkant filter (cm t.o.v. NAP),Onderkant filter (cm t.o.v. NAP)
B99X0001,002,99XP0001,150000,450000,1200,01-01-1989,01-04-1990,01-05-1990,1260,60,700,600
B99X0001,002,99XP0001,150000,450000,1200,01-01-1989,14-03-1990,01-04-1990,1250,50,700,600


Locatie,Filternummer,Peildatum,Stand (cm t.o.v. MP),Stand (cm t.o.v. MV),Stand (cm t.o.v. NAP),\
Bijzonderheid,Opmerking,,,
B99X0001,002,14-03-1990,250,200,1000,,,,,,
B99X0001,002,28-03-1990,260,210,990,,,,,,
B99X0001,002,14-04-1990,275,,,,droog,,,,
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "B99X0001002_1.csv"
    file.write_text(TEXT)
    return file


def test_that_a_well_is_recognised_and_read_above_nap(path: Path) -> None:
    records = read(path)
    assert records.units == {"groundwater_level": "cm"}
    assert records.values["station"].unique().tolist() == ["B99X0001002"]
    assert records.values["value"].tolist()[:2] == [1000, 990]
    assert records.values["flag"].tolist() == ["", "", "no_level"]
    assert records.stations.loc["B99X0001002"].tolist() == [150000, 450000, 12]
    assert records.attributes["reference"] == "nap"


def test_that_a_date_is_the_dutch_day_around_the_change_of_the_clock(path: Path) -> None:
    values = read(path, zone="UTC").values
    assert values["time"].tolist() == [
        pd.Timestamp("1990-03-13 23:00"),
        pd.Timestamp("1990-03-27 22:00"),  # summer time began on 25 March 1990
        pd.Timestamp("1990-04-13 22:00"),
    ]
    assert (values["end"] - values["time"] == pd.Timedelta("1 D")).all()
    path.write_text(TEXT.replace("28-03-1990,260", "25-03-1990,260"))
    assert (read(path).values["end"] - read(path).values["time"])[1] == pd.Timedelta("23 h")


def test_that_the_three_datums_of_a_file_are_told_apart(path: Path) -> None:
    below = DinoLoket(Datum.GROUND).read(path)
    assert below.values["value"].tolist()[:2] == [200, 210]
    assert below.attributes["reference"] == "ground"
    point = DinoLoket(Datum.MEASURING_POINT).read(path)
    assert point.values["value"].tolist() == [250, 260, 275]
    assert (point.values["flag"] == "").all()


def test_that_levels_stay_apart_from_the_station(path: Path) -> None:
    levels = DinoLoket().levels(path)
    assert levels["start"].dt.month.tolist() == [3, 4]
    assert levels["measuring_point"].tolist() == [12.5, 12.6]
    assert levels[["ground", "screen_top", "screen_bottom"]].iloc[0].tolist() == [12, 7, 6]
    told = read(path).attributes["levels_B99X0001002"]
    assert told.startswith("from 1990-03-14: ground 12 m, measuring_point 12.5 m, screen_top 7 m")
    assert told.endswith("screen_bottom 6 m (NAP)") and told.count("from") == 2


def test_that_elevation_and_depth_are_the_same_water_table(path: Path) -> None:
    """A network turns both into metres; ground minus depth is elevation."""
    above = GroundwaterLevel(station="B99X0001002", sd="5 cm", ground="12 m", datum="NAP")
    below = GroundwaterLevel(station="B99X0001002", sd="5 cm")
    values = [
        ObservationNetwork((sensor,), DinoLoket(datum).read(path)).table["value"]
        for sensor, datum in ((above, Datum.NAP), (below, Datum.GROUND))
    ]
    assert values[0].tolist()[:2] == [10, 9.9]
    assert (12 - values[1]).tolist()[:2] == pytest.approx([10, 9.9])


@pytest.mark.parametrize("ending", [".nc", ".csv"])
def test_that_a_well_survives_in_another_format(path: Path, ending: str, tmp_path: Path) -> None:
    write(read(path), tmp_path / f"copy{ending}")
    assert read(tmp_path / f"copy{ending}") == read(path)


def test_that_remarks_in_another_encoding_and_a_mark_are_read(path: Path) -> None:
    path.write_bytes(TEXT.replace("droog", "gestört").encode("cp1252"))
    assert len(read(path)) == 3
    path.write_text(TEXT, encoding="utf-8-sig")
    assert len(read(path)) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("28-03-1990,260,210,990,,,,,,\n", "28-03-1990,26\n", r"line 19 has 4 cells in place of 8"),
        ("28-03-1990,260", "1990-03-28,260", r"line 19: Peildatum must be a date such as 29-03-1"),
        ("28-03-1990,260", "14-03-1990,260", r"line 19: the time .* UTC comes twice"),
        ("28-03-1990,260", "13-03-1990,260", r"line 19: the time .* is out of order, after 1990"),
        ("210,990", "210,wet", r"line 19: Stand \(cm t.o.v. NAP\) must be a number, got 'wet'"),
        ("210,990", "210,9999", r"line 19: .* is 9999, which often stands for a missing value"),
        ("210,990", "210,inf", r"line 19: .* must be finite"),
        ("B99X0001,002,28", "B99X0001,003,28", "has readings of more than one filter"),
        ("X-coordinaat", "Oost", "needs a column 'X-coordinaat'; it has Locatie"),
        (TEXT[TEXT.index("B99X0001,002,14-03-1990,250") :], "", "holds no reading"),
        (TEXT[TEXT.index("\n\nLocatie,Filternummer,Pei") :], "\n", "must have two tables .* has 1"),
        ("NAP),Bijz", "REF),Bijz", r"has no level in relation to NAP; read it with DinoLoket\(Dat"),
    ],
)
def test_that_a_damaged_file_is_refused_with_its_line(
    path: Path, old: str, new: str, message: str
) -> None:
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)


def test_that_a_text_without_its_heading_is_no_dinoloket_file(path: Path) -> None:
    path.write_text("time,station,store\nUTC,,mm\n2020-01-01,a,1\n")
    assert not DinoLoket().recognises(path)
    assert len(read(path)) == 1
