"""The numbers of Dan et al. (2020): percent by volume, centimetres, millimetres."""

from __future__ import annotations

NODES = (0.7, 2.8, 6.2, 11.9, 21.2, 36.6, 62.0, 103.8, 172.8, 286.5)
TABLE_2 = {
    2: 0.2824, 3: 0.1256, 4: 0.0587, 5: 0.0300, 6: 0.0163, 7: 0.0093, 8: 0.0053, 9: 0.0025,
    10: 0.0001,
}  # fmt: skip
NOTES = {6: " (M is least at 0.0164)", 10: " (lower bound of the search)"}

# Mean analysis error [%] in the layers whose nodes lie above 36.6 cm, and below.
ABOVE = {
    "WCEnKF": 6.70, "WCEnKF-Inf": 2.00, "WCEnKF-Inf-Loc": 2.16, "WCEnKF-Inf-Loc-BA": 2.12,
}  # fmt: skip
BELOW = {
    "WCEnKF": 6.38, "WCEnKF-Inf": 12.49, "WCEnKF-Inf-Loc": 6.59, "WCEnKF-Inf-Loc-BA": 6.05,
}  # fmt: skip
RESIDUAL = {
    "EnKF": 0.1389, "WCEnKF": 0.0487, "WCEnKF-Inf": 0.0834, "WCEnKF-Inf-Loc": 0.0737,
    "WCEnKF-Inf-Loc-BA": 0.0723,
}  # fmt: skip
QUARTILES = {
    "EnKF": 0.0098, "WCEnKF": 0.0042, "WCEnKF-Inf": 0.0079, "WCEnKF-Inf-Loc": 0.0051,
    "WCEnKF-Inf-Loc-BA": 0.0072,
}  # fmt: skip
INFLATION = 6.25
COLUMN_CHOSEN, COLUMN_BEST = 4.09, 3.84
COLUMNS_AT_6, COLUMNS_BEST, COLUMNS = 28, 19, 40
BOTTOM_BIAS = 2.0  # size in layer 10; its sign is not said, the others are "almost negative"
