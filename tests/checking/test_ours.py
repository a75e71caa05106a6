"""Nothing is found on any loss of ours."""

import pytest

import losskit as lk
from losskit.registry import losses
from tests.families import EACH_NAME


@pytest.mark.parametrize("name", EACH_NAME)
def test_nothing_is_found_on_ours(name):
    found = lk.check_loss(losses()[name])
    assert found.ok, str(found)
    assert found.library == "losskit"


@pytest.mark.parametrize(
    "loss",
    [lk.Huber("auto"), lk.Quantile(0.9), lk.Tweedie(3), lk.Tweedie(0), lk.Tukey(0.1), lk.BinaryFocal(0.5, 0.25)],
    ids=repr,
)
def test_nothing_is_found_at_other_parameters(loss):
    found = lk.check_loss(loss)
    assert found.ok, str(found)


def test_a_wrong_claim_about_ours_is_refuted():
    assert lk.check_loss(lk.Tukey(), claims={"convex": True}).codes == ("LK017",)
