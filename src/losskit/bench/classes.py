"""P4 of the plan for speed: softmax cross-entropy beside scikit-learn's and PyTorch's, value and gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from losskit.bench.timing import alternate, paired_ratio
from losskit.errors import LosskitError

Row = dict[str, Any]
Answer = tuple[float, np.ndarray]  # the mean loss, and its gradient times the rows
CLASSES = (3, 10, 100, 1000)
SCORES = 1_000_000
_TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
_TARGETS = {"scikit-learn": 3.0, "PyTorch float64": 2.0, "PyTorch float32": 1.0}


def class_rows(repeats: int) -> Iterator[Row]:
    """The rows of P4: a million scores of each number of classes, on one thread.

    Raises
    ------
    LosskitError
        If the two sides' values differ.
    """
    from losskit.losses.multiclass import SoftmaxCrossEntropy

    loss = SoftmaxCrossEntropy()
    for k in CLASSES:
        n = SCORES // k
        random = np.random.default_rng(k)
        labels = random.integers(0, k, n)
        for dtype in ("float64", "float32"):
            scores = random.normal(0.0, 3.0, (n, k)).astype(dtype)
            out = np.empty_like(scores)

            def ours(labels: Any = labels, scores: Any = scores, out: Any = out) -> Answer:
                return loss.value_and_gradient(labels, scores, out=out)

            calls: dict[str, Callable[[], Any]] = {"ours": ours}
            value, gradient = ours()
            for name, call, (other, slope) in _peers(labels, scores):
                error = max(abs(value - other), float(np.max(np.abs(gradient * n - slope))))
                if not error <= _TOLERANCE[dtype]:
                    raise LosskitError(
                        f"{k} classes: losskit and {name} differ by {error:.1e} ({_TOLERANCE[dtype]:g} allowed); "
                        "nothing was timed. One of the two is wrong: please report it"
                    )
                calls[name] = call
            times = alternate(calls, repeats)
            for name in list(calls)[1:]:
                ratio = paired_ratio(times[name], times["ours"])
                yield {
                    "id": "P4", "loss": repr(loss), "what": f"{k} classes", "peer": name, "n": n, "unit": "ns a row",
                    "ours": times["ours"].scaled(1e9 / n), "theirs": times[name].scaled(1e9 / n), "ratio": ratio,
                    "target": f">= {_TARGETS[name]:g} x", "met": ratio >= _TARGETS[name], "error": None,
                }


def _peers(labels: np.ndarray, scores: np.ndarray) -> Iterator[tuple[str, Callable[[], Any], Answer]]:
    """Of those installed the name, the call to time, and what it answers."""
    n, k = scores.shape
    if scores.dtype == np.float64:
        from sklearn._loss import HalfMultinomialLoss

        theirs, y, rows, slopes = HalfMultinomialLoss(n_classes=k), labels.astype(float), np.empty(n), scores.copy()

        def multinomial() -> None:
            theirs.loss_gradient(y_true=y, raw_prediction=scores, loss_out=rows, gradient_out=slopes)

        multinomial()
        yield "scikit-learn", multinomial, (float(rows.mean()), slopes)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
    f, target = torch.from_numpy(scores.copy()).requires_grad_(), torch.from_numpy(labels)

    def cross_entropy() -> Any:
        f.grad = None
        value = torch.nn.functional.cross_entropy(f, target)
        value.backward()
        return value

    yield f"PyTorch {scores.dtype}", cross_entropy, (cross_entropy().item(), np.asarray(f.grad) * n)
