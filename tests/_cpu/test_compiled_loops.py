"""The compiled loops of the nets do what their Python says, in float32 and in bfloat16."""

import numpy as np
import pytest
import torch

from skheart._cpu import pool_kernels as _pool_kernels
from skheart._cpu import recurrent_kernels as _recurrent_kernels
from skheart._cpu import winograd_kernels as _winograd_kernels
from skheart._cpu.bfloat16 import like, wide

SHAPES = {  # of the arguments; "b" may be bfloat16, "f" is float32, "d" is float64
    "forward_map": ["b 2 5 7 3", "b 2 5 7 3", (2, 3), "b 2 2 2 3", "d 3 3"],
    "pool_relu": ["b 2 5 7 3", (2, 3), "b 2 2 2 3"],
    "normalise": ["b 2 4 3 5", "f 5", "f 5", "b 2 4 3 5"],
    "backward_sums": ["b 2 4 3 5", "f 5", "f 5", "b 2 4 3 5", "d 2 5"],
    "backward_map": ["b 2 5 7 3", (2, 3), "b 2 2 2 3", "f 3", "f 3", "b 2 2 2 3", "f 3", "f 3"],
    "lstm_step": ["f 3 16", "b 3 16", "f 3 4", "f 3 4", "f 3 4", "f 3 4", "b 3 4"],
    "lstm_back": ["f 3 16", "f 3 4", "f 3 4", "f 3 4", "b 3 4", "f 3 4", "b 3 16"],
    "gru_step": ["f 3 12", "b 3 12", "f 4", "f 3 4", "f 3 4", "f 3 4", "b 3 4"],
    "gru_back": ["f 3 12", *["f 3 4"] * 3, "b 3 4", "f 3 4", "b 3 12", "b 3 12"],
    "input_tiles": ["b 8 6 5", 1, "b 16 4 5"],
    "join_tiles": ["b 16 4 5", 1, "b 5 3 5"],
    "pool_tiles": ["b 16 4 5", 1, "f 5", "b 5 1 5"],
    "gradient_tiles": ["f 5 3 5", 1, "f 16 4 5"],
    "add_tiles": ["f 16 4 5", 1, "f 8 6 5"],
    "_differences": ["b 5"] * 4 + ["f 5"] * 4,
    "_add_differences": ["f 5"] * 8,
    "_sums": ["b 5"] * 4 + ["f 5"] * 2,
    "_spread": ["f 5"] * 6,
    "_output": ["b 16 4 5", 1, "f 2 4 5", "f 2 2 5"],
}


def arguments(shapes, reduced):
    rng = np.random.default_rng(0)
    for shape in shapes:
        if not isinstance(shape, str):
            yield shape
            continue
        kind, *sizes = shape.split()
        values = rng.normal(size=[int(size) for size in sizes])
        if kind == "d":
            yield np.zeros_like(values)
        elif kind == "b" and reduced:
            yield torch.from_numpy(values).bfloat16().view(torch.int16).numpy().view(np.uint16)
        else:
            yield values.astype(np.float32)


def floats(array):
    if array.dtype != np.uint16:
        return array
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).float().numpy()


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_compiled_loop_does_what_its_python_says(name, reduced):
    modules = _pool_kernels, _recurrent_kernels, _winograd_kernels
    loop = next(getattr(module, name) for module in modules if hasattr(module, name))
    compiled, python, before = (list(arguments(SHAPES[name], reduced)) for _ in range(3))
    loop(*compiled)
    loop.py_func(*python)
    changed = 0
    for ours, theirs, start in zip(compiled, python, before, strict=True):
        if isinstance(ours, np.ndarray):
            # Compiled sums and products are contracted: the last bit of bfloat16 may differ.
            np.testing.assert_allclose(floats(ours), floats(theirs), rtol=1e-2, atol=1e-5)
            changed += not np.array_equal(ours, start)
    assert changed


def test_bfloat16_is_rounded_as_torch_rounds_it():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    expected = torch.from_numpy(values).bfloat16()
    found = np.array([like(np.uint16(0), value) for value in values])
    np.testing.assert_array_equal(found, expected.view(torch.int16).numpy().view(np.uint16))
    np.testing.assert_array_equal([wide(bits) for bits in found], expected.float().numpy())
