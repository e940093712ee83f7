"""A valley of one's own: maps, wells and neutron sensors from the files of one folder.

The class below is the whole declaration. Tutorial 8 writes its files, reads them in, runs it and
extends it; `hydroda run my_valley.py` runs it without any other script.
"""

from dataclasses import replace
from pathlib import Path

import hydroda as hda
from hydroda.catchments.rur import RurCatchment
from hydroda.obs.screening import Inside, ObservedDepth, OffStream, Screening, Unconfined

FOLDER = Path("valley")
PROBES, WELLS = hda.GaspariCohn(halfwidth="10 km"), hda.GaspariCohn(halfwidth="1 km")


class Valley(RurCatchment):
    """A valley in the Eifel: four neutron sensors and a dozen wells in cells of 500 m."""

    title = "A valley from files"
    period = "2016-04-01", "2016-05-15"
    cell = "500 m"
    dem = str(FOLDER / "dem.nc")
    soil = str(FOLDER / "soil.csv")
    aquifer = str(FOLDER / "aquifer.csv")
    land_use = str(FOLDER / "land_use.csv")
    forcing = str(FOLDER / "weather.nc")
    wells = str(FOLDER / "wells.csv")
    about = str(FOLDER / "about_wells.csv")
    crns = str(FOLDER / "crns.nc")
    screening = Screening(
        keep=(Unconfined(), ObservedDepth("0 m", "15 m"), Inside()), assimilate=(OffStream(),)
    )
    updates = (
        hda.Update("soil_moisture", "theta", hda.Unsaturated(), hda.EnKF(PROBES), every="1 D"),
        hda.Update("groundwater_level", "h", hda.Saturated(), hda.EnKF(WELLS), every="7 D"),
    )
    stored = ("theta", "water_table_depth", "evaporation", "transpiration")
    members = 16
    seed = 1

    def read_network(self):
        """Probes and wells; the flux towers of the Rur stand elsewhere."""
        network = super().read_network()
        near = tuple(s for s in network.sensors if s.quantity != "evapotranspiration")
        return replace(network, sensors=near)
