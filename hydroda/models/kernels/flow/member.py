"""What is solved: the grid, what the soils make of it, and the numbers of one member."""

from typing import Any, NamedTuple

import numpy as np

from hydroda.models.kernels.flow.curves import Soil

# --------------------------------------------------------------------------------- what is solved
# Rows of x (row, cell). Q, Q_A, Q_B: flux down through the face below, and its slopes above and
# below; LO, DI, UP: the lines of the Jacobian; WEST..NORTH: its other entries; PIVOT,
# FACTOR: the lines, eliminated.

H, W, DW, K, DK, PHI, Q, Q_A, Q_B, R, LO, DI, UP = range(13)
WEST, EAST, SOUTH, NORTH, PIVOT, FACTOR, D, H0, BEFORE, JOINT, JOINT_A, JOINT_B = range(13, 25)
H_START, REST, SHADOW, SEARCH, SEARCH_P, V, T, T_P, SINK = range(25, 34)
ROWS = 34

# Rows that follow where water flows sideways by flux potentials: to the column in the east and to
# that in the north, flux times distance over K_s, and its slopes here and there.
TO_EAST, TO_NORTH, SIDE_ROWS = 34, 37, 40

# Rows of the columns' array y (row, column): pond and its overland discharge per unit coefficient,
# the norm of the residual now and before, the part of a Newton step, fluxes [m s-1], their sums.
POND, FLOW, D_FLOW, NORM, NORM0, PART, RAINING, EVAPORATING, TRANSPIRING, LEAVING, FEEDING = range(
    11
)
EXCHANGED, S_RAIN, S_EVAPORATION, S_TRANSPIRATION, S_RUNOFF, S_BOUNDARY, S_EXCHANGE = range(11, 18)
COLUMN_ROWS = 18


class Mesh(NamedTuple):
    """The grid: what never changes."""

    layers: int
    columns: int
    dz: np.ndarray  # (layer,), and from the top again for LANES more
    gap: np.ndarray  # as dz: distance to the centre below [m]; 1 under the lowest layer
    beside: np.ndarray  # (column, 4) int32: column to the west, east, south, north, or -1
    lift: np.ndarray  # (column, 4) how much higher this column lies than its neighbour [m]
    rank: np.ndarray  # (column,) place in the order of sweeps
    order: np.ndarray  # (column,) columns of one strip after the other, each in the order of sweeps
    pieces: np.ndarray  # (piece + 1,) first columns
    strips: np.ndarray  # (strip + 1,) first columns


class Ground(NamedTuple):
    """What the soils make of the grid."""

    tz: np.ndarray  # (cell,) K_s of the face below [m s-1]; 0 under the lowest layer
    te: np.ndarray  # (cell,) conductance of the face to the east [s-1]
    tn: np.ndarray  # (cell,) and to the north
    ks: np.ndarray  # (cell,) K_s [m s-1]
    joined: np.ndarray  # (cell,) SCALED or OTHER where the head between two soils is solved for
    ease: np.ndarray  # (column, land layer) by what ice multiplies the flux through the face below
    smooth: np.ndarray  # (cell,) EASTWARD, NORTHWARD: faces by flux potentials; empty for none


# Soils that differ by their K_s alone, or by their curves.
SCALED, OTHER = 1, 2
# Bits of `smooth`.
EASTWARD, NORTHWARD = 1, 2


class Overland(NamedTuple):
    """Free surface: water above `offset` over the centre of the top cell is ponded."""

    offset: float
    out: np.ndarray  # (column, 4) kinematic: outflow per depth^(5/3) [m^(-2/3) s-1]
    rough: np.ndarray  # (column, 4) diffusive: 1 / (n dx) at the face; empty where kinematic
    bed: np.ndarray  # (column, 4) slope of the bed down to the neighbour
    across: np.ndarray  # (column, 4) square of the slope along the face
    distance: np.ndarray  # (4,) between centres [m]


class Edges(NamedTuple):
    """Boundary faces and wells, sorted by column; `start` (column + 1,) where each begins."""

    start: np.ndarray
    cell: np.ndarray
    kind: np.ndarray
    conductance: np.ndarray  # [s-1] to the sides, [m s-1] above and below
    distance: np.ndarray  # [m]
    outside: np.ndarray  # (edge, 4) h, k, dk/dh, potential
    rate: np.ndarray  # (edge,) [m s-1] into the cell per plan area


SIDE, ABOVE, BELOW, SEEPAGE, SOURCE, WELL, DRAIN = range(7)


class Sky(NamedTuple):
    """What falls on and is asked of the columns in one step [m s-1]."""

    rain: np.ndarray  # (column,)
    evaporation: np.ndarray  # (column,) from the top cell
    uptake: np.ndarray  # (cell,) or empty: from each cell


class Limits(NamedTuple):
    """Heads [m]: evaporation is full above `full` and ends at `dry`, uptake likewise."""

    full: float
    dry: float
    full_roots: float
    dry_roots: float


class Coarse(NamedTuple):
    """Levels of merged columns, one after the other; empty where there are too few columns."""

    levels: np.ndarray  # (level, 2) first column, and how many
    parent: np.ndarray  # (columns of the grid and of all levels,) column of the next level
    beside: np.ndarray  # (coarse column, 4) neighbours, counted within their level
    a: np.ndarray  # (COARSE_ROWS, coarse cell)


class Member(NamedTuple):
    """One member: everything the pieces need."""

    token: Any
    scheme: Any
    soil: Soil
    mesh: Mesh
    ground: Ground
    overland: Overland
    edges: Edges
    sky: Sky
    limits: Limits
    x: np.ndarray  # (ROWS, cell)
    y: np.ndarray  # (COLUMN_ROWS, column)
    sums: np.ndarray  # (piece, 8)
    count: np.ndarray  # type: ignore[assignment]  # (COUNTS,) int64
    coarse: Coarse


STEPS, NEWTON, SWEEPS, KRYLOV, CUTS, HALVED, CYCLES, MERGING = range(8)
COUNTS = 8
COUNTED = ("steps", "newton", "sweeps", "krylov", "cuts", "halved", "cycles")
