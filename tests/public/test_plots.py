"""Plots: three panels, jumps as jumps, files whole or not at all."""

import numpy as np
import pytest

import losskit as lk
from losskit.errors import DataError, DomainError
from losskit.registry import losses
from losskit.report import plain_text
from tests.families import EACH_OF_ONE_OUTPUT


def lines(figure, panel):
    return [line for line in figure.axes[panel].lines if len(line.get_xdata()) > 2]


@pytest.mark.parametrize("loss", EACH_OF_ONE_OUTPUT)
def test_three_labelled_panels_for_every_loss(loss):
    figure = loss.plot()
    assert [axes.get_title() for axes in figure.axes] == ["value", "gradient", "Hessian"]
    assert figure.get_suptitle().startswith(repr(loss))
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert np.isfinite(axes.get_ylim()).all()


def test_curves_are_the_loss():
    loss = lk.Huber(delta=2.0)
    figure = loss.plot()
    for panel, act in enumerate((loss, loss.gradient, loss.hessian)):
        x, drawn = (np.asarray(v) for v in lines(figure, panel)[0].get_data())
        seen = np.isfinite(drawn)
        np.testing.assert_allclose(act(np.zeros(seen.sum()), x[seen], reduction="none"), drawn[seen], rtol=1e-12)


def test_a_jump_is_a_gap_at_its_place():
    x, drawn = (np.asarray(v) for v in lines(lk.Hinge().plot(), 1)[0].get_data())
    gap = x[np.isnan(drawn)]
    assert gap.size == 1
    np.testing.assert_allclose(gap, 1.0, rtol=1e-12)
    inside = np.flatnonzero(np.isnan(drawn))[0]
    assert {drawn[inside - 1], drawn[inside + 1]} == {-1.0, 0.0}


def test_the_point_between_two_jumps_is_marked():
    dots = [line for line in lk.AbsoluteError().plot().axes[1].lines if line.get_marker() == "o"]
    assert [list(dots[0].get_xdata()), list(dots[0].get_ydata())] == [[0.0], [0.0]]


def test_smooth_curves_have_no_gaps():
    for loss in (lk.Logistic(), lk.PseudoHuber(), lk.Poisson(), lk.Tukey()):
        assert all(np.isfinite(line.get_ydata()).all() for panel in (0, 1, 2) for line in lines(loss.plot(), panel))


def test_y_asks_for_predictions_on_the_axis():
    figure = lk.SquaredError().plot(y=5.0)
    assert figure.axes[0].get_xlabel() == "prediction f"
    assert np.mean(figure.axes[0].get_xlim()) == pytest.approx(5.0)
    with pytest.raises(DomainError, match="y > 0"):
        lk.Gamma().plot(y=-1.0)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_writes_a_whole_file_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"loss.{ending}"
    lk.Huber("auto").plot(path=path)
    assert path.stat().st_size > 5000
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(DataError, match=r"\.png"):
        lk.Huber().plot(path=tmp_path / "loss.bmp")
    with pytest.raises(DataError, match="cannot write"):
        lk.Huber().plot(path=tmp_path / "missing" / "loss.png")


def test_no_pyplot_state():
    import sys

    lk.Huber().plot()
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(("tex", "text"), [
    (r"\frac{{r}^{2}}{2}", "r² / 2"),
    (r"{\left(\frac{r}{c}\right)}^{2}", "(r / c)²"),
    (r"{\delta}^{2} \, \frac{1}{\delta}", "delta² (1 / delta)"),
    (r"\sigma\left(-f\right)^{\gamma} \, f", "sigma(-f)^gamma f"),
    (r"\begin{cases} 1 & \text{if } r > 0 \\ 0 & \text{otherwise} \end{cases}", "1 if r > 0, else 0"),
    (r"2 \, \begin{cases} 1 & \text{if } r > 0 \\ 0 & \text{otherwise} \end{cases}", "2 [1 if r > 0, else 0]"),
])
def test_plain_text_of_latex(tex, text):
    assert plain_text(tex) == text


@pytest.mark.parametrize("loss", losses().values(), ids=losses())
def test_plain_text_holds_no_latex(loss):
    instance = loss()
    for of in ("value", "gradient", "hessian"):
        text = plain_text(instance.latex(of))
        assert not set(text) & set("\\{}&")
        assert text.count("(") == text.count(")")
