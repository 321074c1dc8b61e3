"""Winograd's convolution against torch's own, in float64."""

import pytest
import torch
from torch.nn import functional

from skheart._cpu import winograd as winograd
from skheart._cpu.conv_block import conv_norm_pool, fold, folded_conv_pool

SIZES = [(13, 9), (12, 8), (1, 1), (2, 3), (1, 40), (60, 17)]  # the last has several blocks


def data(size, dtype=torch.float32):
    torch.manual_seed(0)
    x = torch.randn(2, 5, *size).to(dtype).contiguous(memory_format=torch.channels_last)
    return x, (torch.randn(7, 5, 3, 3) / 7).to(dtype), torch.randn(7).to(dtype)


def distance(found, expected):
    return float((found - expected).detach().norm() / expected.detach().norm())


def pooled(x, weight, bias):
    return functional.relu(functional.max_pool2d(torch.conv2d(x, weight, bias, padding=1), 2))


@pytest.mark.parametrize("size", SIZES)
def test_result_and_gradients_are_those_of_a_convolution(size):
    x, weight, _ = data(size)
    exact = [v.double().requires_grad_() for v in (x, weight)]
    expected = torch.conv2d(*exact, padding=1)
    grad = torch.randn(expected.shape).contiguous(memory_format=torch.channels_last)
    expected.backward(grad.double())
    kernel = winograd.spread(weight)
    x_grad = torch.empty_like(x)
    weight_grad = winograd.gradients(grad, x, kernel, x_grad)
    assert distance(winograd.convolve(x, kernel), expected) < 1e-6
    assert distance(x_grad, exact[0].grad) < 1e-6
    assert distance(weight_grad, exact[1].grad) < 1e-6
    torch.testing.assert_close(winograd.gradients(grad, x, kernel), weight_grad)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 1])
def test_pooled_result(size, dtype, bound):
    arguments = data(size, dtype)
    x, weight, bias = arguments
    found = winograd.convolve_pool(x, winograd.spread(weight), bias)
    assert found.dtype == dtype
    assert distance(found, pooled(*(v.double() for v in arguments))) < bound


@pytest.mark.parametrize("pool", [(2, 2), (1, 4), (3, 1)])
def test_layers_of_a_net_use_it_and_keep_their_numbers(monkeypatch, pool):
    def step(x, conv, norm):
        x = x.clone().requires_grad_()
        y = conv_norm_pool(x, conv, norm, pool)
        grads = torch.autograd.grad(y.square().sum(), [x, conv.weight, norm.weight, norm.bias])
        with torch.no_grad():
            norm.eval()
            folded = folded_conv_pool(x.detach(), *fold(conv, norm, x.dtype), pool)
            norm.train()
        return [y, *grads, folded]

    x, weight, bias = data((14, 8))
    conv = torch.nn.Conv2d(5, 7, 3, padding="same", bias=False)
    norm = torch.nn.BatchNorm2d(7, momentum=0.0)
    conv.weight.data, norm.weight.data = weight, bias
    assert not winograd.suits(conv.weight)
    expected = step(x, conv, norm)
    monkeypatch.setattr(winograd, "PAIRS", {torch.float32: 1})
    called = []
    for name in ("convolve", "convolve_pool", "gradients"):
        spied = getattr(winograd, name)
        monkeypatch.setattr(winograd, name, lambda *a, f=spied, n=name: called.append(n) or f(*a))
    found = step(x, conv, norm)
    assert set(called) >= {"convolve", "gradients"}
    assert ("convolve_pool" in called) == (pool == (2, 2))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
