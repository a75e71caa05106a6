"""Losses in Keras 3, on its torch, JAX and TensorFlow backends. Tested with Keras 3.15."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from keras.src.backend import get_keras_mask  # under no public name; on JAX a mask is no attribute

from losskit.arrayforms import options
from losskit.base import Pointwise
from losskit.errors import CapabilityError, ParameterError
from losskit.expressions import is_known, read_loss
from losskit.registry import get, losses
from losskit.rowwise import Rowwise

_BACKENDS = ("torch", "jax", "tensorflow")
# what Keras calls our reductions; its own mean divides by the number of rows
_WORDS = {"mean": "mean_with_sample_weight", "sum": "sum", "none": "none", "mean_over_rows": "sum_over_batch_size"}


@keras.saving.register_keras_serializable(package="losskit", name="Loss")
class KerasLoss(keras.losses.Loss):
    """A loss for `compile(loss=...)`, `call(y_true, y_pred, sample_weight=None)`; see `loss.to_keras`."""

    def __init__(
        self, loss: Any, reduction: str = "mean", empty: str = "nan", name: str | None = None, dtype: Any = None
    ):
        options(reduction, empty)
        if (backend := keras.backend.backend()) not in _BACKENDS:
            raise CapabilityError(
                f"Keras runs on {backend}, for whose tensors losskit has no functions; set KERAS_BACKEND to one of "
                f"{', '.join(_BACKENDS)} before Keras is imported"
            )
        if isinstance(loss, Pointwise):
            loss._closed()
        super().__init__(name=name or type(loss).__name__.lower(), reduction=_WORDS[reduction], dtype=dtype)
        self.loss, self.given, self.empty, self._given_dtype = loss, reduction, empty, dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; a mask of `y_pred` leaves its rows out, as weight 0 does."""
        mask = get_keras_mask(y_pred)
        y, f = self._arrays(y_true, y_pred)
        w = None if sample_weight is None else ops.convert_to_tensor(sample_weight, dtype=self.dtype)
        if mask is not None:
            kept = ops.cast(mask, self.dtype)
            if w is not None:
                w = ops.expand_dims(w, -1) if len(w.shape) < len(kept.shape) else w
            w = kept if w is None else kept * w
        if w is not None and len(w.shape) == len(y.shape) - 1 and y.shape[-1] == 1:
            w = ops.expand_dims(w, -1)
        return self._reduced(y, f, w, self.given)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row."""
        return self._reduced(*self._arrays(y_true, y_pred), None, "none")

    def _reduced(self, y: Any, f: Any, w: Any, reduction: str) -> Any:
        if keras.backend.backend() != "tensorflow":
            return self.loss(y, f, w, reduction, empty=self.empty)
        from losskit.adapters import tensorflow

        return tensorflow.evaluate(self.loss, y, f, w, reduction, self.empty)

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Tensors; a last axis of one number, which Keras adds and drops at will, as the predictions have it."""
        f, y = ops.convert_to_tensor(y_pred, dtype=self.dtype), ops.convert_to_tensor(y_true)
        wanted = tuple(f.shape)
        if isinstance(axis := getattr(self.loss, "axis", None), int):
            wanted = wanted[: axis % len(wanted)] + wanted[axis % len(wanted) + 1 :]
        elif len(self.loss.outputs) > 1:
            wanted = wanted[:-1]
        if tuple(y.shape) == (*wanted, 1) or (*y.shape, 1) == wanted:
            y = ops.reshape(y, [-1 if n is None else n for n in wanted])
        return y, f

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes this of: the loss as it prints, or of many classes its name and parameters."""
        many = not isinstance(self.loss, Pointwise)
        if losses(Rowwise).get(type(self.loss).__name__) is not type(self.loss) if many else not is_known(self.loss):
            raise ParameterError(
                f"{self.loss!r} is a class of your own, which a saved model cannot name; write it with "
                "losskit.from_formula, whose text can be saved"
            )
        named: Any = {"name": type(self.loss).__name__, "parameters": self.loss.parameters} if many else repr(self.loss)
        given = {"reduction": self.given, "empty": self.empty, "name": self.name, "dtype": self._given_dtype}
        return {"loss": named, **given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasLoss:
        """The loss of a saved configuration; its text is read by an allow-list, never executed."""
        named = config["loss"]
        loss = read_loss(named) if isinstance(named, str) else get(named["name"], **named["parameters"])
        return cls(**{**config, "loss": loss})
