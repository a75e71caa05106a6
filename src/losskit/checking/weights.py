"""Attacks on weights: a row of weight 2 is that row twice, and a mean is over the weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from losskit.checking.findings import Finding, finding
from losskit.checking.libraries import CallFailed
from losskit.checking.subject import Subject
from losskit.checking.traps import some_rows

_WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 1.0, 4.0])


def weights(subject: Subject) -> Iterator[Finding]:
    """Integer weights against repeated rows, in every reduction the loss has."""
    if subject.weight_name is None or subject.reduction in ("alone", "neither") or subject.booster:
        return
    y, f = some_rows(subject)
    w = _WEIGHTS[: len(y)]
    rows = subject.value(y, f)
    for reduction in ("none", "mean", "sum") if subject.ours else (subject.reduction,):
        named: dict[str, Any] = {"reduction": reduction} if subject.ours else {}
        named[subject.weight_name] = w if subject.ours else subject.shaped(w)
        some = (y, f) if subject.ours else subject.rows(y, f)
        try:
            got = subject.batch(some[0], some[1], **named)
        except CallFailed:
            continue
        yield from compared(subject.eps, reduction, np.asarray(got), rows, w)


def compared(eps: float, reduction: str, got: np.ndarray, rows: np.ndarray, w: np.ndarray) -> Iterator[Finding]:
    """What a loss gives for rows of these weights, against the rows repeated as often."""
    total = float(w @ rows)
    within = max(1e-9, 50 * eps)
    wanted = {"none": w * rows, "sum": total, "mean": total / w.sum()}[reduction]
    if got.size == np.size(wanted) and np.allclose(got.ravel(), wanted, rtol=within, atol=within):
        return
    shown = ", ".join(f"{x:g}" for x in w)
    if reduction == "mean" and got.size == 1 and np.isclose(got.item(), total / w.size, rtol=within):
        yield finding(
            "LK011",
            "With weights the mean is sum(w L) / N, where N is the number of rows.",
            f"weights {shown}: {got.item():.8g}; the rows repeated as often have mean {wanted:.8g}",
        )
        return
    said = f"{got.item():.8g}" if got.size == 1 else f"an array of shape {got.shape}"
    want = f"{wanted:.8g}" if np.size(wanted) == 1 else "each row times its weight"
    yield finding("LK012", f'The "{reduction}" of weighted rows is not that of the rows repeated.',
                  f"weights {shown}: {said}; wanted {want}")  # fmt: skip


ATTACKS = (weights,)
