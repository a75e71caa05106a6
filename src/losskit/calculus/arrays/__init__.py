"""Array bodies of the stable primitives, by family.

`xp` is NumPy or a namespace with its names. They do not branch on data.
"""

from losskit.calculus.arrays.betas import *
from losskit.calculus.arrays.core import *
from losskit.calculus.arrays.densities import *
from losskit.calculus.arrays.deviances import *
from losskit.calculus.arrays.dispersed import *
from losskit.calculus.arrays.durations import *
from losskit.calculus.arrays.margins import *
from losskit.calculus.arrays.robust import *
from losskit.calculus.arrays.scores import *
