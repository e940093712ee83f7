"""The instruments of Li's Table 1 and the flux towers, where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hydroda.catchments.rur.projection import UTM32


class LandUseName(StrEnum):
    """How Table 1 calls what grows around a station."""

    CROP = "crop"
    GRASSLAND = "grassland"
    NEEDLELEAF = "needleleaf"
    SPRUCE = "spruce"


@dataclass(frozen=True)
class Station:
    """A row of Table 1: place [degree], altitude [m], rain [mm a-1] and temperature [degC]."""

    name: str
    latitude: float
    longitude: float
    altitude: float
    rain: float
    temperature: float
    land_use: LandUseName

    @property
    def x(self) -> float:
        """[m] in UTM zone 32."""
        return float(UTM32.plane(self.longitude, self.latitude)[0])

    @property
    def y(self) -> float:
        """[m] in UTM zone 32."""
        return float(UTM32.plane(self.longitude, self.latitude)[1])


TABLE_1 = (
    Station("Aachen", 50.80, 6.03, 232, 865, 10.3, LandUseName.CROP),
    Station("Gevenich", 50.99, 6.32, 107, 718, 10.3, LandUseName.CROP),
    Station("Heinsberg", 51.04, 6.10, 58, 722, 10.3, LandUseName.CROP),
    Station("Kall", 50.50, 6.53, 505, 857, 8, LandUseName.GRASSLAND),
    Station("Kleinhau", 50.72, 6.37, 374, 614, 9, LandUseName.GRASSLAND),
    Station("Merzenhausen", 50.93, 6.30, 91, 718, 10.3, LandUseName.CROP),
    Station("Rollesbroich1", 50.62, 6.30, 515, 1018, 7, LandUseName.GRASSLAND),
    Station("Rollesbroich2", 50.62, 6.31, 506, 1018, 7, LandUseName.GRASSLAND),
    Station("Ruraue", 50.86, 6.43, 100, 718, 10.3, LandUseName.GRASSLAND),
    Station("Selhausen", 50.87, 6.45, 101, 718, 10.3, LandUseName.CROP),
    Station("Schöneseiffen", 50.52, 6.38, 611, 870, 7, LandUseName.GRASSLAND),
    Station("Wildenrath", 51.13, 6.17, 72, 722, 10.3, LandUseName.NEEDLELEAF),
    Station("Wüstebach", 50.51, 6.33, 605, 1401, 7, LandUseName.SPRUCE),
)

# The two of Rollesbroich stand 700 m apart and count as one (Li 2.3.3): their middle.
MERGED = {"Rollesbroich1": "Rollesbroich", "Rollesbroich2": "Rollesbroich"}
ROLLESBROICH = Station("Rollesbroich", 50.62, 6.305, 510.5, 1018, 7, LandUseName.GRASSLAND)
CRNS = tuple(
    ROLLESBROICH if one.name == "Rollesbroich1" else one
    for one in TABLE_1
    if one.name != "Rollesbroich2"
)
# Li gives the towers by name; TERENO's stand beside the neutron sensors of these names.
TOWERS = tuple(one for one in CRNS if one.name in ("Selhausen", "Rollesbroich", "Wüstebach"))
