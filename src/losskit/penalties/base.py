"""Penalty: a frozen value, as a loss is, whose parameters are annotated with their domains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, dataclass_transform

import numpy as np

from losskit.errors import ParameterError
from losskit.parameters import parameter_domains

Array = np.ndarray


@dataclass_transform(frozen_default=True)
class Penalty:
    """Base of every penalty. The objective is sum(w L) / sum(w) + penalty(coef).

    A subclass annotates its parameters with domains and writes the methods below; it becomes a frozen dataclass by
    itself. All of them take the coefficients in the user's own units, without the intercept.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclass(frozen=True)(cls)

    def __post_init__(self) -> None:
        for name, (domain, _) in parameter_domains(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
            if not number or not domain.contains(float(value)):
                raise ParameterError(f"{type(self).__name__} needs {domain.describe(name)}; got {name}={value!r}")
            object.__setattr__(self, name, float(value))

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name, in the order of the signature."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @property
    def strong(self) -> float:
        """The largest m for which penalty(coef) - m/2 ||coef||^2 is convex."""
        raise NotImplementedError

    def value(self, coef: Array) -> float:
        """The penalty of these coefficients."""
        raise NotImplementedError

    def gradient(self, coef: Array) -> Array:
        """Its derivative by each coefficient."""
        raise NotImplementedError

    def hessian_diagonal(self, coef: Array) -> Array:
        """Its second derivative by each coefficient; the mixed ones are 0."""
        raise NotImplementedError

    def conjugate(self, slope: Array) -> float:
        """The largest slope @ coef - penalty(coef) over all coefficients: what a dual bound pays."""
        raise NotImplementedError
