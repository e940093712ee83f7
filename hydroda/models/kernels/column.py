"""What the kernels of a land column share: constants of nature and the layout of a column.

Layers run from the top down, snow above soil, in arrays of SNOW + (soil layers) places. The snow
fills the last of its places: with `count` layers of it the top node is SNOW - count. Water is in
kg m-2, that is mm; ice counts by its mass, also where it fills pores.
"""

FREEZING = 273.15  # [K]
GRAVITY = 9.80616  # [m s-2]
VAPORISATION = 2.501e6  # [J kg-1]
FUSION = 3.337e5  # [J kg-1]
SUBLIMATION = VAPORISATION + FUSION  # [J kg-1]
STEFAN_BOLTZMANN = 5.67e-8  # [W m-2 K-4]
KARMAN = 0.4
GAS_OF_AIR = 287.04  # [J kg-1 K-1]
GAS_OF_VAPOUR = 461.50  # [J kg-1 K-1]
HEAT_OF_AIR = 1004.64  # [J kg-1 K-1]
HEAT_OF_WATER = 4188.0  # [J kg-1 K-1]
HEAT_OF_ICE = 2117.27  # [J kg-1 K-1]
CONDUCTIVITY_OF_WATER = 0.6  # [W m-1 K-1]
CONDUCTIVITY_OF_ICE = 2.29  # [W m-1 K-1]
CONDUCTIVITY_OF_AIR = 0.023  # [W m-1 K-1]
DENSITY_OF_WATER = 1000.0  # [kg m-3]
DENSITY_OF_ICE = 917.0  # [kg m-3]

SNOW = 5  # places for layers of snow

# Rows of the array of a column (ROWS, SNOW + layer): temperature [K], ice and liquid water
# [kg m-2], thickness [m], pressure head [m] (soil only).
T, ICE, LIQ, DZ, H = range(5)
ROWS = 5

# The numbers of a column that have no layer: layers of snow; water on leaves [kg m-2]; temperature
# of leaves [K]; all snow [kg m-2] (where there are layers, their ice and liquid) and its depth [m];
# age of the snow surface [1]; water of the aquifer [kg m-2] and depth of the water table [m]; water
# on the ground [kg m-2].
COUNT, CANOPY, T_LEAF, PACK, PACK_DEPTH, AGE, AQUIFER, TABLE, POND = range(9)
SCALARS = 9
