"""Every loss's loop is vector code: packed arithmetic in the machine code of the unweighted sum with its gradient."""

import platform

import numpy as np
import pytest

from losskit.kernels.compile import kernel_source
from losskit.registry import losses
from losskit.tracing import program_of


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the mnemonics are those of x86")
@pytest.mark.parametrize("name", losses())
def test_the_loop_of_a_loss_is_vector_code(name, tmp_path):
    loss = losses()[name]()
    source = kernel_source(program_of(*loss._structure(), loss.domain, loss.prediction_domain, 1))
    path = tmp_path / "kernel.py"
    path.write_text(source.replace(", cache=True", ""))
    space: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    y = f = np.full(8, 0.5)
    numbers = [v for v in loss.parameters.values() if v is not None]
    space["kernel"](y, f, None, 1.0, 0, 1, np.empty(1), None, np.empty(8), None, *numbers)
    (code,) = space["kernel"].inspect_asm().values()
    packed = sum(code.count(word) for word in ("mulpd", "addpd", "subpd", "fmadd132pd", "fmadd213pd", "fmadd231pd"))
    assert packed >= 4, f"{name}: {packed} packed instructions"
