"""The numbers of Li et al., typed from their Tables 4, 5, 6 and 7.

Tables 4 to 6 hold the ubRMSE of each year and of all three, by variable, distance of the well to
the nearest assimilated one, and experiment: soil moisture [cm3 cm-3], evapotranspiration [mm d-1],
groundwater level [m]. In Table 4 groundwater is that of the assimilated wells.
"""

from __future__ import annotations

from collections.abc import Mapping

SM, ET, GWL = "SM", "ET", "GWL"
UNITS = {SM: "m3 m-3", ET: "mm d-1", GWL: "m"}
CLASSES = ("0", "0-0.5", "0.5-2.5", "2.5-5")
YEARS = ("2016", "2017", "2018", "2016-2018")
ALL = YEARS[-1]

Row = tuple[float, float, float, float]  # 2016, 2017, 2018, 2016-2018
Block = Mapping[str, Row]  # by experiment

_OL_SM: Row = (0.08, 0.09, 0.09, 0.09)
_OL_ET: Row = (0.63, 0.66, 0.68, 0.66)
_OL_GWL: Mapping[str, Row] = {
    "0": (7.30, 7.24, 7.16, 7.23),
    "0-0.5": (7.23, 6.95, 6.69, 6.96),
    "0.5-2.5": (5.32, 5.26, 5.09, 5.22),
    "2.5-5": (6.37, 6.31, 6.03, 6.24),
}

TABLE_4: Mapping[tuple[str, str], Block] = {
    (SM, ""): {
        "OL": _OL_SM,
        "SM_DA": (0.05, 0.04, 0.05, 0.05),
        "SM_DA_PAR": (0.05, 0.04, 0.04, 0.04),
    },
    (ET, ""): {
        "OL": _OL_ET,
        "SM_DA": (0.65, 0.66, 0.70, 0.67),
        "SM_DA_PAR": (0.64, 0.66, 0.70, 0.66),
    },
    (GWL, "0"): {
        "OL": _OL_GWL["0"],
        "SM_DA": (6.87, 8.31, 7.34, 7.51),
        "SM_DA_PAR": (6.79, 7.74, 7.06, 7.20),
    },
}

TABLE_5: Mapping[tuple[str, str], Block] = {
    (GWL, "0"): {
        "OL": _OL_GWL["0"],
        "GWL_DA": (3.39, 2.78, 2.52, 2.90),
        "GWL_DA_PAR": (2.03, 2.05, 2.04, 2.04),
    },
    (GWL, "0-0.5"): {
        "OL": _OL_GWL["0-0.5"],
        "GWL_DA": (6.54, 4.46, 3.89, 4.97),
        "GWL_DA_PAR": (3.70, 4.02, 3.62, 3.78),
    },
    (GWL, "0.5-2.5"): {
        "OL": _OL_GWL["0.5-2.5"],
        "GWL_DA": (5.84, 4.88, 4.70, 5.14),
        "GWL_DA_PAR": (4.60, 4.82, 4.63, 4.68),
    },
    (GWL, "2.5-5"): {
        "OL": _OL_GWL["2.5-5"],
        "GWL_DA": (6.36, 5.50, 5.29, 5.72),
        "GWL_DA_PAR": (5.12, 4.99, 5.16, 5.09),
    },
    (SM, ""): {
        "OL": _OL_SM,
        "GWL_DA": (0.10, 0.09, 0.10, 0.09),
        "GWL_DA_PAR": (0.10, 0.11, 0.11, 0.11),
    },
    (ET, ""): {
        "OL": _OL_ET,
        "GWL_DA": (0.63, 0.66, 0.68, 0.66),
        "GWL_DA_PAR": (0.63, 0.66, 0.68, 0.66),
    },
}

TABLE_6: Mapping[tuple[str, str], Block] = {
    (GWL, "0"): {
        "OL": _OL_GWL["0"],
        "FC_DA": (3.24, 4.06, 3.44, 3.58),
        "FC_DA_PAR": (2.96, 2.88, 3.06, 2.97),
        "WC_DA": (3.14, 2.93, 3.33, 3.13),
        "WC_DA_PAR": (2.13, 1.98, 2.03, 2.05),
        "WC_DA_r": (3.24, 3.01, 2.57, 2.94),
        "WC_DA_r_PAR": (2.37, 2.04, 2.11, 2.17),
    },
    (GWL, "0-0.5"): {
        "OL": _OL_GWL["0-0.5"],
        "FC_DA": (4.64, 3.96, 3.25, 3.95),
        "FC_DA_PAR": (4.43, 3.69, 3.54, 3.89),
        "WC_DA": (4.16, 3.94, 3.93, 4.01),
        "WC_DA_PAR": (4.23, 4.60, 3.62, 4.15),
        "WC_DA_r": (4.41, 4.27, 3.96, 4.21),
        "WC_DA_r_PAR": (4.52, 3.49, 3.61, 3.87),
    },
    (GWL, "0.5-2.5"): {
        "OL": _OL_GWL["0.5-2.5"],
        "FC_DA": (5.57, 4.75, 4.34, 4.89),
        "FC_DA_PAR": (4.72, 4.78, 4.46, 4.65),
        "WC_DA": (4.73, 4.65, 4.66, 4.68),
        "WC_DA_PAR": (7.56, 4.73, 4.79, 5.70),
        "WC_DA_r": (4.73, 4.61, 4.61, 4.65),
        "WC_DA_r_PAR": (4.67, 4.48, 4.52, 4.56),
    },
    (GWL, "2.5-5"): {
        "OL": _OL_GWL["2.5-5"],
        "FC_DA": (5.65, 5.23, 4.89, 5.26),
        "FC_DA_PAR": (5.03, 5.02, 4.68, 4.91),
        "WC_DA": (5.27, 5.38, 5.30, 5.32),
        "WC_DA_PAR": (8.24, 5.52, 5.18, 6.31),
        "WC_DA_r": (7.54, 7.01, 5.68, 6.74),
        "WC_DA_r_PAR": (5.61, 7.81, 5.10, 6.17),
    },
    (SM, ""): {
        "OL": _OL_SM,
        "FC_DA": (0.05, 0.06, 0.08, 0.06),
        "FC_DA_PAR": (0.05, 0.06, 0.05, 0.05),
        "WC_DA": (0.06, 0.05, 0.07, 0.06),
        "WC_DA_PAR": (0.04, 0.04, 0.04, 0.04),
        "WC_DA_r": (0.06, 0.05, 0.05, 0.05),
        "WC_DA_r_PAR": (0.04, 0.04, 0.04, 0.04),
    },
    (ET, ""): {
        "OL": _OL_ET,
        "FC_DA": (0.63, 0.66, 0.70, 0.66),
        "FC_DA_PAR": (0.64, 0.66, 0.70, 0.67),
        "WC_DA": (0.63, 0.66, 0.70, 0.66),
        "WC_DA_PAR": (0.63, 0.66, 0.70, 0.66),
        "WC_DA_r": (0.64, 0.66, 0.70, 0.66),
        "WC_DA_r_PAR": (0.64, 0.66, 0.70, 0.66),
    },
}

UBRMSE: Mapping[str, Mapping[tuple[str, str], Block]] = {
    "4": TABLE_4, "5": TABLE_5, "6": TABLE_6,
}  # fmt: skip

# Table 7 by score, variable and distance, then by where K_s comes from; some cells are blank.
TABLE_7: Mapping[tuple[str, str, str], Mapping[str, float]] = {
    ("RMSE", GWL, "0"): {"GWL_DA_PAR": 7.16, "WC_DA_r_PAR": 7.32},
    ("RMSE", GWL, "0-0.5"): {"SM_DA_PAR": 7.00, "GWL_DA_PAR": 6.92, "WC_DA_r_PAR": 6.84},
    ("RMSE", GWL, "0.5-2.5"): {"SM_DA_PAR": 7.90, "GWL_DA_PAR": 6.54, "WC_DA_r_PAR": 6.50},
    ("RMSE", GWL, "2.5-5"): {"GWL_DA_PAR": 6.98, "WC_DA_r_PAR": 6.95},
    ("ubRMSE", GWL, "0"): {"SM_DA_PAR": 7.27, "GWL_DA_PAR": 7.09, "WC_DA_r_PAR": 7.23},
    ("ubRMSE", GWL, "0-0.5"): {"GWL_DA_PAR": 6.71, "WC_DA_r_PAR": 6.63},
    ("ubRMSE", GWL, "0.5-2.5"): {"GWL_DA_PAR": 5.21, "WC_DA_r_PAR": 5.17},
    ("ubRMSE", GWL, "2.5-5"): {"GWL_DA_PAR": 6.01, "WC_DA_r_PAR": 5.97},
    ("RMSE", SM, ""): {"SM_DA_PAR": 0.09, "GWL_DA_PAR": 0.10, "WC_DA_r_PAR": 0.09},
    ("ubRMSE", SM, ""): {"SM_DA_PAR": 0.08, "GWL_DA_PAR": 0.09, "WC_DA_r_PAR": 0.08},
    ("R", SM, ""): {"SM_DA_PAR": 0.67, "GWL_DA_PAR": 0.60, "WC_DA_r_PAR": 0.68},
    ("RMSE", ET, ""): {"SM_DA_PAR": 0.75, "GWL_DA_PAR": 0.76, "WC_DA_r_PAR": 0.75},
    ("ubRMSE", ET, ""): {"SM_DA_PAR": 0.66, "GWL_DA_PAR": 0.66, "WC_DA_r_PAR": 0.66},
    ("R", ET, ""): {"SM_DA_PAR": 0.83, "GWL_DA_PAR": 0.84, "WC_DA_r_PAR": 0.83},
}
