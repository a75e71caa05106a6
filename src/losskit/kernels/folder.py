"""The cache folder of generated kernels: the user's own, mode 0700, files created once and never rewritten.

`LOSSKIT_CACHE_DIR` names another folder. One that cannot be written, or that others can write, is not used: kernels
found there would run with the user's rights. A temporary folder takes its place, with a CacheWarning.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
import warnings
from functools import cache
from pathlib import Path

from losskit.errors import CacheWarning

_KEEP_DAYS = 60


def _user_folder() -> Path:
    chosen = os.environ.get("LOSSKIT_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "losskit" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "losskit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "losskit"


def _objection(folder: Path) -> str | None:
    """Why `folder` may not hold code that we will run, or None."""
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        return "it is not a folder"
    if hasattr(os, "geteuid"):
        if info.st_uid != os.geteuid():
            return f"it belongs to user {info.st_uid}, not to you"
        if info.st_mode & 0o022:
            return "others may write to it"
    return None if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"


@cache
def kernel_folder(fingerprint: str) -> Path:
    """The folder for kernels of this losskit, Numba and Python, made if need be; a temporary one if it must."""
    objection: str | None
    root: Path | str = os.environ.get("LOSSKIT_CACHE_DIR", "the home folder")
    try:
        root = _user_folder()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        objection = _objection(root)
        if objection is None:
            folder = root / f"kernels-{fingerprint}"
            new = not folder.exists()
            folder.mkdir(mode=0o700, exist_ok=True)
            objection = _objection(folder)
            if objection is None:
                if new:
                    _sweep(root, folder)
                return folder
    except (OSError, RuntimeError) as error:
        objection = str(error)
    warnings.warn(
        f"losskit cannot keep compiled kernels in {root}: {objection}. Using a temporary folder, so this process "
        "compiles again; set LOSSKIT_CACHE_DIR to a folder of your own to avoid that",
        CacheWarning,
        stacklevel=2,
    )
    return _temporary_folder()


def _temporary_folder() -> Path:
    """A folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="losskit-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _sweep(root: Path, current: Path) -> None:
    """Remove folders of other versions that nothing has used for long."""
    limit = time.time() - _KEEP_DAYS * 86400
    for other in root.glob("kernels-*"):
        if other != current and other.is_dir() and not other.is_symlink() and other.stat().st_mtime < limit:
            shutil.rmtree(other, ignore_errors=True)


def publish(folder: Path, name: str, content: bytes, *, same: bool = True) -> Path:
    """`folder/name` with exactly `content`, created at most once, also by several processes at a time.

    With `same=False` a file that is already there may hold other bytes, and stays.
    """
    path = folder / name
    if not path.exists():
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        except OSError:  # a file system without hard links
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    if same and (path.is_symlink() or path.read_bytes() != content):
        warnings.warn(f"{path} is not the kernel it should be; remove it", CacheWarning, stacklevel=2)
        return publish(_temporary_folder(), name, content)
    return path
