"""What the suites found, as tables for the terminal."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

_SHORT = {"value+gradient": "v+g", "gradient+Hessian": "g+h", "value_and_gradient": "v+g", "loss(y, f)": "v"}


def render(result: dict[str, Any]) -> list[Any]:
    """The result as rich tables, one for each figure that was measured, and a line on the machine."""
    if result["suite"] == "solvers":
        return [_solvers(result)]
    on, count = result["machine"], result["settings"]["rows"]
    titles = {
        "P1": f"P1  kernels: ns a row, median ± half the interquartile range; {count:,} rows, float64, one thread",
        "P2": "P2  through PyTorch: us a step (mean and gradient), one core",
        "P3": "P3  through JAX under jit: us a step (mean and gradient), one core",
        "P4": "P4  classes: ns a row, a million scores, value and gradient of the mean, one thread",
        "P5": "P5  call latency: us a call",
        "P6": "P6  start: ms",
        "P7": f"P7  boosting: ms a training; {count:,} rows, one thread",
    }
    tables = [_table(title, [row for row in result["rows"] if row["id"] == name]) for name, title in titles.items()]
    said = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    machine_line = f"{on['cpu']}, {on['cores']} cores, load {on['load'] or 0:.1f}; {said}"
    return [*(table for table in tables if table is not None), machine_line]


def _table(title: str, rows: list[Row]) -> Any:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return None
    with_peers = any(row["theirs"] is not None for row in rows)
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    columns = ["loss", "what", "n", "peer", "peer's", "ours", "best", "ratio", "target", ""]
    hidden = set() if with_peers else {"n", "peer", "peer's", "ratio"}
    hidden |= {"n", "best"} if rows[0]["id"] in ("P1", "P4") else set()
    for name in columns:
        if name not in hidden:
            number = name in ("n", "peer's", "ours", "best", "ratio")
            table.add_column(name, overflow="fold", justify="right" if number else "left")
    for row in rows:
        cells = dict(zip(columns, _cells(row), strict=True))
        table.add_row(*(cell for name, cell in cells.items() if name not in hidden))
    return table


def _cells(row: Row) -> tuple[Any, ...]:
    from rich.text import Text

    what, _, over = row["what"].rpartition(", ") if row["id"] == "P1" else ("", "", row["what"])
    verdict = {True: Text("met", "green"), False: Text("not met", "red"), None: ""}[row["met"]]
    return (
        (row["loss"] or "").partition("(")[0], f"{_SHORT.get(what, '')} {_SHORT.get(over, over)}".strip(),
        str(row["n"]), row["peer"] or "", _spread(row["theirs"]), _spread(row["ours"]),
        _rounded(row["ours"]["best"]), f"{row['ratio']:.2f}" if row["ratio"] else "", row["target"] or "", verdict,
    )


def _spread(timing: dict[str, float] | None) -> str:
    if timing is None:
        return ""
    return f"{_rounded(timing['median'])} ± {_rounded((timing['high'] - timing['low']) / 2)}"


def _rounded(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def _solvers(result: dict[str, Any]) -> str:
    """The result as a table."""
    levels = "".join(f"{level:>10.0e}" for level in result["settings"]["levels"])
    lines = [f"{'':4}{'problem':36}{'solver':28}{levels}  violation  ratio"]
    last = None
    for row in result["rows"]:
        head = (row["id"], row["problem"]) if row["problem"] != last else ("", "")
        last = row["problem"]
        violation = "-" if row["violation"] is None else f"{row['violation']:.1e}"
        times = "".join(f"{'-' if t is None else f'{t:.4f}':>10}" for t in row["seconds"].values())
        ratios = " ".join("-" if r is None else f"{r:.2f}" for r in row.get("ratio", {}).values())
        end = "" if row["end"] == "done" else row["end"]
        said = " ".join(filter(None, (end, ratios)))
        shape = "x".join(map(str, row["shape"])) if head[1] else ""
        lines.append(f"{head[0]:4}{f'{head[1]} {shape}':36}{row['solver']:28}{times}{violation:>11}  {said}")
    load = result["machine"]["load"]
    lines += ["", f"CPU seconds, one thread; ratio: the best peer's over losskit's; load of the machine {load}"]
    return "\n".join(lines)
