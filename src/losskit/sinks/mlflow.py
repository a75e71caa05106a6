"""MLflow: one run a selection, with the metric of every candidate, the report and the result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlflow import MlflowClient

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

EXPERIMENT = "losskit select"
_ODD = re.compile(r"[^\w\-. /]")  # what no name of a metric may hold


def write(found: Selection, where: str) -> str:
    """Record the selection at a tracking URI; the name of the run."""
    client = MlflowClient(tracking_uri=where)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment, run_name=f"{found.target.name}: {found.question}")
    told = found.to_dict()
    options = {"loss": found.winner.name, "link": found.winner.link, "source": found.source}
    for name in ("question", "metric", "problem", "rows", "seed"):
        options[name] = told[name]
    for name, value in options.items():
        client.log_param(run.info.run_id, name, str(value)[:500])
    for candidate in found.candidates:
        if candidate.valid:
            key = _ODD.sub("_", f"{told['metric']}/{candidate.label_with_kind}")
            client.log_metric(run.info.run_id, key, candidate.mean)
    client.set_tag(run.info.run_id, "verdict", found.verdict.sentence)
    client.log_text(run.info.run_id, found.to_html(), "report.html")
    client.log_dict(run.info.run_id, told, "result.json")
    client.set_terminated(run.info.run_id)
    return f"run {run.info.run_id} of {EXPERIMENT!r} at {where}"
