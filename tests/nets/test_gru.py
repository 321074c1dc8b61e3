"""The GRU in bfloat16, and the LSTM of torch, against float32."""

import pytest
import torch
from torch import nn

from skheart._cpu.hardware import multiplies_bfloat16
from skheart.nets import AttentionRNN
from skheart.nets._gru import gru_layer


@pytest.mark.parametrize("reverse", [False, True])
def test_outputs_and_gradients_are_those_of_torch_up_to_bfloat16(reverse):
    def torch_layer(x, layer, reverse):
        y = layer(x)[0]
        return y[..., 7:] if reverse else y[..., :7]

    found = []
    for function in (gru_layer, torch_layer):
        torch.manual_seed(0)
        layer = nn.GRU(5, 7, bidirectional=True)
        x = torch.randn(11, 3, 5, requires_grad=True)
        y = function(x, layer, reverse=reverse)
        (y * torch.randn(y.shape)).sum().backward()
        named = layer.named_parameters()
        weights = [w.grad for name, w in named if name.endswith("reverse") == reverse]
        found.append([v.detach() for v in (y, x.grad, *weights)])
    for ours, expected in zip(*found, strict=True):
        assert 0 < float((ours - expected).norm() / expected.norm()) < 0.02


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("head", ["attention", "last"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("n_frames", [20, 900])
def test_network_in_bfloat16_is_near_the_network_in_float32(cell, head, bidirectional, n_frames):
    """In long sequences too, over which torch's GRU sums gradients in bfloat16."""
    torch.manual_seed(0)
    settings = {"cell": cell, "head": head, "bidirectional": bidirectional, "units": (8, 12)}
    net = AttentionRNN(3, input_shape=(n_frames, 6), **settings)
    x = torch.randn(4, n_frames, 6) + torch.randn(4, 1, 6)
    gradients = []
    for enabled in (False, True):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits = net(x)
        assert logits.dtype == torch.float32
        torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
        gradients.append(torch.cat([w.grad.flatten() for w in net.parameters()]))
    exact, reduced = gradients
    distance = float((reduced - exact).norm() / exact.norm())
    assert distance < 0.05
    assert distance > 1e-4 or not multiplies_bfloat16()
