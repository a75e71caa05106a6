"""P16 of the plan for speed: linear models over more Parquet than memory should hold, and what it takes to read it.

Rows of 20 correlated columns and a count are written first, if the file is not there. Then plain reading by pyarrow and
each fit run in a process of their own: seconds, passes, the largest memory held, and the fit's certificate.

usage: python benchmarks/out_of_core.py FILE.parquet [--gigabytes G] [--losses SquaredError Poisson]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import losskit as lk

COLUMNS = 20
GROUP = 250_000  # rows


def write(path: Path, gigabytes: float) -> None:
    """So many bytes of float64, group by group."""
    rng = np.random.default_rng(1)
    coef = rng.standard_normal(COLUMNS) / 10
    schema = pa.schema([(f"x{j}", pa.float64()) for j in range(COLUMNS)] + [("y", pa.float64())])
    unfinished = path.with_suffix(".part")
    with parquet.ParquetWriter(unfinished, schema) as writer:
        for _ in range(int(gigabytes * 1e9 / 8 / (COLUMNS + 1) / GROUP) + 1):
            X = rng.standard_normal((GROUP, COLUMNS))
            X[:, 1:] += 0.5 * X[:, :-1]
            y = rng.poisson(np.exp(X @ coef)).astype(float)
            writer.write_table(pa.table([*X.T.copy(), y], schema=schema), row_group_size=GROUP)
    unfinished.rename(path)


def read(path: Path) -> str:
    """Every batch once, nothing done with it."""
    rows = sum(batch.num_rows for batch in parquet.ParquetFile(path, pre_buffer=False).iter_batches(GROUP))
    return f"{rows} rows"


def fit(path: Path, loss: str) -> str:
    """One fit by its name."""
    seen = []
    solution = lk.minimise(lk.get(loss), None, lk.Stream(path, "y", progress=seen.append))
    passes = seen.count(max(seen))
    return f"{passes} passes, certificate {solution.certificate:.1e}, value {solution.value!r}"


def measured(what: str, task: str, *given: object) -> None:
    """Run a task of this module in a process of its own and print what it took."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        said, seconds, held = pool.apply(_timed, (task, given))
    print(f"{what:15} {seconds:6.1f} s {held:5.2f} GB  {said}", flush=True)


def _timed(task: str, given: tuple[object, ...]) -> tuple[str, float, float]:
    began = time.perf_counter()
    said = globals()[task](*given)
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return said, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--gigabytes", type=float, default=5.5)
    parser.add_argument("--losses", nargs="*", default=["SquaredError", "Poisson"])
    asked = parser.parse_args()
    if not asked.file.exists():
        write(asked.file, asked.gigabytes)
    print(f"{asked.file.stat().st_size / 1e9:.2f} GB of Parquet")
    measured("reading", "read", asked.file)
    for loss in asked.losses:
        measured(loss, "fit", asked.file, loss)


if __name__ == "__main__":
    main()
