"""Rows of the arrays in which the soil water of a column is computed: few and wide ones.

numba counts references to every array wherever it goes; one array of rows costs as much as one row.
"""

# Numbers of the layers: thickness, depth of the node, from the node to the faces [m]; 1 where the
# layer has the K(h) of the one above, and where the scheme suits the face above; water content that
# roots leave, and the inverse of the width of the ramp above it.
DZ, Z, UP, DOWN, SAME, FINE, WILTING, STEEP = range(8)
NUMBERS = 8

# What depends on the heads: head [m], water content, dtheta/dh, K, dK/dh, flux potential; flux
# through the face above [m s-1] with its derivatives by the heads above and below; head at the
# interface of two soils with its derivatives; water [m], outflow [m s-1] and their derivatives.
H, THETA, C, K, DK, PHI, Q, Q_A, Q_B, JOINT, JOINT_A, JOINT_B, W, DW, OUT, D_OUT = range(16)
PLACES = 16

# What stays the same within a step, and what Newton needs: water by the fluxes [m] and how
# much less it is than any head has; part of the pores without ice; factor of the flux through the
# face above; what roots and streams want [m s-1] and streams per conductivity; what roots have
# taken [m]; heads before the step; change of Newton [m], elimination, water [m] too much.
BEFORE, DEBT, OPEN, PASSING, ROOTS, STREAMS, PERMEABLE, TAKEN, OLD, CHANGE, UPPER, OVER = range(12)
FIXED = 12
