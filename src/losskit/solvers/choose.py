"""Which solver fits a loss, a penalty and a size, and why: one table, read from the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from losskit.base import Pointwise
from losskit.data.sparse_rows import is_sparse
from losskit.errors import CapabilityError, ParameterError
from losskit.forecast import Forecast
from losskit.objectives.linear import Objective
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import (
    coordinate_descent,
    dual_descent,
    gradient_descent,
    irls,
    lbfgs,
    newton,
    newton_cg,
    proximal_gradient,
    proximal_newton,
    smoothing,
    stochastic,
)
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control, Outcome
from losskit.traits import Traits

NEWTON_COLUMNS = 1000  # beyond, a Gram matrix costs more than the gradients it saves

Solve = Callable[..., Outcome]
Problem = Any  # Objective, ClassObjective or Composite


@dataclass(frozen=True)
class Method:
    """A solver, how many iterations it may take, and what it cannot do: None, or the reason with an alternative."""

    solve: Solve
    max_iter: int
    objection: Callable[[Problem], str | None]


@dataclass(frozen=True)
class Rule:
    """If `applies`, then `solver`, because of `why`."""

    solver: str
    applies: Callable[[Problem], bool]
    why: str


def _penalty_kinked(objective: Problem) -> str | None:
    """Why a solver of smooth penalties cannot be used, or None."""
    if not isinstance(objective, Composite):
        return None
    if objection := _not_proximal(objective):
        return objection
    better = "proximal_newton" if objective.penalty.separable else "proximal_gradient"
    return f'the penalty {objective.penalty!r} is not smooth; use solver="{better}" or a smooth one such as L2'


def _kinked(objective: Problem) -> str | None:
    if objection := _penalty_kinked(objective):
        return objection
    if objective.loss.traits().differentiable is not False:
        return None
    if objective.slopes is None:
        return 'it has kinks; use solver="gradient_descent", which takes subgradients'
    return 'it has kinks and no curvature; use solver="smoothing", which ends in a duality gap'


def _not_two_pieces(objective: Problem) -> str | None:
    if objection := _penalty_kinked(objective):
        return objection
    if objective.slopes is not None:
        return None
    return 'it is not made of straight pieces about a perfect prediction; use solver="newton" or "lbfgs"'


def _not_one_score(objective: Problem) -> str | None:
    if objection := _penalty_kinked(objective):
        return objection
    kind = "for each class" if isinstance(objective.loss, Rowwise) else "for each output"
    several = isinstance(objective.loss, Rowwise) or len(objective.loss.outputs) > 1
    return f'it has a score {kind}; use solver="newton" or "lbfgs"' if several else None


def _not_proximal(objective: Problem) -> str | None:
    """Why a proximal solver cannot be used: it takes the loss as smooth."""
    if objective.loss.traits().differentiable is False:
        smooth = "SquaredHinge" if objective.loss.variables == ("m",) else f"Smoothed({objective.loss!r}, width=0.01)"
        return f"the loss has kinks, and so has the penalty; use {smooth}, or the penalty L2"
    return None


def _not_by_pieces(objective: Problem) -> str | None:
    if objection := _not_proximal(objective):
        return objection
    if not objective.penalty.separable:
        return f'the penalty {objective.penalty!r} is no sum over coefficients; use solver="proximal_gradient"'
    if type(objective.penalty).pieces is Penalty.pieces:
        return f'the penalty {objective.penalty!r} is smooth; use solver="newton"'
    return None


def _not_by_columns(objective: Problem) -> str | None:
    if objective.classes > 1:
        return 'it has a score for each class; use solver="proximal_newton"'
    return _not_by_pieces(objective)


def _kinked_or_several(objective: Problem) -> str | None:
    return _kinked(objective) or _not_one_score(objective)


def _no_majorizer(objective: Problem) -> str | None:
    return _kinked_or_several(objective) or irls.objection(objective.loss)


def _no_dual(objective: Problem) -> str | None:
    return _not_one_score(objective) or dual_descent.objection(objective)


METHODS = {
    "newton": Method(newton.solve, 100, _kinked),
    "newton_cg": Method(newton_cg.solve, 200, _kinked_or_several),
    "lbfgs": Method(lbfgs.solve, 2000, _kinked),
    "proximal_newton": Method(proximal_newton.solve, 200, _not_by_pieces),
    "coordinate_descent": Method(coordinate_descent.solve, 500, _not_by_columns),
    "proximal_gradient": Method(proximal_gradient.solve, 2000, _not_proximal),
    "smoothing": Method(smoothing.solve, 60, _not_two_pieces),
    "irls": Method(irls.solve, 1000, _no_majorizer),
    "dual_descent": Method(dual_descent.solve, 1000, _no_dual),
    "gradient_descent": Method(gradient_descent.solve, 10_000, _not_one_score),
    "momentum": Method(gradient_descent.momentum, 10_000, _kinked_or_several),
    "nesterov": Method(gradient_descent.nesterov, 10_000, _kinked_or_several),
    "sgd": Method(stochastic.sgd, 100, _not_one_score),
    "adam": Method(stochastic.adam, 100, _not_one_score),
}

TO_COMPARE = ("gradient_descent", "momentum", "nesterov", "sgd", "adam")  # never the quickest


def _traits(objective: Problem) -> Traits:
    return objective.loss.traits()


def _is_wide(objective: Problem) -> bool:
    """Whether newton_cg is the quickest: of weakly penalised fits to such X by two to four times."""
    if type(objective) is not Objective or not is_sparse(objective.design.X) or not objective.penalty.strong > 0:
        return False
    traits = _traits(objective)
    return bool(traits.convex and traits.differentiable) and objective.design.columns > objective.design.rows


TABLE = (
    Rule("proximal_gradient", lambda o: isinstance(o, Composite) and not o.penalty.separable,
         "the penalty is known by its proximal step alone"),
    Rule("proximal_newton", lambda o: isinstance(o, Composite),
         "the penalty has kinks, coefficient by coefficient: quadratic models on a working set, solved exactly, which "
         "takes less than coordinate descent alone"),
    Rule("smoothing", lambda o: o.slopes is not None,
         "the loss is made of straight pieces: Newton on smoothed problems leads to an exact vertex and a duality gap"),
    Rule("gradient_descent", lambda o: _traits(o).differentiable is False,
         "the loss has kinks of a kind only subgradients handle; expect few digits"),
    Rule("lbfgs", lambda o: isinstance(o.loss, Rowwise) and not o.loss.beyond and o.penalty.strong > 0
         and not hasattr(o, "stream"),  # where passes cost more than Gram matrices
         "the loss has a score for each class: one Gram matrix serves all classes, one for each pair costs too much"),
    Rule("newton_cg", lambda o: o.size > NEWTON_COLUMNS and _is_wide(o),
         "X is sparse and has more columns than rows: conjugate gradients find Newton's steps in the fewest passes"),
    Rule("lbfgs", lambda o: o.size > NEWTON_COLUMNS,
         f"the loss is smooth and there are more than {NEWTON_COLUMNS} coefficients, so a Gram matrix costs too much; "
         "conjugate gradients save passes where X is sparse and wider than long"),
    Rule("lbfgs", lambda o: _traits(o).convex is None or _traits(o).differentiable is None,
         "little is known of the loss, so only its gradient is trusted; another start may end elsewhere"),
    Rule("newton", lambda o: _traits(o).convex is False,
         "the loss is smooth but not convex: damped Newton from the fit of a convex relative; the certificate says "
         "stationary, not best of all"),
    Rule("newton", lambda o: True,
         "the loss is smooth and convex and the columns are few: a Gram matrix pays for itself in few passes"),
)  # fmt: skip


def choose(objective: Problem, solver: str = "auto") -> tuple[str, str]:
    """The solver to use and why.

    Raises
    ------
    CapabilityError
        If the solver asked for does not fit the loss, with the reason and an alternative.
    ParameterError
        If there is no such solver.
    """
    if solver == "auto":
        rule = next(rule for rule in TABLE if rule.applies(objective))
        if objection := METHODS[rule.solver].objection(objective):
            raise CapabilityError(f"{objective.loss!r} with {objective.penalty!r} cannot be minimised: {objection}")
        return rule.solver, rule.why
    if solver not in METHODS:
        raise ParameterError(f'there is no solver {solver!r}; use "auto", {", ".join(map(repr, METHODS))}')
    if objection := METHODS[solver].objection(objective):
        raise CapabilityError(f"{solver} cannot minimise {objective.loss!r}: {objection}")
    return solver, "asked for"


def is_proximal(penalty: Penalty, solver: str) -> bool:
    """Whether a problem is posed as loss and penalty apart: its penalty has kinks, or the solver asked for wants it."""
    return not penalty.smooth or solver.startswith("proximal") or solver == "coordinate_descent"


def refuse_unfit(loss: Pointwise | Rowwise) -> None:
    """Raise CapabilityError for a loss that no linear model can be fitted with."""
    name = type(loss).__name__
    if isinstance(loss, Forecast):
        raise CapabilityError(f"{loss!r} judges forecasts; LinearRegressor(MultiQuantile()) makes some")
    if isinstance(loss, Rowwise):
        traits = loss.traits()
        if not (traits.convex and traits.differentiable) or loss.axis != -1:
            raise CapabilityError(
                f"{loss!r} is not known to be convex and smooth along the last axis, which a linear model of many "
                "classes needs; use SoftmaxCrossEntropy"
            )
    elif len(loss.targets) != 1:
        raise CapabilityError(f"{name} takes {len(loss.targets)} targets a row; a linear model here takes one")
    elif len(loss.outputs) != 1 and loss.traits().differentiable is not True:
        raise CapabilityError(
            f"{name} predicts {len(loss.outputs)} numbers a row and has kinks; a linear model of several outputs "
            "needs a smooth loss, such as GaussianNLL"
        )
    if loss.prediction_domain.bounded:
        raise CapabilityError(
            f"{name} needs {loss.prediction_domain.describe('f')}, which a linear model's raw score does not keep to; "
            "use the loss on scores instead (Logistic for BinaryCrossEntropy, SoftmaxCrossEntropy for many classes)"
        )


__all__ = ["METHODS", "TABLE", "TO_COMPARE", "Control", "choose", "is_proximal", "refuse_unfit"]
