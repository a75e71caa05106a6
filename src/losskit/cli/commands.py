"""The commands that work on data or losses. `cli` registers them; each parses, calls, prints."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from losskit.selection.compare import Progress
    from losskit.selection.outcome import Selection

Command = TypeVar("Command", bound=Callable[..., Any])
FOUND = 3  # the exit code of a check that found something: neither done (0), nor bad usage (2), nor our fault (1)
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
_ENTRY = re.compile(r"^( *)(\w+) : ", re.MULTILINE)


def register(app: App) -> None:
    """Add the commands of this module to the command line."""
    for command in (select, profile, fit, predict, evaluate, check):
        app.command(documented(command))


def documented(command: Command) -> Command:
    """The command, with the names in its docstring on lines of their own, as cyclopts wants them to show the rest."""
    command.__doc__ = _ENTRY.sub(r"\1\2\n\1    ", command.__doc__ or "")
    return command


def select(
    data: str,
    /,
    *,
    target: str,
    out: str,
    question: str | None = None,
    problem: str | None = None,
    order: str | None = None,
    model: str | None = None,
    metric: str | None = None,
    costs: str | None = None,
    recalibrate: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    groups: str | None = None,
    time: str | None = None,
    holdout: float = 0.0,
    sample: int = 100_000,
    time_limit: float | None = None,
    seed: int = 0,
    log: list[str] | None = None,
    quiet: Flag = False,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """Say which loss fits a table, show it by cross-validation, and leave a model and a report.

    Stopped half-way, the same command goes on where it was: finished folds are kept in the folder.

    Parameters
    ----------
    data : a .csv, .tsv, .parquet or .feather file
    target : the column to predict
    out : the folder to write report.html, report.md, result.json and model.losskit to
    question : mean, median, quantile:LEVEL, expectile:LEVEL, interval:LEVEL, distribution, count, probability, label,
        ranking or ordinal; by default mean, or probability for classes, or ordinal for classes whose order is told
    problem : real, count, amount, binary or multiclass; found from the target by default
    order : low,mid,high: labels that are text from the lowest to the highest
    model : linear, boosted or both; by default both from 500 rows on, and linear of fewer
    metric : squared_error, poisson_deviance, absolute_error, pinball, log_loss, error_rate, auc ... to judge by; or f1,
        fbeta:BETA, balanced_accuracy, mcc, for which a threshold on probabilities is chosen
    costs : fp=COST,fn=COST of false alarms and misses of the second of two classes (sorted), or a .csv file with a row
        for each actual and a column for each predicted class; the threshold follows from them. Of numbers
        over=COST,under=COST, of a unit predicted too high or too low; they ask for a quantile
    recalibrate : platt, beta, isotonic, or temperature for more than two classes: mend the probabilities by a map
        fitted on rows that the models had not seen; auto: where a test finds that they do not hold
    include : a loss to compare too, as --loss of fit takes it, or one of your own as module:object; may be repeated
    exclude : a challenger to leave out; may be repeated
    groups : a column: rows of one group are never in training and test rows at once; it is then no feature
    time : a column of dates or numbers: training rows are earlier than test rows; it is then no feature
    holdout : a share of the rows, looked at once at the end; the model is trained without them
    sample : of more rows than this, so many drawn at random are compared; the model is then trained on all
    time_limit : seconds; of 2000 rows or more as many are compared as it allows. One round is always finished
    seed : decides the folds
    log : write the result to mlflow:sqlite:///FILE, optuna:sqlite:///FILE or tensorboard:FOLDER too; may be repeated
    quiet : print no progress and no leaderboard
    json : print the content of result.json, and nothing else
    force : write into a folder that exists
    """
    from losskit.checking.load import is_own, load
    from losskit.data.tables import read_table
    from losskit.question import parse_question
    from losskit.selection.files import check_folder, read_costs
    from losskit.selection.resume import FOLDER
    from losskit.selection.run import select as choose
    from losskit.sinks import sink

    asked = question if question in (None, "count") else parse_question(question)
    given = read_costs(costs) if costs is not None and costs.lower().endswith(".csv") else costs
    added = [load(text) if is_own(text) else text for text in include or ()]
    sinks = [sink(each) for each in log or ()]
    check_folder(out, force)
    table = read_table(data)
    with _progress(quiet or json) as progress:
        found = choose(
            table, target, asked, problem, order=order, model=model, metric=metric, costs=given,
            recalibrate=recalibrate, include=added, exclude=exclude or (), groups=groups, time=time, holdout=holdout,
            sample=sample, seed=seed, time_limit=time_limit, progress=progress, state=os.path.join(out, FOLDER),
        )  # fmt: skip
    written = found.save(out, force=force)
    logged = [each(found) for each in sinks]
    if json:
        _print_json(found.to_dict())
        return
    if not quiet:
        _show(found)
    for kind, path in written.items():
        print(f"{kind:<8}{path}")
    for place in logged:
        print(f"{'log':<8}{place}")
    if "model" in written:
        print(f"{'next':<8}losskit predict {_quoted(written['model'])} NEW.csv --out predictions.csv")
    else:
        print(f"{'model':<8}none: {found.loss!r} is a class of your own, and a model file holds no code; write it as a "
              "text with from_formula to keep the model")  # fmt: skip


def profile(data: str, /, *, target: str, problem: str | None = None, json: Flag = False) -> None:
    """What in a table bears on the choice of a loss: outliers, missing values, copies of the target ...

    Parameters
    ----------
    data : a .csv, .tsv, .parquet or .feather file
    target : the column to predict
    problem : real, count, amount, binary or multiclass; found from the target by default
    json : print JSON
    """
    from losskit.data.tables import read_table
    from losskit.report.profiled import render
    from losskit.selection.findings import profile as look

    found = look(read_table(data), target, problem)
    _print_json(found.to_dict()) if json else print(render(found, _width()))


def fit(
    data: str,
    /,
    *,
    target: str,
    loss: str,
    out: str,
    penalty: str | None = None,
    order: str | None = None,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """Fit a linear model with one loss, without choosing.

    Parameters
    ----------
    data : a .csv, .tsv, .parquet or .feather file
    target : the column to predict
    loss : a name with its parameters: huber, huber:delta=1.35, tweedie:power=1.2
    out : the model file to write
    penalty : l2=ALPHA, on the coefficients of standardised features; none by default
    order : low,mid,high: labels that are text from the lowest to the highest, for ordinal and coral
    json : print what was done as JSON
    force : replace an existing file
    """
    from losskit.cli.fitting import fit_table, parse_penalty
    from losskit.data.tables import read_table
    from losskit.expressions import parse_loss
    from losskit.models.modelfile import refuse_existing

    chosen, alpha = parse_loss(loss), parse_penalty(penalty)
    refuse_existing(out, force=force)
    table = read_table(data)
    with _warnings_said():
        model, solution = fit_table(table, target, chosen, alpha, order)
    model.save(out, force=force)
    if json:
        _print_json({
            "schema": "losskit.fit/1", "loss": repr(model.loss), "target": model.target, "rows": table.n_rows,
            "alpha": alpha, "objective": solution.value, "certificate": solution.certificate,
            "certificate_kind": solution.certificate_kind, "solver": solution.solver,
            "iterations": solution.iterations, "model": out,
        })  # fmt: skip
        return
    print(
        f"{model.loss!r} with L2({alpha:g}) on {table.n_rows} rows: objective {solution.value:.6g}, "
        f"{solution.certificate_kind} {solution.certificate:.1e} ({solution.solver}, {solution.iterations} iterations)"
    )
    print(f"model   {out}")
    print(f"next    losskit predict {_quoted(out)} NEW.csv --out predictions.csv")


def predict(
    model: str,
    data: str,
    /,
    *,
    out: str | None = None,
    prior: str | None = None,
    json: Flag = False,
    quiet: Flag = False,
    force: Flag = False,
) -> None:
    """Predict the rows of a table, in the order they came in. The table may be larger than the memory.

    Parameters
    ----------
    model : a file that select or fit wrote
    data : a table with the columns the model was fitted on; others are not looked at
    out : the file to write, .parquet or else CSV, there when it is complete; by default CSV on the standard output
    prior : the shares of classes where the rows are from, if not those of training, as JSON: {"yes": 0.02}
    json : print lines of JSON, or with --out what was done
    quiet : print no progress
    force : replace an existing file
    """
    import time

    from losskit.models.predicting import csv_writer, json_writer, predict_batches, predict_file
    from losskit.models.table import load_model

    began, made = time.monotonic(), load_model(model)
    shares = None if prior is None else _shares(prior)
    if out is None:
        predict_batches(made, data, (json_writer if json else csv_writer)(sys.stdout), shares)
        return
    with _progress(quiet or json, "predicting", "") as bar:
        told = None if bar is None else lambda rows, share: bar(round(1000 * share), 1000, f"{rows:,} rows")
        rows = predict_file(made, data, out, prior=shares, force=force, progress=told)
    if json:
        _print_json({
            "schema": "losskit.prediction/1", "rows": rows, "out": out, "model": model, "data": data, "prior": shares,
            "seconds": round(time.monotonic() - began, 3),
        })  # fmt: skip
    else:
        print(f"{rows:,} rows predicted: {out}")


def _shares(text: str) -> dict[str, float]:
    import json

    from losskit.errors import ParameterError

    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ParameterError(f"--prior takes the shares of classes as JSON, such as '{{\"yes\": 0.02}}'; got {text!r}")
    return found


def evaluate(
    model: str, data: str, /, *, by: str | None = None, prior: str | None = None, json: Flag = False,
    quiet: Flag = False,
) -> None:  # fmt: skip
    """How good a model is on rows whose targets are known: its metric, its bias, and the rows that cost most.

    The table may be larger than the memory.

    Parameters
    ----------
    model : a file that select or fit wrote
    data : a table with the columns of the fit and the target
    by : a column: figures for each of its values too; by default for fifths of the prediction
    prior : the shares of classes where the rows are from, if not those of training, as JSON: {"yes": 0.02}
    json : print JSON
    quiet : print no progress
    """
    from losskit.models.table import load_model
    from losskit.report.evaluated import render
    from losskit.selection.evaluation import evaluate_file

    made, shares = load_model(model), None if prior is None else _shares(prior)
    with _progress(quiet or json, "evaluating", "") as bar:
        told = None if bar is None else lambda rows, share: bar(round(1000 * share), 1000, f"{rows:,} rows")
        found = evaluate_file(made, data, by, shares, told)
    _print_json(found.to_dict()) if json else print(render(found, _width()))


def check(
    loss: str,
    /,
    *,
    gradient: str | None = None,
    hessian: str | None = None,
    order: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    ignore: list[str] | None = None,
    outputs: int | None = None,
    json: Flag = False,
) -> int:
    """Attack a loss, ours or any library's, and say what is wrong with it; exit code 3 if something is.

    Parameters
    ----------
    loss : module:object, imported from here too, or the name of a loss of losskit
    gradient : module:object, its derivative by the prediction
    hessian : module:object, its second derivative
    order : target_first or prediction_first; found by default
    target : real, nonnegative, positive, binary, signs, labels, shares or divergence; found by default
    prediction : score, probability or positive; found by default
    ignore : a code not to report, such as LK010; may be repeated
    outputs : how many predictions a row has; found by default
    json : print JSON
    """
    from losskit.checking.load import load
    from losskit.checking.run import check_loss
    from losskit.report.checked import render

    own = {name: load(text) for name, text in (("gradient", gradient), ("hessian", hessian)) if text is not None}
    found = check_loss(
        load(loss), order=order, target=target, prediction=prediction, ignore=ignore or (),  # type: ignore[arg-type]
        outputs=outputs, **own,
    )  # fmt: skip
    if json:
        print(found.to_json())
    else:
        print(render(found, _width()))
    return 0 if found.ok else FOUND


def _print_json(content: dict[str, Any]) -> None:
    from losskit.models.modelfile import to_json

    print(to_json(content, indent=2))


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


@contextmanager
def _warnings_said() -> Iterator[None]:
    """Show losskit's warnings as one line each on the standard error."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    for each in caught:
        print(f"losskit: warning: {' '.join(str(each.message).split())}", file=sys.stderr)


@contextmanager
def _progress(quiet: bool, what: str = "comparing losses", unit: str = "folds") -> Iterator[Progress | None]:
    """A bar on the standard error, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *((MofNCompleteColumn(), TextColumn(unit)) if unit else (TaskProgressColumn(),)),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(what, total=None)
        yield lambda done, total, text: bar.update(line, completed=done, total=total, description=text)


def _show(found: Selection) -> None:
    """The verdict, the leaderboard and the warnings."""
    from losskit.report.terminal import render

    print(render(found, _width()))


def _width() -> int | None:
    """How wide a text may be: the terminal's own width, or 80 columns in a pipe."""
    return None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "80"))
