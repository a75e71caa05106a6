"""Every loss's loop is vector code: packed arithmetic in the machine code of the unweighted sum with its gradient."""

import platform
import re

import llvmlite.binding as llvm
import pytest

from losskit.kernels.native import frame_of, module_of, optimised, sealed, target
from losskit.kernels.primitives import home_of
from losskit.kernels.program import _DEEP, _SLIM, _WIDE, Shape
from losskit.kernels.source import kernel_source
from losskit.registry import losses
from losskit.tracing import program_of
from tests.families import EACH_NAME

CALLS = [
    Shape(narrow=False, weights=False, total=True, value=False, gradient=True, hessian=False, scaled=True),
    Shape(narrow=False, weights=False, total=False, value=True, gradient=True, hessian=True, scaled=False),
]
# comparisons too: some losses have little else, and a label's domain may be told by its bits
_WORK = r"(?:mul|add|sub|fmadd132|fmadd213|fmadd231|cmp\w*|u?comi)"


x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the mnemonics are those of x86")


@x86
@pytest.mark.parametrize("name", EACH_NAME)
def test_the_loop_of_a_loss_is_vector_code(name, tmp_path):
    loss = losses()[name]()
    program = program_of(loss._structure(), loss.domain, loss.prediction_domains)
    for i, call in enumerate(CALLS):
        path = tmp_path / f"vectorised_{name}_{i}.py"
        path.write_text(kernel_source(program, call))
        code = target().emit_assembly(llvm.parse_assembly(optimised(module_of(path), len(program.parameters))))
        packed, single = (len(re.findall(rf"\tv?{_WORK}{kind}\b", code)) for kind in ("pd", "sd"))
        # single are the rows that a loop leaves over, and what depends on no row
        assert packed >= max(4, single / 2), f"{name}: {packed} packed and {single} single instructions"


@x86
def test_the_frame_of_a_kernel_is_read_from_its_object(tmp_path):
    loss = losses()["Gamma"]()
    program = program_of(loss._structure(), loss.domain, loss.prediction_domains)
    (tmp_path / "framed.py").write_text(kernel_source(program, CALLS[0]))
    code = optimised(module_of(tmp_path / "framed.py"), len(program.parameters))
    taken = re.findall(r"subq\s+\$(\d+), %rsp", target().emit_assembly(llvm.parse_assembly(code)))
    assert frame_of(sealed(code)) == max(map(int, taken)) > 2000  # a strip's values, and what the registers cannot hold


def test_bodies_whose_order_was_measured_are_there():
    assert all(map(home_of, _SLIM | _WIDE | _DEEP))
    assert not _SLIM & _WIDE
