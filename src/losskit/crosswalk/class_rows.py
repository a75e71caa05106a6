"""The crosswalk's rows of losses of many classes; see `rows`. Of targets y, `one_hot(y)` are the shares of labels."""

from __future__ import annotations

from typing import Any

from losskit.crosswalk.row import Row
from losskit.domains import POSITIVE, Domain, Each
from losskit.losses.binary import Logistic

_ALONE: dict[str, Any] = {"axis": -1}
_LOGISTIC = {"loss": Logistic(), **_ALONE}
_PLAIN: dict[str, Any] = {
    "class_weight": None, "label_smoothing": 0.0, "smoothing": "all", "ignore_index": None, "mask": None,
    "temperature": 1.0, "z_loss": 0.0, **_ALONE,
}  # fmt: skip
_CLIPPED = "probabilities are divided by their sum and clipped at 1e-7; here a certain and wrong one costs infinity"
_SHARES: dict[str, Any] = {"on": "probabilities", **_ALONE}
_LOGS: dict[str, Any] = {"on": "log_probabilities", **_ALONE}


def _but(*free: str) -> dict[str, Any]:
    """What a plain cross-entropy's parameters must be, but for those named."""
    return {name: value for name, value in _PLAIN.items() if name not in free}


_TORCH_PLAIN: dict[str, Any] = {"label_smoothing": 0.0, "weight": None, "ignore_index": -100}
TORCH = (
    Row("SoftmaxCrossEntropy", "torch.nn.CrossEntropyLoss(label_smoothing={label_smoothing})", only=_but(
        "label_smoothing"), also=("cross_entropy",), **_TORCH_PLAIN, note="rows of label -100 are left out; the "
        "gradient of a sure prediction loses its digits, p - 1"),
    Row("SoftmaxCrossEntropy", "torch.nn.CrossEntropyLoss(ignore_index={ignore_index}, label_smoothing="
        "{label_smoothing})", only=_but("label_smoothing", "ignore_index") | {"ignore_index": Domain(whole=True)},
        **_TORCH_PLAIN),
    Row("SoftmaxCrossEntropy", "torch.nn.CrossEntropyLoss(weight=torch.tensor({class_weight}))", only=_but(
        "class_weight") | {"class_weight": Each(POSITIVE)}, **_TORCH_PLAIN, must={"weight": "without it, see above"},
        note="the mean is over the weights of the rows' labels, as here; with shares it is over the number of rows"),
    Row("WestonWatkins", "torch.nn.MultiMarginLoss()", only=_ALONE, per_class=True, p=1, margin=1.0, weight=None,
        also=("multi_margin_loss",)),
    Row("MultilabelSoftMargin", "torch.nn.MultiLabelSoftMarginLoss()", call="(f, one_hot(y))", only=_ALONE, weight=None,
        also=("multilabel_soft_margin_loss",)),
    Row("KL", 'torch.nn.KLDivLoss(reduction="batchmean")', call="(f, one_hot(y))", reduction="batchmean", only=_LOGS,
        also=("kl_div",), log_target=False, note="reduction \"mean\" divides by the number of shares"),
)
KERAS = (
    Row("SoftmaxCrossEntropy", "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing="
        "{label_smoothing})", call="(one_hot(y), f)", only=_but("label_smoothing"), from_logits=False,
        label_smoothing=0.0, axis=-1),
    Row("SoftmaxCrossEntropy", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)", only=_PLAIN,
        from_logits=False, ignore_class=None, axis=-1),
    Row("CategoricalCrossEntropy", "keras.losses.CategoricalCrossentropy()", call="(one_hot(y), f)", only=_ALONE,
        from_logits=False, label_smoothing=0.0, axis=-1, note=_CLIPPED),
    Row("CategoricalCrossEntropy", "keras.losses.SparseCategoricalCrossentropy()", only=_ALONE, from_logits=False,
        ignore_class=None, axis=-1, note=_CLIPPED),
    Row("FocalSoftmax", "keras.losses.CategoricalFocalCrossentropy(gamma={gamma}, from_logits=True)", 0.25,
        call="(one_hot(y), f)", only=_ALONE, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1,
        note="alpha counts every class alike; probabilities are clipped at 1e-7"),
    Row("KL", "keras.losses.KLDivergence()", call="(one_hot(y), f)", only=_SHARES, note="shares are clipped at 1e-7"),
)
OPTAX = (
    Row("SoftmaxCrossEntropy", "optax.losses.softmax_cross_entropy_with_integer_labels(f, y)", only=_PLAIN,
        note="a label that is none is not refused: it wraps, or gives nan"),
    Row("SoftmaxCrossEntropy", "optax.losses.softmax_cross_entropy(f, one_hot(y))", only=_PLAIN,
        note="a share of 0 at a score of minus infinity gives nan"),
    Row("PolySoftmax", "optax.losses.poly_loss_cross_entropy(f, one_hot(y), epsilon={epsilon})", only=_ALONE,
        epsilon=2.0),
    Row("KL", "optax.losses.kl_divergence(f, one_hot(y))", only=_LOGS),
)
SCIPY = (
    Row("KL", "scipy.special.rel_entr(one_hot(y), f).sum(-1)", only=_SHARES, note="P = Q is 0 to rounding alone"),
    Row("KL", "scipy.special.kl_div(one_hot(y), f).sum(-1)", only={**_SHARES, "on": "masses"}),
    Row("JensenShannon", "scipy.spatial.distance.jensenshannon(one_hot(y).T, f.T) ** 2", only=_SHARES,
        note="theirs is the root of the divergence; shares are divided by their sum"),
)
SKLEARN = (
    Row("SoftmaxCrossEntropy", 'sklearn.ensemble.HistGradientBoostingClassifier(loss="log_loss")', only=_PLAIN,
        also=("HalfMultinomialLoss",), note="HalfMultinomialLoss inside, for three classes or more"),
    Row("CategoricalCrossEntropy", "sklearn.metrics.log_loss(y, f)", only=_ALONE, reduction="mean",
        note="predicted probabilities are clipped; here a certain and wrong one costs infinity"),
)
XGBOOST = (
    Row("SoftmaxCrossEntropy", 'xgboost.XGBClassifier(objective="multi:softprob")', only=_PLAIN,
        also=("multi:softmax",), note="the Hessian is 2 p (1 - p), at least 1e-16"),
)
LIGHTGBM = (
    Row("SoftmaxCrossEntropy", 'lightgbm.LGBMClassifier(objective="multiclass")', only=_PLAIN, also=("softmax",),
        note="the Hessian is k / (k - 1) p (1 - p)"),
)
CATBOOST = (
    Row("SoftmaxCrossEntropy", 'catboost.CatBoostClassifier(loss_function="MultiClass")', only=_PLAIN),
    Row("OneVsRest", 'catboost.CatBoostClassifier(loss_function="MultiClassOneVsAll")', only=_LOGISTIC, per_class=True),
)
