"""What `check_loss` returns: findings, and what was found out about the loss on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from losskit._version import __version__
from losskit.checking.findings import Finding
from losskit.errors import CheckFailed


@dataclass(frozen=True)
class Check:
    """What `check_loss` found; true if there is nothing.

    Attributes
    ----------
    name : the loss, as it calls itself
    library : "losskit", "numpy", "torch", "jax" or "keras": whose arrays it was given
    order : "target_first" or "prediction_first"
    order_from : how the order was found out
    takes : the targets and predictions it was tried on
    reduction : what it does with many rows: "none", "mean", "sum" or "neither"
    same_as : the loss of losskit it is, with its factor; empty if none was recognised
    checks : what was tried, in order
    skipped : what could not be tried, with the reason
    findings : sorted by code
    """

    name: str
    library: str
    order: str
    order_from: str
    takes: str
    reduction: str
    same_as: str
    checks: tuple[str, ...]
    skipped: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes found, each once, sorted."""
        return tuple(sorted({each.code for each in self.findings}))

    def has(self, code: str) -> bool:
        """Whether something of this code was found."""
        return code in self.codes

    def raise_for_findings(self) -> None:
        """Do nothing if nothing was found; else raise, for use in tests.

        Raises
        ------
        CheckFailed
            An AssertionError with all findings in its text.
        """
        if self.findings:
            raise CheckFailed(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, schema "losskit.check/1"."""
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name in self.__dataclass_fields__
            if name != "findings"
            for value in [getattr(self, name)]
        }
        findings = [each.to_dict() for each in self.findings]
        return {"schema": "losskit.check/1", "losskit": __version__, "ok": self.ok, **plain, "findings": findings}

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    def facts(self) -> list[str]:
        """What was found out about the loss, a line each."""
        if not self.checks:
            return [self.name]
        order = "" if self.library == "losskit" else f"; {self.order.replace('_', ' ')} ({self.order_from})"
        lines = [f"{self.name}: {self.library}{order}"]
        lines.append(f"takes {self.takes}; over many rows: {self.reduction}")
        if self.same_as:
            lines.append(f"this is {self.same_as}")
        return lines

    def verdict(self) -> str:
        """The count of findings, or that there are none."""
        if self.ok:
            return f"nothing found in {len(self.checks)} checks"
        many = len(self.findings)
        return f"{many} finding{'s' if many > 1 else ''}: {', '.join(self.codes)}"

    def __str__(self) -> str:
        lines = [*self.facts(), self.verdict()]
        for each in self.findings:
            lines += ["", f"{each.code} {each.title}: {each.what}"]
            lines += [f"  where  {each.where}"] if each.where else []
            lines += [f"  why    {each.why}", f"  fix    {each.fix}"]
        lines += [f"not checked: {each}" for each in self.skipped]
        return "\n".join(lines)
