"""A loss in other libraries' own forms: `to_torch` and kin, each made by that library's adapter."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from losskit.evaluate import Reduction


class Exports:
    """The methods by which every loss that can be evaluated is handed on."""

    def to_torch(
        self, reduction: Reduction = "mean", *, learn: str | tuple[str, ...] = (), empty: str = "nan",
        distributed: bool = False,
    ) -> Any:
        """This loss as a PyTorch module, called in torch's order: `module(input, target, weight=None)`.

        Tensors in the processor's memory go through the fused kernels, value and gradient in one pass; others through
        torch's own functions, as do torch.compile, torch.func and forward mode. It is differentiable twice by `input`.
        On a device no data is looked at: what would raise is nan there, and the module is best compiled.

        Parameters
        ----------
        reduction : {"mean", "sum", "none", "mean_over_rows"}
            As for a call: with weights "mean" divides by their sum, where torch's losses divide by the number of rows
            ("mean_over_rows").
        learn : str or tuple of str
            Parameters of the loss that are learned with the network's. They are kept as any real number, from which
            `module.learned(name)` makes one of the parameter's domain. Learn those of densities: a plain loss becomes
            least where its scale makes it 0.
        empty : {"nan", "zero", "raise"}
            The mean over no weight at all.
        distributed : bool
            Divide by this process's share of the weight of all processes, so that gradients averaged by
            DistributedDataParallel are those of the mean over all rows.

        Raises
        ------
        MissingExtra, ParameterError
        """
        names = (learn,) if isinstance(learn, str) else tuple(learn)
        return self._framework("torch").LossModule(self, reduction, names, empty, distributed)

    def to_jax(self, reduction: Reduction = "mean", *, empty: str = "nan") -> Any:
        """This loss as a function of JAX arrays in optax's order: `f(prediction, target, weight=None)`.

        It is pure, and differentiable twice by the prediction, forward and backward, by our own derivatives, under
        jit, vmap, grad and hessian. What it returns has the prediction's dtype; half precision is computed in float32.
        Under a transformation a row outside the domain is nan; called on arrays that hold data it raises.

        Parameters
        ----------
        reduction : {"mean", "sum", "none", "mean_over_rows"}
            As for a call.
        empty : {"nan", "zero", "raise"}
            The mean over no weight at all; "raise" is nan under a transformation.

        Raises
        ------
        MissingExtra, ParameterError
        """
        return self._framework("jax").function(self, reduction, empty)

    def to_keras(
        self, reduction: Reduction = "mean", *, empty: str = "nan", name: str | None = None, dtype: str | None = None
    ) -> Any:
        """This loss as a `keras.losses.Loss` for `compile(loss=...)`, on Keras's torch, JAX and TensorFlow backends.

        It is saved and loaded with a model. Sample weights and masks count as in a call: "mean" is sum(w L) / sum(w)
        over the rows that are not masked, where Keras divides by the number of rows ("mean_over_rows").

        Parameters
        ----------
        reduction : {"mean", "sum", "none", "mean_over_rows"}
            As for a call.
        empty : {"nan", "zero", "raise"}
            The mean over no weight at all; "raise" is nan on TensorFlow.
        name : str, optional
            By default the loss's own, in lower case.
        dtype : str, optional
            What predictions are cast to, by default Keras's `floatx`: "float64" for the digits of a double.

        Raises
        ------
        MissingExtra, ParameterError
        CapabilityError
            On another backend.
        """
        return self._framework("keras").KerasLoss(self, reduction, empty, name, dtype)

    def to_scorer(self, response_method: str | None = None) -> Any:
        """This loss as a scikit-learn scorer: minus the mean loss, so that greater is better.

        For regressors it takes `predict`, for classifiers `predict_proba`, and turns them into raw scores by the
        loss's link; losses whose link gives labels (Hinge) take `decision_function`. Labels of any kind are coded by
        the order of the estimator's `classes_`.

        Parameters
        ----------
        response_method : str, optional
            A method of the estimator whose numbers are taken as raw scores as they are.

        Returns
        -------
        callable
            `scorer(estimator, X, y, sample_weight=None)`, for cross_validate, GridSearchCV and kin.

        Raises
        ------
        CapabilityError, DomainError
            When scoring: if the estimator does not give what the loss needs, or y holds a class it does not know.
        """
        return adapter("sklearn").LossScorer(self, response_method)

    def to_lightgbm(self, *, intercept: Any = None, curvature: str = "auto") -> Any:
        """This loss as LightGBM's objective and metric, for training code of your own.

        ``lightgbm.train({"objective": objective}, data, feval=objective.metric)``, then
        ``objective.predict(booster.predict(X))``: scores start at the best constant, `objective.intercept`. A curvature
        is named as in `losskit.boosting`.
        """
        return self._to_booster("lightgbm", intercept=intercept, curvature=curvature)

    def to_xgboost(self, *, intercept: Any = None, curvature: str = "auto") -> Any:
        """This loss as XGBoost's objective and metric, for training code of your own, as `to_lightgbm`.

        ``xgboost.train(params, data, rounds, obj=objective, custom_metric=objective.metric)``, then
        ``objective.predict(booster.predict(data, output_margin=True))``.
        """
        return self._to_booster("xgboost", intercept=intercept, curvature=curvature)

    def to_catboost(
        self, y: Any = None, sample_weight: Any = None, *, intercept: Any = None, curvature: str = "auto"
    ) -> Any:
        """This loss as CatBoost's objective and metric, for training code of your own, as `to_lightgbm`.

        ``CatBoost({"loss_function": objective, "eval_metric": objective.metric})``, then
        ``objective.predict(model.predict(X))``. CatBoost shows an objective no whole: state the targets here.
        """
        return self._to_booster("catboost", y=y, sample_weight=sample_weight, intercept=intercept, curvature=curvature)

    def _to_booster(self, library: str, **options: Any) -> Any:
        return adapter(library).objective(self, **options)

    def _framework(self, library: str) -> ModuleType:
        """The adapter of a library that asks for a number a row."""
        return adapter(library)

    def _elsewhere(self, host: str, *call: Any) -> Any:
        """A call whose arrays belong to another library, by its adapter."""
        return adapter(host).evaluate(self, *call)



def adapter(name: str) -> ModuleType:
    """The adapter of a library, loaded when it is asked for."""
    from losskit import hosts

    return hosts.adapter(name)
