"""Winograd's convolution against torch's own, in float64."""

import pytest
import torch
from torch.nn import functional

from skheart._cpu import winograd

SIZES = [(13, 9), (12, 8), (1, 1), (2, 3), (1, 40), (60, 17)]  # the last has several blocks


def data(size):
    torch.manual_seed(0)
    x = torch.randn(2, 5, *size).contiguous(memory_format=torch.channels_last)
    return x, torch.randn(7, 5, 3, 3) / 7, torch.randn(7)


def distance(found, expected):
    return float((found - expected).detach().norm() / expected.detach().norm())


@pytest.mark.parametrize("size", SIZES)
def test_result_and_gradients_are_those_of_a_convolution(size):
    x, weight, _ = data(size)
    exact = [v.double().requires_grad_() for v in (x, weight)]
    expected = torch.conv2d(*exact, padding=1)
    grad = torch.randn(expected.shape).contiguous(memory_format=torch.channels_last)
    expected.backward(grad.double())
    kernel = winograd.transform_weight(weight)
    found, x_grad = torch.empty_like(grad), torch.empty_like(x)
    winograd.convolve(x, kernel, found)
    weight_grad = winograd.gradients(grad, x, kernel, x_grad)
    assert distance(found, expected) < 1e-6
    assert distance(x_grad, exact[0].grad) < 1e-6
    assert distance(weight_grad, exact[1].grad) < 1e-6
    torch.testing.assert_close(winograd.gradients(grad, x, kernel), weight_grad)


@pytest.mark.parametrize("pool", winograd.POOLS)
@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 1])
def test_pooled_result(size, pool):
    x, weight, bias = data(size)
    found = winograd.convolve_pool(x, winograd.transform_weight(weight), bias, pool)
    z = torch.conv2d(*(v.double() for v in (x, weight, bias)), padding=1)
    expected = functional.relu(functional.max_pool2d(z, pool))
    assert found.shape == expected.shape
    assert distance(found, expected) < 1e-6
