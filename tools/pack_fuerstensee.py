"""Write the reduced copy of the Fuerstensee data that ships with hydroda.

    python tools/pack_fuerstensee.py SHARED/data/fuerstensee hydroda/data/fuerstensee

Numbers are kept as the source prints them (one decimal; the samples six significant digits).
Dropped: the thermal counts, and the time zone of the stamps, which is UTC.
The same input gives the same bytes.
"""

import gzip
import sys
from pathlib import Path

import pandas as pd

COLUMNS = {
    "NeutronCount_Epithermal_Cum1h": "neutron_counts",
    "AirTemperature": "air_temperature_degC",
    "AirHumidity_Relative": "relative_humidity_pct",
    "AirPressure": "pressure_hPa",
    "Precipitation": "rain_mm",
    "AirTemperature_Sensor2": "box_temperature_degC",
    "AirHumidity_Relative_Sensor2": "box_relative_humidity_pct",
}
SAMPLES = {
    "DateTime_utc": "time",
    "Profile_ID": "profile",
    "Distance_to_CRNS_m": "distance_m",
    "Profile_Depth_cm": "depth_cm",
    "SoilMoisture_g_g": "moisture_g_g",
    "DryBulkDensity_g_cm3": "bulk_density_g_cm3",
    "SoilOrganicCarbon_g_g": "organic_carbon_g_g",
    "LatticeWater_g_g": "lattice_water_g_g",
}


def main(source: Path, target: Path) -> None:
    hours = pd.read_csv(source / "FSC001_time_series.csv.gz", index_col=0, parse_dates=True)
    hours = hours[list(COLUMNS)].rename(columns=COLUMNS)
    hours.index = hours.index.tz_convert("UTC").tz_localize(None).rename("time_end")
    hours["neutron_counts"] = hours["neutron_counts"].astype("Int64")
    text = hours.to_csv(float_format="%.1f", date_format="%Y-%m-%dT%H", lineterminator="\n")
    # without a time stamp or name in the header, so that equal content is an equal file
    (target / "hourly.csv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    samples = pd.read_csv(source / "FSCD001_calibration.csv")[list(SAMPLES)].rename(columns=SAMPLES)
    samples["time"] = pd.to_datetime(samples["time"], format="%d.%m.%Y %H:%M")
    table = samples.to_csv(
        index=False, float_format="%.6g", date_format="%Y-%m-%dT%H:%M", lineterminator="\n"
    )
    (target / "samples.csv").write_text(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
