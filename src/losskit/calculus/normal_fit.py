"""A Chebyshev fit of the normal hazard, and nodes to integrate a density with; for scalar and array bodies alike."""

from math import factorial

# (h(x) - x)(x + ROOT_HALF_PI) in (x - 4)/(x + 4) for x >= 0, error 2^-58: h = density/upper tail is the hazard,
# which exceeds x by less and less; with it come the tail density/h, and all without cancellation
HAZARD_EXCESS = (
    1.1851852016259192,
    -0.1566394983388076,
    -0.14194244455387128,
    0.18234271012939207,
    -0.06758576713823139,
    -0.02532541285924305,
    0.0323593838529318,
    -0.0027900979869765964,
    -0.010089035746314774,
    0.0036868805374085573,
    0.0024881158212643707,
    -0.0017605937719283545,
    -0.00046283775910506127,
    0.000641230932737555,
    3.851080757591631e-05,
    -0.0001980046641452093,
    1.72865114670371e-05,
    5.273937333858167e-05,
    -1.2075688418689857e-05,
    -1.1713067910667401e-05,
    4.879825349724085e-06,
    1.8994457670903728e-06,
    -1.5398842515067667e-06,
    -9.799559764415508e-08,
    3.8368935953081074e-07,
    -5.97633746754281e-08,
    -6.751228533825414e-08,
    2.046524434452018e-08,
    6.148610549736157e-09,
    -2.4359044207607424e-09,
)
EXCESS_TAIL = -6.415644948265285e-17  # of the first
ROOT_HALF_PI = 1.2533141373155003
OVER_ROOT_TWO_PI, OVER_ROOT_TWO_PI_TAIL = 0.3989422804014327, -2.49232720227773e-17

# the mass between -x and x, over x, less its 2/sqrt(2 pi), over x^2, in x^2 for x^2 <= 1: its series, error 2^-64
WITHIN = tuple(2.0 * OVER_ROOT_TWO_PI * (-0.5) ** k / (factorial(k) * (2 * k + 1)) for k in range(1, 17))

# Gauss and Legendre's nodes on [0, 1] and their weights: exact for polynomials up to degree 15
NODES = (
    0.019855071751231884,
    0.10166676129318664,
    0.2372337950418355,
    0.4082826787521751,
    0.591717321247825,
    0.7627662049581645,
    0.8983332387068134,
    0.9801449282487681,
)
NODE_WEIGHTS = (
    0.05061426814518813,
    0.11119051722668724,
    0.15685332293894363,
    0.181341891689181,
    0.181341891689181,
    0.15685332293894363,
    0.11119051722668724,
    0.05061426814518813,
)
