"""The `losskit bench` commands: a suite of measurements each, in a process of its own with one thread on every side."""

from __future__ import annotations

import json as js
import os
from typing import Any

from cyclopts import App

from losskit.cli.commands import Flag, documented
from losskit.errors import DataError, ParameterError

bench = App(name="bench", help="Measure losskit side by side with other libraries.")


@bench.command
@documented
def kernels(
    *,
    rows: int = 1_000_000,
    loss: list[str] | None = None,
    repeats: int = 9,
    out: str | None = None,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """Value, gradient and Hessian against scikit-learn, PyTorch and NumPy; call latency; import and first call.

    Parameters
    ----------
    rows : rows of the random data
    loss : only this loss; may be repeated
    repeats : timed runs a side, at least 7
    out : write the result to this file as JSON
    json : print JSON
    force : replace an existing file
    """
    _check(rows, repeats)
    _run("kernels", (out, json, force), rows=rows, losses=_named(loss), repeats=repeats)


@bench.command
@documented
def frameworks(
    *,
    rows: int = 1_000_000,
    loss: list[str] | None = None,
    repeats: int = 9,
    compiled: bool = True,
    out: str | None = None,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """A training step through PyTorch and JAX against their own losses and optax's.

    Parameters
    ----------
    rows : rows of the random data
    loss : only this loss; may be repeated
    repeats : timed runs a side, at least 7
    compiled : measure torch.compile too, which takes a minute
    out : write the result to this file as JSON
    json : print JSON
    force : replace an existing file
    """
    _check(rows, repeats)
    _run("frameworks", (out, json, force), rows=rows, losses=_named(loss), repeats=repeats, compiled=compiled)


@bench.command
@documented
def boosters(
    *,
    rows: int = 100_000,
    rounds: int = 50,
    loss: list[str] | None = None,
    repeats: int = 7,
    out: str | None = None,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """Boosted estimators, and our objective inside LightGBM and XGBoost, against the library's own of the same loss.

    Parameters
    ----------
    rows : rows of the random data
    rounds : trees of a training
    loss : only this loss; may be repeated
    repeats : timed trainings a side, at least 7
    out : write the result to this file as JSON
    json : print JSON
    force : replace an existing file
    """
    _check(rows, repeats)
    if rounds < 1:
        raise ParameterError(f"--rounds must be >= 1; got {rounds}")
    _run("boosters", (out, json, force), rows=rows, rounds=rounds, losses=_named(loss), repeats=repeats)


@bench.command
@documented
def solvers(
    *,
    scale: float = 1.0,
    problem: list[str] | None = None,
    repeats: int = 3,
    patience: float = 10.0,
    out: str | None = None,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """Linear models against other libraries: time to a relative suboptimality of one objective.

    Parameters
    ----------
    scale : factor on the rows of every problem
    problem : only problems of this name or id (P8 ...); may be repeated
    repeats : timed runs at each tolerance
    patience : CPU seconds that a library has for all its runs of a problem
    out : write the result to this file as JSON
    json : print JSON
    force : replace an existing file
    """
    if not (scale > 0 and patience > 0) or repeats < 1:
        raise ParameterError(
            f"--scale and --patience must be above 0 and --repeats >= 1; got scale={scale}, patience={patience}, "
            f"repeats={repeats}"
        )
    _run("solvers", (out, json, force), scale=scale, names=problem or [], repeats=repeats, patience=patience)


def _check(rows: int, repeats: int) -> None:
    if rows < 1 or repeats < 7:
        raise ParameterError(f"--rows must be >= 1 and --repeats >= 7; got rows={rows}, repeats={repeats}")


def _named(losses: list[str] | None) -> list[str]:
    from losskit.registry import get

    return [type(get(each)).__name__ for each in losses or []]


def _run(suite: str, told: tuple[str | None, bool, bool], **order: Any) -> None:
    """Measure, print, and write to a file where one is named: `told` is out, json, force."""
    from losskit.bench.printing import render
    from losskit.bench.timing import pinned
    from losskit.models.modelfile import atomic_write, refuse_existing
    from losskit.report.console import write, write_json

    out, json, force = told
    refuse_existing(out, force=force)
    if out is not None and not os.access(os.path.dirname(os.path.abspath(out)), os.W_OK):
        raise DataError(f"cannot write {out}: its folder is missing or read-only; name another file")
    result = pinned(f"losskit.bench.{suite}", order)
    if out is not None:
        atomic_write(out, js.dumps(result, indent=1) + "\n", force=force)
    if json:
        write_json(result)
        return
    write(*render(result))
    if out is not None:
        print(f"result written to {os.path.abspath(out)}")
