"""Model files: one JSON document and raw arrays, read without trust. Also whole-or-nothing writing for every file.

Layout
    b"LOSSKIT1\\n"              the format; the digit rises when this layout changes
    8 bytes, little-endian      length of the JSON document
    32 bytes                    sha256 of the JSON document
    the JSON document           {"schema": "losskit.model/1", "versions": {...}, "payload": {...}, "arrays": {...}}
    the arrays                  little-endian, C order, one after the other without gaps, to the end of the file

"arrays" gives for each name its dtype (from a short list), shape, offset (from the end of the JSON), nbytes and sha256.
Every byte is thus covered by a check. Nothing is allocated before its size was compared with the file's, nothing is
looked up by class name, nothing is unpickled, and there is no second loader to fall back on. The checksums find
damage; they do not prove who wrote the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from losskit._version import __version__
from losskit.errors import DataError, ModelFileError

_MAGIC = b"LOSSKIT1\n"
_HEAD = len(_MAGIC) + 8 + 32
_FAMILY, _VERSION = "losskit.model", 1
_DTYPES = ("<f8", "<f4", "<i8", "<i4", "|u1", "|b1")
_DOCUMENT = ("schema", "versions", "payload", "arrays")
_ENTRY = ("dtype", "shape", "offset", "nbytes", "sha256")
_DEPTH = 100
_AGAIN = "copy or write the file again"


def save(
    path: str | os.PathLike[str],
    payload: dict[str, Any],
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    force: bool = False,
) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    path : path of the file
    payload : dict
        Plain JSON types: dict with str keys, list, str, int, finite float, bool, None.
    arrays : mapping of names to arrays, optional
        float64, float32, int64, int32, uint8 or bool; nan and inf are allowed.
    force : bool
        Replace an existing file.

    Raises
    ------
    ModelFileError
        If payload or arrays hold what a model file cannot.
    DataError
        If the path cannot be written.
    """
    entries, body = _describe(arrays or {})
    versions = {"losskit": __version__, "numpy": np.__version__}
    parts = (f"{_FAMILY}/{_VERSION}", versions, payload, entries)
    document = to_json(dict(zip(_DOCUMENT, parts, strict=True))).encode()
    head = _MAGIC + len(document).to_bytes(8, "little") + hashlib.sha256(document).digest()
    atomic_write(path, head + document + body, force=force)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a model file.

    Returns
    -------
    payload : dict
    arrays : dict of numpy.ndarray
        Writable, in native byte order.

    Raises
    ------
    ModelFileError
        If the file is missing, no model, cut short, changed or from a newer losskit.
    """
    path = Path(path)
    if not path.is_file():
        what = "is no regular file" if path.exists() else "does not exist"
        raise ModelFileError(f"{path} {what}; name the file that was saved")
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size, str(path))
    except OSError as e:
        raise ModelFileError(f"{path} cannot be read ({e})") from e


def check_schema(payload: dict[str, Any], wanted: str, where: str, *, by: str = "losskit fit or select") -> None:
    """Raise ModelFileError unless the payload is of the schema wanted, saying whether it is older, newer or foreign.

    `by` is what writes such files.
    """
    given = payload.get("schema")
    if given == wanted:
        return
    (family, _, version), (own, _, known) = (str(each).rpartition("/") for each in (given, wanted))
    cure = f"name a file that {by} wrote"
    if family == own and version.isdecimal():
        newer = int(version[:9]) > int(known)
        cure = "it is from a newer losskit: update losskit" if newer else "it is from an older losskit: fit it again"
    raise ModelFileError(f"{where}: schema {given!r:.60}, and this losskit reads {wanted!r}; {cure}")


def refuse_existing(*paths: str | os.PathLike[str] | None, force: bool) -> None:
    """Raise DataError for a file that is there already, before any work is done for it."""
    for path in paths:
        if path is not None and not force and os.path.exists(path):
            raise DataError(f"{path} exists; choose another name, or replace it with force=True (--force)")


def atomic_write(path: str | os.PathLike[str], data: bytes | str, *, force: bool = False) -> None:
    """`atomic_file` for what is written at once; text as UTF-8."""
    try:
        content = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as e:
        raise DataError(f"{path}: a lone surrogate in the text, at {e.start}; remove it") from None
    with atomic_file(path, force=force) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[BinaryIO]:
    """Write a file, whole or not at all: a crash or Ctrl-C leaves the old file, or none, and no other.

    Parameters
    ----------
    path : path of the file
        A link is followed.
    force : bool
        Replace an existing file.

    Raises
    ------
    DataError
        If the file exists and `force` is False, or the path cannot be written.
    """
    shown, target = str(path), Path(os.path.realpath(path))
    taken = DataError(f"{shown} exists; choose another name, or replace it with force=True (--force)")
    temporary = target.parent / f".losskit-{secrets.token_hex(8)}.tmp"
    try:
        if target.exists() and not target.is_file():
            raise DataError(f"{shown} is no regular file; name a file to write")
        if target.exists() and not force:
            raise taken
        with _created(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force or not _link(temporary, target):
            os.replace(temporary, target)
        _sync_folder(target.parent)
    except FileExistsError:
        raise taken from None
    except OSError as e:
        raise DataError(f"{shown} cannot be written ({e.strerror}); check the folder, its space and permissions") from e
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON as ASCII text of plain types only: what cannot be read back equal is refused, naming where it is.

    Raises
    ------
    ModelFileError
        For nan or inf, keys that are not str, tuples, arrays, NumPy integers and other objects.
    """
    _check_plain(value, "", 0)
    separators = (",", ":") if indent is None else None
    return json.dumps(value, allow_nan=False, ensure_ascii=True, indent=indent, separators=separators)


def _describe(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """The entries of the arrays and their bytes."""
    entries: dict[str, dict[str, Any]] = {}
    chunks: list[bytes] = []
    offset = 0
    for name, values in arrays.items():
        array = np.asarray(values)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _DTYPES:
            raise ModelFileError(f"array {name!r} is {array.dtype}; a model file holds {', '.join(_DTYPES)}")
        chunks.append(array.tobytes())
        size, digest = len(chunks[-1]), hashlib.sha256(chunks[-1]).hexdigest()
        described = (array.dtype.str, list(array.shape), offset, size, digest)
        entries[name] = dict(zip(_ENTRY, described, strict=True))
        offset += size
    return entries, b"".join(chunks)


def _check_plain(value: Any, where: str, depth: int) -> None:
    at = where or "the top"
    if depth > _DEPTH:
        raise ModelFileError(f"JSON nested deeper than {_DEPTH} at {at[:80]}; flatten it")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelFileError(f"{value} at {at}: JSON has no nan or inf; store it in an array, or None")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ModelFileError(f"an integer beyond 64 bits at {at}; store it as text")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ModelFileError(f"the key {key!r} at {at} is a {type(key).__name__}; JSON keys are text")
            _check_plain(item, f"{where}.{key}" if where else key, depth + 1)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_plain(item, f"{where}[{i}]", depth + 1)
    elif not (value is None or isinstance(value, (bool, int, float, str))):
        raise ModelFileError(f"a {type(value).__name__} at {at}; JSON takes dict, list, str, int, float, bool and None")


def _read(file: BufferedReader, size: int, source: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    head = file.read(_HEAD)
    if not head.startswith(_MAGIC):
        raise ModelFileError(f"{source}: {_foreign(head)}")
    if len(head) < _HEAD:
        raise ModelFileError(f"{source} is cut short: {size} bytes, and the head alone has {_HEAD}; {_AGAIN}")
    length = int.from_bytes(head[len(_MAGIC) : len(_MAGIC) + 8], "little")
    if length > size - _HEAD:
        raise ModelFileError(f"{source} is cut short: {size} of at least {_HEAD + length} bytes are there; {_AGAIN}")
    document = file.read(length)
    if hashlib.sha256(document).digest() != head[-32:]:
        raise ModelFileError(f"{source} is damaged: the checksum of its description does not fit; {_AGAIN}")
    content = _parse(document, source)
    _check_entries(content["arrays"], size - _HEAD - length, source)
    return content["payload"], {name: _array(file, name, e, source) for name, e in content["arrays"].items()}


def _foreign(head: bytes) -> str:
    if head.startswith(_MAGIC[:7]) and head[8:9] == b"\n" and head[7:8].isdigit():
        return f"model format {head[7:8].decode()}; this losskit reads format {_VERSION}: update losskit"
    if not head:
        return "the file is empty; save the model again"
    kinds = {b"\x80": "a pickle", b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "a gzip file", b"{": "JSON"}
    kind = next((f" (it looks like {kind})" for start, kind in kinds.items() if head.startswith(start)), "")
    return f"not a losskit model{kind}; name a file written by losskit"


def _parse(document: bytes, source: str) -> Any:
    """The document with its top level checked; the payload is JSON and no more."""
    try:
        content = json.loads(
            document.decode(), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_twins
        )
    except (ValueError, RecursionError) as e:
        raise ModelFileError(
            f"{source}: its description is no strict JSON ({str(e)[:80]}); save the model again"
        ) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    family, _, version = schema.rpartition("/") if isinstance(schema, str) else ("", "", "")
    if family == _FAMILY and version.isdecimal() and int(version[:9]) > _VERSION:
        raise ModelFileError(f"{source}: schema {schema}; this losskit reads up to version {_VERSION}: update losskit")
    _check_keys(content, _DOCUMENT, source)
    if schema != f"{_FAMILY}/{_VERSION}":
        raise ModelFileError(f"{source}: schema {schema!r} is not {_FAMILY}/{_VERSION}; this is no losskit model")
    for key in _DOCUMENT[1:]:
        if not isinstance(content[key], dict):
            raise ModelFileError(f"{source}: {key!r} is a {type(content[key]).__name__}, wanted an object")
    return content


def _check_keys(value: Any, wanted: tuple[str, ...], where: str) -> None:
    if not isinstance(value, dict):
        raise ModelFileError(f"{where}: a {type(value).__name__} where an object is wanted")
    for key in sorted(set(wanted) ^ value.keys()):
        raise ModelFileError(f"{where}: the key {key!r} is {'missing' if key in wanted else 'unknown'}; save it again")


def _check_entries(entries: dict[str, Any], available: int, source: str) -> None:
    """Dtypes, shapes and sizes, before anything is allocated: the arrays must fill the rest of the file exactly."""
    end = 0
    for name, entry in entries.items():
        where = f"{source}, array {name!r}"
        _check_keys(entry, _ENTRY, where)
        shape = entry["shape"]
        if entry["dtype"] not in _DTYPES:
            raise ModelFileError(f"{where}: dtype {entry['dtype']!r} is not one of {', '.join(_DTYPES)}")
        sizes = isinstance(shape, list) and len(shape) <= 32 and all(type(n) is int and n >= 0 for n in shape)
        if not sizes or math.prod(n or 1 for n in shape) >= 2**48:
            raise ModelFileError(f"{where}: shape {str(shape)[:60]} is no list of sizes")
        if not isinstance(entry["sha256"], str):
            raise ModelFileError(f"{where}: sha256 is no text")
        if type(entry["offset"]) is not int or entry["offset"] != end:
            raise ModelFileError(f"{where}: offset {entry['offset']!r}, wanted {end}: arrays lie one after the other")
        nbytes = math.prod(shape) * np.dtype(entry["dtype"]).itemsize
        if type(entry["nbytes"]) is not int or entry["nbytes"] != nbytes:
            raise ModelFileError(f"{where}: nbytes {entry['nbytes']!r}, and shape and dtype need {nbytes}")
        end += nbytes
        if end > available:
            raise ModelFileError(
                f"{source} is cut short: array {name!r} ends {end - available} bytes after it; {_AGAIN}"
            )
    if end < available:
        raise ModelFileError(f"{source} is damaged: {available - end} bytes follow the last array; {_AGAIN}")


def _array(file: BufferedReader, name: str, entry: dict[str, Any], source: str) -> np.ndarray:
    data = bytearray(entry["nbytes"])
    if file.readinto(data) != len(data) or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ModelFileError(f"{source} is damaged: the checksum of array {name!r} does not fit; {_AGAIN}")
    if entry["dtype"] == "|b1" and data.translate(None, b"\0\1"):
        raise ModelFileError(f"{source}: array {name!r} holds booleans other than 0 and 1")
    array = np.frombuffer(data, dtype=entry["dtype"]).reshape(entry["shape"])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"the number {text[:40]} is beyond float64")
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return made


def _created(path: Path) -> BinaryIO:
    """A new file with the permissions the user's umask gives."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def _link(source: Path, target: Path) -> bool:
    """Give the file its name unless another took it meanwhile (FileExistsError); False where links do not work."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name durable; some systems cannot sync a folder, and the file is whole all the same."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
