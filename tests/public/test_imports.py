"""Imports point one way (DESIGN.md, 2), and importing losskit brings in nothing heavy or optional."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import losskit

ROOT = Path(losskit.__file__).parent

# lowest first; a room imports from rooms of lower rows, and within itself
LAYERS = [
    ("_version", "errors"),
    ("calculus",),
    ("domains", "links"),
    ("kernels",),
    ("border",),
    ("evaluate",),
    ("parameters", "partial", "reading", "traits", "tracing"),
    ("exports",),
    ("base",),
    ("rowwise",),
    ("softmax", "setwise"),
    ("divergence", "forecast"),
    ("arrayforms",),
    ("constants",),
    ("losses", "penalties", "combine", "corp"),
    ("registry",),
    ("own", "likelihood"),
    ("expressions", "labels"),
    ("crosswalk",),
    ("question",),
    ("data",),
    ("objectives",),
    ("solvers",),
    ("inference",),
    ("models",),
    ("estimators",),
    ("boosting",),
    ("adapters",),
    ("hosts",),
    ("boosted",),
    ("monitor", "engines"),
    ("selection",),
    ("checking", "sinks"),
    ("report",),
    ("bench",),
    ("cli",),
    ("__main__",),
]
EXCEPTIONS = {  # (module, module of a higher room): why; inside a function only
    ("base", "constants"): "loss.constant() and loss.resolve() are methods; the arithmetic lives apart",
    ("base", "combine"): "2 * loss and loss + loss are methods",
    ("base", "report.plots"): "loss.plot() is a method; matplotlib stays with the report",
    ("exports", "hosts"): "loss.to_torch() and kin load an adapter by name",
    ("models.trees", "hosts"): "a model file of trees loads its engine by name",
    ("border", "hosts"): "loss(tensor, tensor) loads an adapter by name",
    ("evaluate", "hosts"): "loss(tensor, tensor) loads an adapter by name",
    ("selection.outcome", "report.html"): "selection.to_html() is a method; the page is the report's",
    ("selection.outcome", "report.markdown"): "selection.to_markdown() is a method; the page is the report's",
}
OPTIONAL = (
    "torch",
    "jax",
    "keras",
    "xgboost",
    "catboost",
    "dask",
    "pyspark",
    "optuna",
    "mapie",
    "mlflow",
    "tensorboard",
    "lightgbm",
    "tensorflow",
    "polars",
    "pandas",
    "joblib",
)
MODULES = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in ROOT.rglob("*.py")}
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports(tree: ast.AST, package: str, inside: bool = False):
    """(module, whether inside a function) of every import that runs."""
    for node in ast.iter_child_nodes(tree):
        if _is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [node.module])]
                )
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole.removeprefix("losskit.") in MODULES else base, inside
        deeper = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from _imports(node, package, deeper)


def imports_of(module: str) -> list[tuple[str, bool]]:
    package = f"losskit.{module}" if MODULES[module].name == "__init__.py" else f"losskit.{module}".rpartition(".")[0]
    return list(_imports(ast.parse(MODULES[module].read_text(encoding="utf-8")), package))


def ours(module: str) -> list[tuple[str, bool]]:
    return [
        (name.removeprefix("losskit."), inside) for name, inside in imports_of(module) if name.startswith("losskit.")
    ]


inner = pytest.mark.parametrize("module", sorted(set(MODULES) - {"", "__init__"}))


def test_every_room_has_its_place_in_the_table():
    assert {m.partition(".")[0] for m in MODULES} - {"", "__init__"} <= set(RANK)


@inner
def test_imports_point_one_way(module):
    here = module.partition(".")[0]
    for name, inside in ours(module):
        there = name.partition(".")[0]
        if there == here or (inside and (module, name) in EXCEPTIONS):
            continue
        assert RANK[there] < RANK[here], f"{module} imports {name}"


@inner
def test_no_module_imports_the_public_door(module):
    assert here_allows(module) or "losskit" not in [name for name, _ in imports_of(module)]


def here_allows(module: str) -> bool:
    return module.partition(".")[0] in ("bench", "cli", "report")  # they speak as a user would


def test_no_two_modules_import_each_other():
    edges = {m: [n for n, _ in ours(m) if n in MODULES and (m, n) not in EXCEPTIONS] for m in MODULES if m}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a cycle: {' -> '.join((*path, module))}"
        if module not in done:
            for other in edges.get(module, []):
                visit(other, (*path, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def test_every_exception_is_still_in_use_or_planned():
    planned = {"hosts"}
    used = {(m, n) for m in MODULES if m for n, _ in ours(m)}
    assert {pair for pair in EXCEPTIONS if pair[1] not in planned} <= used


@inner
def test_an_optional_library_is_imported_by_the_module_named_after_it(module):
    for name, _ in imports_of(module):
        library = name.partition(".")[0]
        if library in OPTIONAL and not module.startswith("bench."):
            named = {library, {"pyspark": "spark"}.get(library)}
            assert named & set(module.split(".")[-2:]), f"{module} imports {name}"  # or by one in a folder so named


@inner
def test_numba_is_known_to_the_kernels_alone(module):
    if not module.startswith(("kernels.", "bench.")):
        assert "numba" not in {name.partition(".")[0] for name, _ in imports_of(module)}


@inner
def test_nothing_is_made_from_text_but_by_the_emitter(module):
    if module in ("calculus.emit", "kernels.compile"):
        return
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"eval", "exec", "compile", "__import__"}
    assert "pickle" not in {name for name, _ in imports_of(module)}


HEAVY = (
    "numba",
    "scipy",
    "torch",
    "jax",
    "keras",
    "xgboost",
    "lightgbm",
    "matplotlib",
    "sklearn",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "mpmath",
    "joblib",
    "cyclopts",
    "jinja2",
    "narwhals",
)


@pytest.mark.parametrize(
    "act",
    [
        "import losskit",
        "import losskit; losskit.Huber(delta=1.35)",
        "import losskit; dir(losskit); losskit.__all__",
        "import losskit; losskit.get('huber'); losskit.find_losses(convex=True); losskit.Tukey().latex()",
    ],
)
def test_importing_and_naming_losses_brings_in_nothing_heavy(act):
    code = f"{act}\nimport sys\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ, cwd="/"
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
