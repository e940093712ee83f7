"""Compiled three-dimensional flow: retention by lanes, faces, Newton, lines, Krylov, multigrid.

Cells lie column after column, each from the top down; z is positive downward, SI units. A column
is one of the active columns of the grid. What depends on one cell or one vertical face is computed
for LANES of them at a time in a scratch array whose rows lie at constant distances: then the
compiler knows that they do not overlap and uses vector instructions. Each power, logarithm or
weight has a loop of its own, since a long chain of operations in one loop mostly waits for itself
(6 ns for a van Genuchten cell; 11 in one loop over 16 lanes, 60 without lanes).

Pieces are ranges of columns, fixed by the grid: threads share out pieces, and no bit depends on who
computes which. Curves and faces are chosen by the TYPE of a token, as in `kernels.soil`.
"""
