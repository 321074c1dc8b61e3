"""Recurrent layers with products in bfloat16 against torch's own layers."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

from skheart._cpu import recurrent_kernels as kernels
from skheart._cpu.recurrent import recurrent_layer
from skheart.nets import AttentionRNN

CELLS = [nn.LSTM, nn.GRU]


def run(function, cell, reverse=False, seed=0):
    """Output and gradients of one layer, of one direction."""
    torch.manual_seed(seed)
    layer = cell(5, 7, bidirectional=True)
    x = torch.randn(11, 3, 5, requires_grad=True)
    y = function(x, layer, reverse)
    (y * torch.randn(y.shape)).sum().backward()
    weights = [w.grad for n, w in layer.named_parameters() if n.endswith("reverse") == reverse]
    assert len(weights) == 4
    return [v.detach() for v in (y, x.grad, *weights)]


def torch_layer(x, layer, reverse):
    """The direction of torch's layer alone."""
    y = layer(x)[0]
    return y[..., 7:] if reverse else y[..., :7]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_numbers_are_those_of_torch_up_to_bfloat16(cell, reverse):
    # One of 2 ** 8 is the rounding of a number; the errors of independent ones average out.
    for seed in range(3):
        ours, expected = (run(f, cell, reverse, seed) for f in (recurrent_layer, torch_layer))
        for a, b in zip(ours, expected, strict=True):
            assert float((a - b).norm() / b.norm()) < 0.02
        assert not torch.equal(ours[0], expected[0])


@pytest.mark.parametrize("cell", CELLS)
def test_loops_are_those_of_torch_where_nothing_is_rounded(cell, monkeypatch):
    # Whole numbers of few bits are exact in bfloat16: what is left is the arithmetic of the cell.
    def exact(layer):
        with torch.no_grad():
            for weights in layer.parameters():
                weights.copy_(weights.sign() / 4)
            for bias in (layer.bias_hh_l0, layer.bias_ih_l0):
                bias.copy_(torch.randn(bias.shape))  # biases do not enter products

    found = []
    for function in (recurrent_layer, lambda x, layer, reverse: layer(x)[0]):
        torch.manual_seed(0)
        layer = cell(4, 6)
        exact(layer)
        x = torch.randint(-3, 4, (1, 5, 4)).float()  # one step: the state before it is zero
        y = function(x, layer, False)
        y.sum().backward()
        found.append([y.detach(), layer.bias_ih_l0.grad, layer.bias_hh_l0.grad])
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-2, atol=1e-3)


def test_functions_of_the_gates():
    x = np.concatenate([np.linspace(-100, 100, 4001), [-1e4, 1e4, 0]]).astype(np.float32)
    found = np.array([kernels._sigmoid(v) for v in x])
    np.testing.assert_allclose(found, expit(x.astype(np.float64)), atol=2e-7)
    found = np.array([kernels._tanh(v) for v in x])
    np.testing.assert_allclose(found, np.tanh(x.astype(np.float64)), atol=4e-7)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("head", ["attention", "last"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_net_in_bfloat16_is_near_the_net_in_float32(cell, head, bidirectional):
    torch.manual_seed(0)
    settings = {"cell": cell, "head": head, "bidirectional": bidirectional, "units": (8, 12)}
    net = AttentionRNN(3, input_shape=(20, 6), **settings)
    x = torch.randn(4, 20, 6)
    gradients = []
    for enabled in (False, True):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits = net(x)
        assert logits.dtype == torch.float32
        torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
        gradients.append(torch.cat([w.grad.flatten() for w in net.parameters()]))
    exact, reduced = gradients
    assert 1e-4 < float((reduced - exact).norm() / exact.norm()) < 0.05


def test_the_order_of_gates_survives_a_long_sequence():
    torch.manual_seed(1)
    net = AttentionRNN(2, input_shape=(400, 4), cell="gru", units=(16,)).eval()
    x = torch.randn(2, 400, 4)
    with torch.no_grad():
        exact = net(x)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = net(x)
    torch.testing.assert_close(reduced, exact, atol=0.02, rtol=0)
