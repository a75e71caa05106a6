"""Threads, forks and worker processes: the same bits, whoever computes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from losskit.registry import losses
from tests.families import one_of_each_kind

HEAD = """
import hashlib, multiprocessing, os, sys, threading
import numpy as np
import losskit as lk
from losskit.registry import losses

def data(loss, n):
    rng = np.random.default_rng(0)
    y = rng.uniform(0.1, 0.9, n)
    y = np.ceil(y) if loss.domain.whole else rng.choice([-1.0, 1.0], n) if not loss.domain.contains(0.5) else y
    if len(loss.targets) > 1:
        y = np.column_stack([rng.uniform(0.1, 0.5, n), rng.uniform(0.5, 0.9, n)])
    k = len(loss.outputs)
    return y, rng.uniform(0.1, 0.9, (n, k) if k > 1 else n), rng.random(n)

def bits(loss, n=210_017, change=lambda x: x):
    parts = loss.value_gradient_and_hessian(*map(change, data(loss, n)))
    return hashlib.sha256(b"".join(np.ascontiguousarray(p).tobytes() for p in parts)).hexdigest()

def reads_only(x):
    x.flags.writeable = False  # takes the road of converted chunks
    return x

FEW = (lk.SquaredError(), lk.Logistic())
"""


def start(tmp_path: Path, body: str, **environment: str) -> subprocess.Popen:
    """A process that runs HEAD and `body`, as a file: children that are spawned import it."""
    script = tmp_path / f"script{len(list(tmp_path.glob('*.py')))}.py"
    script.write_text(HEAD + body)
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said(process: subprocess.Popen) -> str:
    """What the process printed; it must end well, and by itself."""
    try:
        out, err = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail("the process hangs")
    assert process.returncode == 0, err[-2000:]
    return out


@pytest.mark.parametrize("names", [list(one_of_each_kind()), pytest.param(list(losses()), marks=pytest.mark.slow)],
                         ids=["kinds", "all"])  # fmt: skip
def test_the_number_of_threads_changes_no_bit_of_any_loss_in_any_layout(tmp_path, names):
    body = f"NAMES = {names!r}" + """
for name, cls in ((name, losses()[name]) for name in NAMES):
    print(name, bits(cls()), bits(cls(), change=reads_only))
"""
    one = said(start(tmp_path, body, LOSSKIT_NUM_THREADS="1"))  # alone: it may have to compile
    running = [start(tmp_path, body, LOSSKIT_NUM_THREADS=n) for n in ("2", "3", "8")]
    assert [said(process) for process in running] == [one] * 3
    for line in one.splitlines():
        name, plain, converted = line.split()
        assert plain == converted, name


def test_eight_threads_may_make_the_first_call_at_once(tmp_path):
    body = """
barrier, results = threading.Barrier(8), []
def work():
    barrier.wait()
    results.append(tuple(bits(cls()) for cls in (lk.SquaredError, lk.Huber)))
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join(200) for t in threads]
assert len(results) == 8 and len(set(results)) == 1, results
assert results[0] == tuple(bits(cls()) for cls in (lk.SquaredError, lk.Huber))
"""
    said(start(tmp_path, body, LOSSKIT_CACHE_DIR=str(tmp_path / "cold")))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_of_a_process_with_a_thread_pool_computes_the_same(tmp_path):
    body = """
want = [bits(loss) for loss in FEW]  # starts the pool
from losskit.kernels import run
assert run._pool is not None
child = os.fork()
if child == 0:
    import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
    os._exit(0 if [bits(loss) for loss in FEW] == want and bits(lk.Huber()) else 3)
assert os.waitpid(child, 0)[1] == 0
assert [bits(loss) for loss in FEW] == want
"""
    said(start(tmp_path, body, LOSSKIT_NUM_THREADS="2"))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_children_compute_the_same(tmp_path, method):
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    body = f"""
if __name__ == "__main__":
    want = [bits(loss) for loss in FEW]
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(bits, FEW * 2) == want * 2
"""
    said(start(tmp_path, body, LOSSKIT_NUM_THREADS="2"))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_workers_compute_the_same(tmp_path, backend):
    pytest.importorskip("joblib")
    body = f"""
if __name__ == "__main__":
    import joblib
    want = [bits(loss) for loss in FEW]
    assert joblib.Parallel(n_jobs=2, backend="{backend}")(joblib.delayed(bits)(loss) for loss in FEW * 2) == want * 2
"""
    said(start(tmp_path, body, LOSSKIT_NUM_THREADS="2"))


def test_workers_use_one_thread(tmp_path):
    body = """
from losskit.kernels.run import thread_count
assert thread_count() == 3
inside = []
t = threading.Thread(target=lambda: inside.append(thread_count())); t.start(); t.join()
assert inside == [1]
"""
    said(start(tmp_path, body, LOSSKIT_NUM_THREADS="3"))
