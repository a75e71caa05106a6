"""Losses made of losses: sums and multiples, weights, smoothing, clipping; graphs and traits together.

A combinator holds losses as fields and combines their graphs, so that a derivative they state stays as stated. What it
knows of itself are bounds, not always the least ones; unknown is None.
"""

from losskit.combine.arithmetic import Multiple, Sum
from losskit.combine.base import Combined
from losskit.combine.classes import Focal, NoiseCorrected, PriorAdjusted, SmoothedLabels, Weighted
from losskit.combine.risks import GroupDRO, Risk, TailRisk, Tilted, TopK
from losskit.combine.shapes import Asymmetric, Clipped, Scaled, Smoothed
