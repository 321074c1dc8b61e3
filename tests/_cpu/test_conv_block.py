"""Training step and prediction of a convolutional layer against torch's own layers."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from skheart._cpu import chunks as _chunks
from skheart._cpu import conv_block, pool_loops, winograd, winograd_loops
from skheart._cpu.chunks import borrow, chunk_slices, give_back, in_chunks, worker_threads
from skheart._cpu.conv_block import conv_norm_pool
from skheart._cpu.folded_conv import fold, folded_conv_pool

LAYERS = [  # kernel, pool, (n, time, mel)
    (3, (2, 2), (5, 12, 8)),
    (5, (2, 2), (4, 13, 9)),  # a frame and a mel bin are left over
    (2, (2, 2), (3, 8, 6)),  # "same" padding of an even kernel is not the same on both sides
    ((4, 3), (3, 1), (2, 11, 5)),
    (1, (1, 1), (2, 3, 1)),
    (3, (1, 4), (3, 7, 9)),
]


@pytest.fixture(params=["plain", "compiled", "winograd"])
def step(request, monkeypatch):
    """`conv_norm_pool` in torch, in compiled loops, and with Winograd's convolution too."""
    monkeypatch.setattr(conv_block, "MIN_CHANNELS", 1)
    monkeypatch.setattr(winograd, "MIN_PAIRS", 1 if request.param == "winograd" else 10**9)
    return partial(conv_norm_pool, compiled=request.param != "plain")


def make(kernel, seed=0, channels=(3, 6)):
    """A convolution, a norm whose weights have both signs, and a copy of them."""
    torch.manual_seed(seed)
    conv = nn.Conv2d(*channels, kernel, padding="same", bias=False)
    norm = nn.BatchNorm2d(channels[1])
    with torch.no_grad():
        norm.weight.uniform_(-1, 1)
        norm.bias.uniform_(-1, 1)
    return conv, norm


def plain(x, conv, norm, pool):
    return functional.relu(functional.max_pool2d(norm(conv(x)), pool))


def evaluated(x, conv, norm, pool, compiled=False):
    return folded_conv_pool(x, *fold(conv, norm, x.dtype, compiled=compiled), pool)


def run(function, kernel, pool, shape, dtype=torch.float32, seed=0):
    """Output, gradients and running moments of one step."""
    conv, norm = make(kernel, seed)
    n, n_times, n_mels = shape
    x = (torch.randn(n, 3, n_times, n_mels) + 2).requires_grad_()
    y = function(x.to(dtype), conv, norm, pool).float()
    (y * torch.randn(y.shape)).sum().backward()
    found = [y, x.grad, conv.weight.grad, norm.weight.grad, norm.bias.grad]
    return [v.detach() for v in [*found, norm.running_mean, norm.running_var]]


def distance(found, expected):
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True)]


@pytest.mark.parametrize(("kernel", "pool", "shape"), LAYERS)
def test_numbers_are_those_of_torch_layers(step, kernel, pool, shape):
    found, expected = (run(f, kernel, pool, shape) for f in (step, plain))
    # Gradients are small differences of large sums.
    assert max(distance(found, expected)) < 2e-4
    assert max(distance(found[:1] + found[4:], expected[:1] + expected[4:])) < 1e-5
    assert found[0].max() > 0


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-4), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("min_pairs", [1, 10**9])
def test_numbers_are_the_same_without_a_compiler(dtype, bound, min_pairs, monkeypatch):
    """As with NUMBA_DISABLE_JIT=1."""
    monkeypatch.setattr(conv_block, "MIN_CHANNELS", 1)
    monkeypatch.setattr(winograd, "MIN_PAIRS", min_pairs)
    for module in (pool_loops, winograd_loops):
        for name, loop in vars(module).copy().items():
            if hasattr(loop, "py_func"):
                monkeypatch.setattr(module, name, loop.py_func)
    shape, step = (3, 7, 5), partial(conv_norm_pool, compiled=True)
    found, expected = run(step, 3, (2, 2), shape, dtype), run(plain, 3, (2, 2), shape)
    assert max(distance(found, expected)) < bound
    conv, norm = make(3)
    norm.eval()
    with torch.no_grad():
        x = torch.randn(2, 3, 7, 5).contiguous(memory_format=torch.channels_last)
        for pool in winograd.POOLS:
            expected = plain(x, conv, norm, pool)
            found = evaluated(x, conv, norm, pool, compiled=True)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_batches_are_counted(step):
    conv, norm = make(3)
    for _ in range(3):
        step(torch.randn(6, 3, 10, 8), conv, norm, (2, 2))
    assert int(norm.num_batches_tracked) == 3


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("kernel", "pool", "shape"), [*LAYERS, (3, (1, 2), (2, 13, 9))])
def test_predictions_are_those_of_torch_layers(kernel, pool, shape, compiled, monkeypatch):
    monkeypatch.setattr(winograd, "MIN_PAIRS", 1)
    conv, norm = make(kernel)
    with torch.no_grad():
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
        x = torch.randn(shape[0], 3, *shape[1:]).contiguous(memory_format=torch.channels_last)
        norm.eval()
        found, expected = evaluated(x, conv, norm, pool, compiled), plain(x, conv, norm, pool)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        reduced = evaluated(x.bfloat16(), conv, norm, pool, compiled)
        assert reduced.dtype == torch.bfloat16
        torch.testing.assert_close(reduced.float(), expected, rtol=0.05, atol=0.05)


def test_gradients_of_the_input_in_evaluation_mode():
    """As an explanation asks for them."""
    conv, norm = make(3)
    norm.eval()
    x = torch.randn(6, 3, 10, 8, requires_grad=True)
    found, expected = (
        torch.autograd.grad(f(x, conv, norm, (2, 3)).square().sum(), x)[0]
        for f in (evaluated, plain)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_as_near_to_float32_as_torch_autocast(step):
    def autocast(x, conv, norm, pool):
        with torch.autocast("cpu", torch.bfloat16):
            return plain(x, conv, norm, pool)

    shape = (6, 24, 16)
    seeds = range(4)
    expected = [run(plain, 3, (2, 2), shape, seed=seed) for seed in seeds]
    peer = [run(autocast, 3, (2, 2), shape, seed=seed) for seed in seeds]
    ours = [run(step, 3, (2, 2), shape, torch.bfloat16, seed) for seed in seeds]
    far = np.mean([distance(*pair) for pair in zip(peer, expected, strict=True)], axis=0)
    near = np.mean([distance(*pair) for pair in zip(ours, expected, strict=True)], axis=0)
    assert (near[:5] < 1.3 * far[:5]).all()
    assert near[0] > 1e-4  # that it was bfloat16 at all


def test_a_channel_that_never_varies_and_one_row_are_no_trouble(step):
    conv, norm = make(3)
    x = torch.zeros(1, 3, 6, 6, requires_grad=True)
    y = step(x, conv, norm, (2, 2))
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert torch.isfinite(x.grad).all()


def test_moments_far_from_zero_lose_no_digits(step):
    conv, norm = make(1, channels=(1, 2))
    x = torch.randn(4, 1, 40, 16) + 1000
    step(x, conv, norm, (2, 2))
    expected = conv(x.double().float()).double().var((0, 2, 3)) * 0.1 + 0.9
    torch.testing.assert_close(norm.running_var.double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("chunk_bytes", [1, 3000, 10**9])
def test_chunks_and_threads(step, chunk_bytes, monkeypatch):
    whole = run(step, 3, (2, 2), (7, 12, 8))
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", chunk_bytes)
    alone = run(step, 3, (2, 2), (7, 12, 8))
    assert max(distance(alone, whole)) < 1e-4
    for n_threads in (2, 3):
        with worker_threads(n_threads):
            for _ in range(2):  # the second step uses the buffers of the first
                shared = run(step, 3, (2, 2), (7, 12, 8))
                assert all(map(torch.equal, shared, alone))


def test_the_gradient_is_taken_once(step):
    conv, norm = make(3)
    y = step(torch.randn(2, 3, 8, 8), conv, norm, (2, 2)).sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once only"):
        y.backward()


def test_chunks_are_done_in_order_without_gradients_and_errors_come_through():
    assert chunk_slices(5, 2**30) == [slice(i, i + 1) for i in range(5)]
    assert chunk_slices(5, 1) == [slice(0, 5)]
    threads = torch.get_num_threads()
    with worker_threads(2):
        seen = in_chunks(lambda rows: (rows, torch.is_grad_enabled()), chunk_slices(9, 2**30))
        assert [rows.start for rows, _ in seen] == list(range(9))
        assert not any(grad for _, grad in seen)
        with pytest.raises(ZeroDivisionError):
            in_chunks(lambda rows: 1 // (rows.start - 3), chunk_slices(9, 2**30))
    assert torch.get_num_threads() == threads
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_buffers_come_back_within_a_block_alone():
    settings = (2, 3, 4, 5), torch.float32
    first = borrow(*settings)
    assert first.is_contiguous(memory_format=torch.channels_last)
    give_back(first)
    with worker_threads(1):
        assert borrow(*settings).data_ptr() != first.data_ptr()
        give_back(first)
        assert borrow((2, 3, 4, 5), torch.bfloat16).data_ptr() != first.data_ptr()
        assert borrow(*settings).data_ptr() == first.data_ptr()
        assert borrow(*settings).data_ptr() != first.data_ptr()
