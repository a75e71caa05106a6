"""Machine code: made from a kernel's text by Numba, kept as an object file, loaded by LLVM alone.

A process that finds the object never imports Numba, most of whose second of start-up this saves. The object's entry is
a function as CPython's own built-ins are (METH_FASTCALL): calling it costs a tenth of what a foreign call does.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from losskit.errors import FormulaError

Function = Callable[..., None]
_DIGEST = 32  # bytes of sha256 before the object
_OBJECTS = 7  # arguments handed on as they are: arrays, or None
_COUNTS = 3
_METH_FASTCALL = 0x80
_PLACE = 0x600  # of a kernel's frame in its page; see `_entry`
_PUSHED = 56  # bytes between a caller's stack and a frame: an address, and registers that are saved
_FRAME = re.compile(rb"\x48\x81\xec(...\x00)", re.DOTALL)  # x86: sub rsp, bytes
_PYTHON = ("PyFloat_AsDouble", "PyLong_AsSsize_t", "PyEval_SaveThread", "PyEval_RestoreThread", "Py_IncRef")
_alive: list[Any] = []  # engines own the memory their code lives in; a function's definition must outlast it


class _Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("entry", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


@cache
def machine() -> str:
    """The processor the code is for, with its features: objects are not shared between unlike ones."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def target() -> Any:
    """LLVM's description of this machine, which also names Python's functions to loaded objects."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name in _PYTHON:
        llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    llvm.add_symbol("_Py_NoneStruct", id(None))
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic",
        codemodel="small", jit=True,  # constants beside the code: a far one takes an instruction more at each use
    )  # fmt: skip


def module_of(path: Path) -> Any:
    """The generated file at `path`, imported.

    It may say how its code is to be made: `SIDE_BY_SIDE`, how many vectors of rows, since a row is one long chain of
    operations, which mostly waits for itself; `SCHEDULED`, whether LLVM may reorder the instructions.
    """
    spec = importlib.util.spec_from_file_location(f"losskit._generated.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise FormulaError(f"Python cannot load the generated kernel {path}; remove that file and try again")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def optimised(module: Any, parameters: int) -> str:
    """The LLVM code of a generated module, optimised, with its entry for Python."""
    from numba import types

    signature = (types.intp,) * _OBJECTS + (types.float64,) + (types.intp,) * _COUNTS + (types.float64,) * parameters
    llvm.set_option("", f"-force-vector-interleave={getattr(module, 'SIDE_BY_SIDE', 2)}")
    try:
        module.kernel.compile(signature)
    finally:
        llvm.set_option("", "-force-vector-interleave=0")
    (made,) = module.kernel.overloads.values()
    return str(module.kernel.inspect_llvm(signature)) + _entry(made.fndesc.llvm_func_name, parameters)


def _entry(kernel: str, parameters: int) -> str:
    """LLVM code of `entry(self, arguments, count)`, which unpacks and calls `kernel` without the interpreter's lock.

    An object's constants lie at the start of a page, and a processor takes a load to wait for an earlier store to the
    same place of another page: where what a loop puts on the stack meets its constants so, it runs at half its speed.
    The entry therefore moves the stack so that a frame of `@frame` bytes begins at `_PLACE` of its page.
    """
    word = f"i{8 * ctypes.sizeof(ctypes.c_void_p)}"
    kinds = ["object"] * _OBJECTS + ["double"] + [word] * _COUNTS + ["double"] * parameters
    lines = [
        "declare double @PyFloat_AsDouble(ptr)",
        f"declare {word} @PyLong_AsSsize_t(ptr)",
        "declare ptr @PyEval_SaveThread()",
        "declare void @PyEval_RestoreThread(ptr)",
        "declare void @Py_IncRef(ptr)",
        "declare ptr @llvm.stacksave()",
        "@_Py_NoneStruct = external global i8",
        f"@frame = global {word} 0",
        f"define ptr @entry(ptr %self, ptr %arguments, {word} %count) {{",
        "%nowhere = alloca [2 x ptr]",  # Numba's convention: a place for a result, one for an exception; none comes
    ]
    handed = ["ptr %nowhere", "ptr %nowhere"]
    for i, kind in enumerate(kinds):
        lines += [f"%at{i} = getelementptr ptr, ptr %arguments, {word} {i}", f"%o{i} = load ptr, ptr %at{i}"]
        if kind == "object":
            lines += [f"%a{i} = ptrtoint ptr %o{i} to {word}"]
        else:
            read = "PyFloat_AsDouble" if kind == "double" else "PyLong_AsSsize_t"
            lines += [f"%a{i} = call {kind} @{read}(ptr %o{i})"]
        handed.append(f"{word if kind == 'object' else kind} %a{i}")
    lines += [
        "%stack = call ptr @llvm.stacksave()",
        f"%end = ptrtoint ptr %stack to {word}",
        f"%size = load {word}, ptr @frame",
        f"%begin = sub {word} %end, %size",
        f"%off = sub {word} %begin, {_PLACE + _PUSHED + 16}",
        f"%spare = and {word} %off, 4080",
        f"%taken = add {word} %spare, 16",  # never none: a byte is written there, else it would not be taken
        f"%room = alloca i8, {word} %taken, align 16",
        "store volatile i8 0, ptr %room",
        "%lock = call ptr @PyEval_SaveThread()",
        f'%status = call i32 @"{kernel}"({", ".join(handed)})',
        "call void @PyEval_RestoreThread(ptr %lock)",
        "call void @Py_IncRef(ptr @_Py_NoneStruct)",
        "ret ptr @_Py_NoneStruct",
        "}",
    ]
    return "\n".join(["", *lines, ""])


def sealed(code: str, scheduled: bool = True) -> bytes:
    """An object file of LLVM `code`, behind its checksum."""
    made = target()
    llvm.set_option("", f"-enable-misched={str(scheduled).lower()}")
    try:
        content = made.emit_object(llvm.parse_assembly(code))
    finally:
        llvm.set_option("", "-enable-misched=true")
    return hashlib.sha256(content).digest() + content


def frame_of(content: bytes) -> int:
    """The bytes of the largest frame on the stack in x86 code; 0 in other code, whose frame may begin anywhere."""
    return max((int.from_bytes(size, "little") for size in _FRAME.findall(content)), default=0)


def loaded(kept: bytes) -> Function | None:
    """The function of a sealed object, ready to call; None if a byte is missing or wrong."""
    content = kept[_DIGEST:]
    if hashlib.sha256(content).digest() != kept[:_DIGEST]:
        return None
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target(), use_lmm=True)  # all of it in one place
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    ctypes.c_ssize_t.from_address(engine.get_global_value_address("frame")).value = frame_of(content)
    definition = _Definition(b"kernel", engine.get_function_address("entry"), _METH_FASTCALL, None)
    _alive.extend((engine, definition))
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return new(ctypes.byref(definition), None, None)
