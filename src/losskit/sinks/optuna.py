"""Optuna: one study a selection, each candidate a finished trial, so that its dashboards and plots read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection


def write(found: Selection, where: str) -> str:
    """Record the selection in a storage; the name of the study."""
    base = f"{found.target.name}: {found.question}"
    taken = {each.study_name for each in optuna.get_all_study_summaries(where)}
    name = next(n for n in (base, *(f"{base} {i}" for i in range(2, len(taken) + 3))) if n not in taken)
    study = optuna.create_study(storage=where, study_name=name, direction="minimize")
    tried = [candidate for candidate in found.candidates if candidate.valid]
    choice = optuna.distributions.CategoricalDistribution([candidate.title for candidate in tried])
    for candidate in tried:
        study.add_trial(optuna.trial.create_trial(
            params={"loss": candidate.title}, distributions={"loss": choice}, value=candidate.mean,
            user_attrs={**candidate.to_dict(), "role": candidate.role},
        ))  # fmt: skip
    study.set_user_attr("verdict", found.verdict.sentence)
    study.set_user_attr("metric", found.metric.name)
    return f"study {name!r} at {where}"
