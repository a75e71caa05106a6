"""Losses are found by name, by family and by trait; nothing is listed by hand."""

from __future__ import annotations

import pickle

import pytest

import losskit as lk
from losskit.base import Evaluated
from losskit.errors import nearest
from losskit.registry import family_of, losses

FIRST_SIXTEEN = {
    "SquaredError",
    "AbsoluteError",
    "Huber",
    "PseudoHuber",
    "LogCosh",
    "Quantile",
    "Expectile",
    "Tukey",
    "Poisson",
    "Gamma",
    "Tweedie",
    "Logistic",
    "BinaryCrossEntropy",
    "Hinge",
    "SquaredHinge",
    "BinaryFocal",
}


def test_the_registry_holds_the_catalogue_and_the_door_offers_it():
    assert set(losses()) >= FIRST_SIXTEEN
    for name, cls in losses().items():
        assert cls.__name__ == name
        assert getattr(lk, name) is cls
        assert pickle.loads(pickle.dumps(cls)) is cls


@pytest.mark.parametrize("name", ["huber", "Huber", "HUBER", "hu_ber", " huber "])
def test_get_takes_any_spelling_of_case_and_underscores(name):
    assert lk.get(name, delta=1.35) == lk.Huber(1.35)


@pytest.mark.parametrize("name", losses())
def test_every_loss_is_found_by_its_name(name):
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    assert lk.get(name) == lk.get(snake) == losses()[name]()


def test_no_two_losses_share_a_plain_name():
    assert len({name.lower() for name in losses()}) == len(losses())


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("hubber", "did you mean Huber"),
        ("logistics", "Logistic"),
        ("xyzzy", "known: "),
        ("", "known: "),
        (None, "by its name"),
        (7, "by its name"),
    ],
)
def test_a_wrong_name_gets_a_hint(wrong, hint):
    with pytest.raises(lk.ParameterError, match=f"there is no loss {wrong!r}; .*{hint}"):
        lk.get(wrong)


def test_get_checks_parameters_as_the_class_does():
    with pytest.raises(lk.ParameterError, match=r"Huber needs delta > 0"):
        lk.get("huber", delta=-1)
    with pytest.raises(lk.ParameterError, match=r"SquaredError has no parameter 'delta'"):
        lk.get("squared_error", delta=1)


def test_get_lists_the_parameters_of_a_loss_and_nothing_else():
    with pytest.raises(lk.ParameterError, match=r"has no parameter 'd'; its parameters: delta$"):
        lk.get("huber", d=1)
    with pytest.raises(lk.ParameterError, match=r"has no parameter 'd'; its parameters: none$"):
        lk.get("squared_error", d=1)
    with pytest.raises(lk.ParameterError, match=r"has no parameter 'variables'"):
        lk.get("huber", variables=("m",))


def test_families_are_the_files_of_the_catalogue():
    families = {family_of(cls) for cls in losses(Evaluated).values()}
    assert families >= {"regression", "counts", "binary"}
    together = [cls for family in families for cls in lk.find_losses(family)]
    assert sorted(together, key=str) == sorted(losses(Evaluated).values(), key=str)


def test_find_losses_judges_at_default_parameters():
    for cls in losses(Evaluated).values():
        known = cls().traits()
        assert (cls in lk.find_losses(convex=True)) == (known.convex is True)
        assert (cls in lk.find_losses(convex=False)) == (known.convex is False)
        assert (cls in lk.find_losses(elicits="mean")) == (known.elicits == "mean")
    assert lk.find_losses(family="regression", convex=False) == []
    assert {lk.Tukey, lk.Cauchy} <= set(lk.find_losses(family="robust", convex=False))


def test_unknown_is_not_false():
    silent = [cls for cls in losses().values() if cls().traits().lipschitz is None]
    assert not set(silent) & {*lk.find_losses(lipschitz=False), *lk.find_losses(lipschitz=True)}


def test_a_bound_asked_for_by_true_is_a_finite_one():
    bounded = lk.find_losses(lipschitz=True)
    assert {lk.AbsoluteError, lk.Huber, lk.Logistic} <= set(bounded)
    assert lk.SquaredError not in bounded
    assert lk.SquaredError in lk.find_losses(lipschitz=False)


def test_strong_asked_for_by_true_means_strongly_convex():
    assert lk.AbsoluteError not in lk.find_losses(strong=True)
    assert lk.SquaredError in lk.find_losses(strong=True)


def test_find_losses_refuses_what_it_does_not_know():
    with pytest.raises(lk.ParameterError, match=r"no family 'ranking'; families: binary, counts, .*regression"):
        lk.find_losses("ranking")
    with pytest.raises(lk.ParameterError, match="no trait 'smooth'; traits: convex"):
        lk.find_losses(smooth=True)


def test_a_hint_names_the_nearest():
    assert nearest("pseudohubr", losses()).startswith("did you mean")
    assert "PseudoHuber" in nearest("pseudohubr", losses())
