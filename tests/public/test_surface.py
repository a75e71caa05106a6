"""The public surface: what the door offers, how it is documented, and that losses are values."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import losskit as lk
from losskit.domains import Domain
from losskit.parameters import parameter_domains
from losskit.registry import losses

SNAPSHOT = Path(__file__).parent / "snapshots" / "signatures.json"
ERRORS = (
    "CacheWarning",
    "CapabilityError",
    "CheckFailed",
    "ConvergenceWarning",
    "DataError",
    "DomainError",
    "FormulaError",
    "LosskitError",
    "MissingExtra",
    "ModelFileError",
    "ParameterError",
    "ShapeError",
)


def public() -> dict[str, object]:
    return {name: getattr(lk, name) for name in lk.__all__}


def offered() -> dict[str, object]:
    """The names that are not modules."""
    return {n: t for n, t in public().items() if not isinstance(t, types.ModuleType) and n != "__version__"}


def test_all_is_sorted_and_every_name_resolves():
    assert list(lk.__all__) == sorted(set(lk.__all__))
    assert set(public()) >= {*losses(), *ERRORS, "__version__", "get", "find_losses", "Loss", "Partial", "Traits"}
    assert dir(lk) == list(lk.__all__)


def test_the_door_offers_no_modules():
    code = (
        "import losskit; before = list(losskit.__all__); import losskit.evaluate, losskit.kernels.run; "
        "print([n for n in dir(losskit) if type(getattr(losskit, n)).__name__ == 'module'], before == dir(losskit))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


def test_star_brings_all_and_nothing_else():
    space: dict[str, object] = {}
    exec("from losskit import *", space)
    space.pop("__builtins__")
    assert sorted(space) == list(lk.__all__)


@pytest.mark.parametrize("name", ["huber", "Hubber", "torch", "_private", "Domain", "__wrapped__", ""])
def test_an_unknown_name_is_an_attribute_error(name):
    assert not hasattr(lk, name)
    with pytest.raises(AttributeError, match=f"module 'losskit' has no attribute '{name}'"):
        getattr(lk, name)


@pytest.mark.parametrize("name", sorted(offered()))
def test_every_public_thing_has_a_docstring(name):
    thing = offered()[name]
    said = inspect.getdoc(thing) or ""
    assert len(said) > 20
    assert said.splitlines()[0].endswith((".", ":"))
    if dataclasses.is_dataclass(thing):
        assert not said.startswith(f"{name}(")  # what dataclass writes where nobody did


def methods() -> dict[str, object]:
    return {
        name: f
        for name, f in inspect.getmembers(lk.Pointwise, inspect.isfunction)
        if name[0] != "_" or name == "__call__"
    }


@pytest.mark.parametrize("name", sorted(methods()))
def test_every_public_method_has_a_docstring(name):
    assert (inspect.getdoc(methods()[name]) or "").strip().endswith((".", "Error", '"none"'))


def test_functions_of_the_door_say_what_they_take_or_raise():
    for name, thing in offered().items():
        if inspect.isfunction(thing) and inspect.signature(thing).parameters:
            assert "\n---" in inspect.getdoc(thing), name


@pytest.mark.parametrize("cls", losses().values(), ids=lambda c: c.__name__)
def test_every_loss_says_what_it_is_where_it_is_from_and_when_to_use_it(cls):
    assert inspect.getdoc(cls).endswith(".")
    assert len(inspect.getdoc(cls).splitlines()) <= 3
    for text in (cls.source, cls.use, cls.avoid):
        assert len(text) > 15
    assert any(c.isdigit() for c in cls.source)


def signatures() -> dict[str, str]:
    found = {}
    for name, thing in offered().items():
        if inspect.isclass(thing) and issubclass(thing, BaseException):
            found[name] = " <- ".join(b.__name__ for b in thing.__mro__[1:-1])
        elif callable(thing):
            found[name] = str(inspect.signature(thing))
    return found | {f"Pointwise.{name}": str(inspect.signature(f)) for name, f in methods().items()}


def test_signatures_change_only_on_purpose():
    now = signatures()
    if os.environ.get("LOSSKIT_SNAPSHOTS") == "write":
        SNAPSHOT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    assert now == json.loads(SNAPSHOT.read_text()), "run with LOSSKIT_SNAPSHOTS=write if this is meant"


# -- losses are values


def _some() -> list[lk.Pointwise]:
    return [
        *(cls() for cls in losses().values()),
        lk.Huber(1.35),
        lk.Huber("auto"),
        lk.Tukey("auto"),
        lk.BinaryFocal(0.5, 0.25),
        lk.Tweedie(0),
        lk.Quantile(1e-9),
    ]


some_loss = pytest.mark.parametrize("loss", _some(), ids=repr)


@some_loss
def test_a_loss_prints_as_typed_and_reads_back(loss):
    assert eval(repr(loss), {name: getattr(lk, name) for name in losses()}) == loss


@some_loss
def test_a_loss_is_equal_by_value_hashable_copyable_and_picklable(loss):
    twin = type(loss)(**loss.parameters)
    assert (twin == loss, hash(twin) == hash(loss), twin is loss) == (True, True, False)
    for copied in (
        copy.copy(loss),
        copy.deepcopy(loss),
        dataclasses.replace(loss),
        *(pickle.loads(pickle.dumps(loss, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert (copied == loss, type(copied)) == (True, type(loss))
        assert repr(copied) == repr(loss)


def test_a_loss_that_has_been_called_still_pickles_to_itself():
    loss = lk.Huber(2.0)
    loss([1.0], [2.0])
    assert pickle.dumps(loss) == pickle.dumps(lk.Huber(2.0))
    assert (loss == lk.Huber(2.0), hash(loss) == hash(lk.Huber(2.0))) == (True, True)


@pytest.mark.parametrize("name", ["delta", "domain", "anything"])
def test_a_loss_is_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(lk.Huber(), name, 2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del lk.Huber().delta


def test_losses_differ_by_class_and_by_parameter():
    assert len(set(_some())) == len(_some())
    assert lk.Huber(1) == lk.Huber(1.0) == lk.Huber(np.int64(1)) == lk.Huber(np.float32(1)) != lk.Huber("auto")
    assert lk.Huber() != lk.PseudoHuber() != 1.0


def test_parameters_become_python_floats():
    for value in (2, 2.0, np.float64(2), np.float32(2), np.float16(2), np.int8(2), np.uint64(2)):
        assert type(lk.Huber(value).delta) is float
        assert lk.Huber(value).delta == 2.0


PARAMETERS = [
    pytest.param(cls, field.name, id=f"{name}.{field.name}")
    for name, cls in losses().items()
    for field in dataclasses.fields(cls)
]


@pytest.mark.parametrize(("cls", "name"), PARAMETERS)
@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        -1.0,
        -1e-300,
        True,
        np.False_,
        "x",
        "",
        b"1",
        1j,
        [1.0],
        (1.0,),
        np.ones(1),
        Ellipsis,
    ],
    ids=repr,
)
def test_every_parameter_refuses_what_lies_outside_its_domain(cls, name, value):
    if type(value) is float and parameter_domains(cls)[name][0].contains(value):
        return
    with pytest.raises(lk.ParameterError, match=rf"{cls.__name__} needs .*{name}.*; got {name}="):
        cls(**{name: value})


@pytest.mark.parametrize(("cls", "name"), PARAMETERS)
def test_every_parameter_takes_samples_of_its_domain(cls, name):
    domain = parameter_domains(cls)[name][0]
    assert isinstance(domain, Domain)
    for value in domain.sample(np.random.default_rng(0), 50):
        others = {}
        if "__post_init__" in vars(cls):  # an order among several parameters: all move with this one
            others = {other: default * value / getattr(cls(), name) for other, default in cls().parameters.items()}
        assert getattr(cls(**others | {name: value}), name) == value


def test_parameters_with_an_order_are_refused_out_of_order():
    for wrong in ((3, 2, 8), (2, 4, 4), (2, 9, 8)):
        with pytest.raises(lk.ParameterError, match="Hampel needs a <= b < c; got a="):
            lk.Hampel(*wrong)
    assert lk.Hampel(2, 2, 3).b == 2
    closed = lk.Hampel("auto", "auto", "auto").resolve([1.0, 2.0, 4.0, 8.0, 100.0])
    assert closed.a * 4 == pytest.approx(closed.c)
    with pytest.raises(lk.ParameterError, match="a <= b < c"):
        lk.Hampel("auto", 2.0, 3.0).resolve([1.0, 2.0, 4.0, 8.0, 100.0])


def test_a_foreign_keyword_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        lk.Huber(width=2)


def test_the_error_tree_is_the_one_drawn():
    from losskit import errors

    for name in ERRORS:
        thing = getattr(lk, name)
        assert thing is getattr(errors, name)
        base = UserWarning if name.endswith("Warning") else lk.LosskitError
        assert issubclass(thing, base)
        line = next(line for line in errors.__doc__.splitlines() if name in line)
        if "(" in line:
            assert issubclass(thing, {c.__name__: c for c in thing.__mro__}[line.partition("(")[2].partition(")")[0]])


def test_latex_and_traits_need_no_data():
    for loss in (cls() for cls in losses().values()):
        assert isinstance(loss.traits(), lk.Traits)
        for of in ("value", "gradient", "hessian"):
            assert loss.latex(of)


def test_a_bound_that_hangs_on_an_open_parameter_is_unknown():
    assert lk.Tukey("auto").traits().lipschitz is None
    assert lk.Huber("auto").traits().convex is True
