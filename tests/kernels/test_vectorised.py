"""Every loss's loop is vector code: packed arithmetic in the machine code of the unweighted sum with its gradient."""

import platform

import llvmlite.binding as llvm
import pytest

from losskit.kernels.native import optimised, target
from losskit.kernels.source import Shape, kernel_source
from losskit.registry import losses
from losskit.tracing import program_of
from tests.families import EACH_NAME

CALL = Shape(narrow=False, weights=False, total=True, value=False, gradient=True, hessian=False)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the mnemonics are those of x86")
@pytest.mark.parametrize("name", EACH_NAME)
def test_the_loop_of_a_loss_is_vector_code(name, tmp_path):
    loss = losses()[name]()
    program = program_of(loss._structure(), loss.domain, loss.prediction_domains)
    path = tmp_path / f"vectorised_{name}.py"
    path.write_text(kernel_source(program, CALL)[0])
    code = target().emit_assembly(llvm.parse_assembly(optimised(path, len(program.parameters))))
    packed = sum(code.count(word) for word in ("mulpd", "addpd", "subpd", "fmadd132pd", "fmadd213pd", "fmadd231pd"))
    assert packed >= 4, f"{name}: {packed} packed instructions"
