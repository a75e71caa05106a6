"""losskit: the loss function as a thing of its own. One formula per loss; everything else follows from it."""

from losskit._version import __version__
from losskit.errors import (
    CacheWarning,
    CapabilityError,
    CheckFailed,
    ConvergenceWarning,
    DataError,
    DomainError,
    FormulaError,
    LosskitError,
    MissingExtra,
    ModelFileError,
    ParameterError,
    ShapeError,
)

_LAZY = {
    "Asymmetric": "combine",
    "Check": "checking.outcome",
    "Clipped": "combine",
    "Equivalent": "crosswalk",
    "Findings": "selection.findings",
    "Focal": "combine",
    "JointScale": "solvers.joint_scale",
    "L2": "penalties",
    "LinearClassifier": "estimators",
    "LinearRegressor": "estimators",
    "Loss": "base",
    "Margin": "base",
    "Multiple": "combine",
    "NoPenalty": "penalties",
    "NoiseCorrected": "combine",
    "Partial": "base",
    "Pointwise": "base",
    "PriorAdjusted": "combine",
    "Residual": "base",
    "Scaled": "combine",
    "Selection": "selection.outcome",
    "Smoothed": "combine",
    "Solution": "solvers.minimise",
    "Sum": "combine",
    "Traits": "traits",
    "Weighted": "combine",
    "check_loss": "checking.run",
    "equivalent": "crosswalk",
    "find_losses": "registry",
    "from_config": "crosswalk",
    "from_formula": "own",
    "get": "registry",
    "loss": "own",
    "minimise": "solvers.minimise",
    "profile": "selection.findings",
    "select": "selection.run",
}
_HERE = {name for name, thing in globals().items() if isinstance(thing, type)} | {"__version__"}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _LAZY:
        value: object = getattr(import_module(f"losskit.{_LAZY[name]}"), name)
    elif name == "__all__":
        value = __dir__()
    elif name[:1].isupper() and name in (known := import_module("losskit.registry").losses()):
        value = known[name]
    else:
        raise AttributeError(f"module 'losskit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from losskit.registry import losses

    return sorted({*_HERE, *_LAZY, *losses()})
