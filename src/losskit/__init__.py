"""losskit: the loss function as a thing of its own. One formula per loss; everything else follows from it."""

from losskit._version import __version__
from losskit.errors import (
    CacheWarning,
    CapabilityError,
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
    "Loss": "base", "Margin": "base", "Partial": "base", "Pointwise": "base", "Residual": "base", "Traits": "base",
    "find_losses": "registry", "get": "registry",
}


def __getattr__(name: str) -> object:
    import importlib

    if name in _LAZY:
        value = getattr(importlib.import_module(f"losskit.{_LAZY[name]}"), name)
    elif name == "__all__":
        value = __dir__()
    elif name[:1].isupper() and name in (known := importlib.import_module("losskit.registry").losses()):
        value = known[name]
    else:
        raise AttributeError(f"module 'losskit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from losskit.registry import losses

    public = [name for name in globals() if name[0] != "_"]
    return sorted({*public, *_LAZY, *losses(), "__version__"} - {"base", "registry", "errors"})
