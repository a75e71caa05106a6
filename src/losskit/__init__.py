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
    "Box": "penalties",
    "BoostedClassifier": "boosted",
    "BoostedQuantiles": "boosted",
    "BoostedRegressor": "boosted",
    "Check": "checking.outcome",
    "Clipped": "combine",
    "Decomposition": "corp",
    "Divergence": "divergence",
    "ElasticNet": "penalties",
    "Equivalent": "crosswalk",
    "Findings": "selection.findings",
    "Focal": "combine",
    "Forecast": "forecast",
    "GroupDRO": "combine",
    "GroupLasso": "penalties",
    "HuberisedL1": "penalties",
    "Inference": "inference",
    "JointScale": "solvers.joint_scale",
    "L1": "penalties",
    "L2": "penalties",
    "LinearClassifier": "estimators",
    "LinearClassifierCV": "estimators",
    "LinearRegressor": "estimators",
    "LinearRegressorCV": "estimators",
    "LogSum": "penalties",
    "Loss": "base",
    "MCP": "penalties",
    "Margin": "base",
    "Multiple": "combine",
    "NegativeLogLikelihood": "likelihood",
    "NoPenalty": "penalties",
    "NoiseCorrected": "combine",
    "NuclearNorm": "penalties",
    "Partial": "partial",
    "Penalty": "penalties",
    "Pointwise": "base",
    "Positive": "penalties",
    "PriorAdjusted": "combine",
    "Residual": "base",
    "Rowwise": "rowwise",
    "SCAD": "penalties",
    "SLOPE": "penalties",
    "Scaled": "combine",
    "Selection": "selection.outcome",
    "Setwise": "setwise",
    "Smoothed": "combine",
    "SmoothedLabels": "combine",
    "Softmax": "softmax",
    "Solution": "solvers.minimise",
    "SolverCurves": "report.solver_curves",
    "SparseGroupLasso": "penalties",
    "Stream": "data.streams",
    "Sum": "combine",
    "TailRisk": "combine",
    "Tilted": "combine",
    "TopK": "combine",
    "TotalVariation": "penalties",
    "Traits": "traits",
    "Weighted": "combine",
    "check_loss": "checking.run",
    "compare_solvers": "report.solver_curves",
    "decomposition": "corp",
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
    elif name[:1].isupper() and name in (known := _catalogue()):
        value = known[name]
    else:
        raise AttributeError(f"module 'losskit' has no attribute {name!r}")
    globals()[name] = value
    return value


def _catalogue() -> dict[str, object]:
    from losskit.base import Evaluated
    from losskit.registry import losses

    return losses(Evaluated)


def __dir__() -> list[str]:
    return sorted({*_HERE, *_LAZY, *_catalogue()})
