"""Fits over rows that are read in batches: the problem posed, the solver that takes few passes, and where to begin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.data.streams import Batch, Stream
from losskit.errors import CapabilityError
from losskit.losses.regression import AbsoluteError
from losskit.objectives.linear import Array, is_quadratic
from losskit.objectives.passes import Passes
from losskit.objectives.streamed import Grams, numbers, over_stream, placed
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import lbfgs, newton, streamed_newton, streamed_vertex
from losskit.solvers.choose import METHODS, choose
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control, Outcome
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.posing import convex_start, is_straight, posed_as, start_of

SOLVERS: dict[str, Any] = {
    "newton": newton.solve, "lbfgs": lbfgs.solve, "proximal_newton": streamed_newton.solve,
    "smoothing": streamed_vertex.solve,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rows:
    """A stream whose targets are as the loss takes them, some rows of it, and how many classes it has."""

    stream: Stream
    sample: Batch
    classes: int | None = None

    @classmethod
    def of(cls, stream: Stream, loss: Any) -> Rows:
        """The stream, looked at: by a pass over it, or by parts of it."""
        if isinstance(loss, JointScale) or not isinstance(loss, (Pointwise, Rowwise)):
            raise CapabilityError(
                f"{loss!r} is not fitted to a stream: its scale is found from the residuals of all rows together; use "
                'a loss whose scale is "auto", such as Huber("auto"), which is set on a sample'
            )
        stream.look()
        classes = stream.classes
        if isinstance(loss, Rowwise) and classes is None:
            classes = int(numbers(stream.labels()).max()) + 1
        stream = stream if stream._code else stream.coded(numbers)
        return cls(stream, stream.sample(), classes)

    def posed(
        self, loss: Any, penalty: Penalty, fit_intercept: bool, proximal: bool, passes: Passes | None = None
    ) -> Any:
        """The objective over the stream; its `sample` is that of the sample."""
        batch = self.sample
        if batch.y.ndim == 2:
            raise CapabilityError(
                f"{self.stream!r} has {batch.y.shape[1]} targets; LinearRegressor fits several, others one at a time"
            )
        with placed(self.stream, f"a sample of {len(batch.X)} rows"):
            X, y = batch.X, np.ascontiguousarray(batch.y, dtype=np.float64)
            near = posed_as(loss, penalty, X, y, batch.weights, fit_intercept, proximal, batch.offset, self.classes)
        if proximal:
            return near.over(over_stream(self.stream, near.smooth, passes))
        return over_stream(self.stream, near, passes)

    def posed_each(
        self, loss: Any, penalty: Penalty, fit_intercept: bool, proximal: bool, passes: Passes
    ) -> list[Any]:
        """The objective of each target, which share X's units and a quadratic loss's Gram matrices."""
        batch, found = self.sample, []
        near = replace(self, sample=batch.of_target(0)).posed(loss, penalty, fit_intercept, proximal, passes)
        sample = (near.smooth if proximal else near).sample
        Y = batch.y if batch.offset is None or sample.offset is not None else batch.y - batch.offset[:, None]
        grams = Grams() if is_quadratic(loss) else None
        for k, y in enumerate(Y.T):
            with placed(self.stream, f"target {k}, a sample of {len(y)} rows"):
                own = sample.with_targets(np.ascontiguousarray(y))
            own = over_stream(self.stream, own, passes, partial(Batch.of_target, k=k), grams)
            found.append(near.over(own) if proximal else own)
        return found


def solve(objective: Any, solver: str, start: Any, control: Control) -> tuple[Any, Outcome, Control, str, str]:
    """An objective over a stream, where a solver ended, its control and name, and why that one."""
    solver, why = choose(objective, solver)
    stream = (objective.smooth if isinstance(objective, Composite) else objective).stream
    if solver not in SOLVERS:
        raise CapabilityError(
            f"{solver} needs all rows at hand, and {stream!r} is read in batches, where every look at the rows "
            "costs a pass; use newton or lbfgs with a smooth penalty such as L2, a penalty that is a sum over "
            "coefficients such as L1, or Smoothed(loss, width=0.01) for a loss with kinks that is no quantile or hinge"
        )
    theta = _begin(objective, solver) if start is None else start_of(objective, start)
    control.max_iter = control.max_iter or METHODS[solver].max_iter
    outcome = SOLVERS[solver](objective, theta, control)
    return objective, outcome, control, solver, f"{why}; each iteration is a pass over {stream!r}"


def _begin(objective: Any, solver: str) -> Array | None:
    """Where to begin if a solver should not choose."""
    smooth = objective.smooth if isinstance(objective, Composite) else objective
    if len(getattr(objective.loss, "outputs", ())) != 1:
        return None
    if objective.loss.traits().convex is False:
        return convex_start(smooth.sample)
    if solver in ("newton", "lbfgs") and is_straight(smooth.sample):
        median = over_stream(smooth.stream, smooth.sample.with_loss(AbsoluteError()), smooth.passes, smooth.view)
        found = streamed_vertex.solve(median, None, Control(1e-12, METHODS["smoothing"].max_iter))
        return np.asarray(smooth.sample.adopt(median.sample, found.theta))
    return None
