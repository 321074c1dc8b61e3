"""The nets against arithmetic written out here and plain torch operations."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skheart.nets import AttentionCNN, AttentionPooling, AttentionRNN


def n_weights(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("rectifier", ["sigmoid", "softmax"])
@pytest.mark.parametrize("cells", [(29,), (58, 4)])
def test_attention_pooling_is_the_formula_of_the_paper(rectifier, cells):
    n, channels, n_classes = 3, 6, 4
    head = AttentionPooling(channels, n_classes, ndim=len(cells), rectifier=rectifier)
    torch.nn.init.normal_(head.class_conv.bias)
    torch.nn.init.normal_(head.attention_conv.bias)
    h = torch.randn(n, channels, *cells)

    maps = head(h, return_maps=True)

    # The same in numpy, float64, cell by cell: a 1x1 convolution is a product with a matrix.
    def product(layer):
        weight = layer.weight.detach().double().numpy().reshape(n_classes, channels)
        flat = h.double().numpy().reshape(n, channels, -1)
        return np.einsum("kc,nct->nkt", weight, flat) + layer.bias.detach().numpy()[:, None]

    C, F = product(head.class_conv), product(head.attention_conv)
    F = 1 / (1 + np.exp(-F)) if rectifier == "sigmoid" else np.exp(F) / np.exp(F).sum(1)[:, None]
    attention = F / F.sum(2, keepdims=True)
    logits = (C * attention).sum(2)

    assert maps.contribution.shape == (n, n_classes, *cells)
    for ours, theirs in ((maps.class_map, C), (maps.attention, attention)):
        np.testing.assert_allclose(ours.detach().numpy().reshape(theirs.shape), theirs, atol=1e-5)
    np.testing.assert_allclose(maps.logits.detach(), logits, atol=1e-5)
    np.testing.assert_allclose(head(h).detach(), logits, atol=1e-5)
    total = maps.contribution.flatten(2).sum(2)
    np.testing.assert_allclose(total.detach(), maps.logits.detach(), atol=1e-5)


@pytest.mark.parametrize("rectifier", ["sigmoid", "softmax"])
def test_attention_has_gradients_where_the_rectifier_is_nearly_zero(rectifier):
    """Where F was kept at 1e-7 before, without a gradient."""
    head = AttentionPooling(2, 3, rectifier=rectifier)
    features = torch.randn(4, 2, 5, 4)
    with torch.no_grad():
        head.attention_conv.bias.copy_(torch.tensor([-30.0, 0.0, 30.0]))
    maps = head(features, return_maps=True)
    assert (maps.mass < 20e-7).any()
    gradient = torch.autograd.grad(maps.logits[:, 0].sum(), head.attention_conv.weight)[0][0]
    assert gradient.abs().min() > 1e-5


@pytest.mark.parametrize("rectifier", ["sigmoid", "softmax"])
@pytest.mark.parametrize("bias", [(-1e4,) * 3, (1e4,) * 3, (1e4, -1e4, 0.0)])
def test_attention_is_finite_for_extreme_logits(rectifier, bias):
    head = AttentionPooling(2, 3, rectifier=rectifier)
    with torch.no_grad():
        head.attention_conv.bias.copy_(torch.tensor(bias))
    mask = torch.tensor([[True] * 5, [True, False, False, False, False]])
    maps = head(torch.randn(2, 2, 5, 4), return_maps=True, mask=mask)
    maps.logits.sum().backward()
    assert all(v.isfinite().all() for v in (*maps, *(w.grad for w in head.parameters())))
    torch.testing.assert_close(maps.attention.sum((2, 3)), torch.ones(2, 3))
    assert not maps.attention[1, :, 1:].any()


def test_default_cnn_has_the_papers_shapes_and_as_many_weights_as_arithmetic_says():
    net = AttentionCNN(n_classes=3).eval()
    shapes = []
    h = torch.zeros(1, 1, 936, 64)
    for conv, norm in zip(net.convs, net.norms, strict=True):
        h = functional.max_pool2d(norm(conv(h)), 2)
        shapes.append(tuple(h.shape[1:]))
    assert shapes == [(64, 468, 32), (128, 234, 16), (256, 117, 8), (256, 58, 4)]
    assert net.features(torch.zeros(1, 936, 64)).shape == (1, 256, 58, 4)
    assert net.map_shape(936, 64) == (58, 4)

    convolutions = 3 * 3 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 256)
    norms = 2 * (64 + 128 + 256 + 256)
    head = 2 * (256 * 3 + 3)
    assert n_weights(net) == convolutions + norms + head == 961_990


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3)])
@pytest.mark.parametrize("directions", [1, 2])
def test_default_rnn_has_as_many_weights_as_arithmetic_says(cell, gates, directions):
    net = AttentionRNN(n_classes=3, cell=cell, bidirectional=directions == 2)
    total, n_in = 0, 64
    for units in (256, 1024, 256):
        # Each gate: weights from the input, from the state, and torch's two biases.
        total += directions * gates * (units * n_in + units * units + 2 * units)
        n_in = directions * units
    assert n_weights(net) == total + 2 * (n_in * 3 + 3)
    assert net(torch.zeros(2, 7, 64)).shape == (2, 3)
    assert net.features(torch.zeros(1, 7, 64)).shape == (1, n_in, 7)


def test_cnn_equals_plain_torch_with_relu_before_pooling():
    net = AttentionCNN(channels=(4, 6), kernel_size=3, head="mean").train()
    x = torch.randn(5, 40, 16)
    h = x[:, None]
    for conv in net.convs:
        h = functional.conv2d(h, conv.weight, padding=1)
        h = (h - h.mean((0, 2, 3), keepdim=True)) / torch.sqrt(
            h.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
        )
        h = functional.max_pool2d(torch.relu(h), 2)
    expected = h.mean((2, 3)) @ net.head.linear.weight.T + net.head.linear.bias
    np.testing.assert_allclose(net(x).detach(), expected.detach(), atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("head", ["last", "max", "mean"])
def test_rnn_heads_without_attention(head, bidirectional):
    net = AttentionRNN(
        input_shape=(9, 5), units=(4,), cell="gru", head=head, bidirectional=bidirectional
    ).eval()
    x = torch.randn(3, 9, 5)
    outputs, state = net.layers[0](x)
    # For "last", torch's own final state of each direction is the independent answer.
    pooled = {
        "last": state.transpose(0, 1).flatten(1),
        "max": outputs.amax(1),
        "mean": outputs.mean(1),
    }[head]
    expected = pooled @ net.head.linear.weight.T + net.head.linear.bias
    np.testing.assert_allclose(net(x).detach(), expected.detach(), atol=1e-6)


def test_rnn_equals_stacked_torch_layers():
    net = AttentionRNN(input_shape=(9, 5), units=(4, 4), cell="lstm").eval()
    stack = torch.nn.LSTM(5, 4, num_layers=2, batch_first=True)
    with torch.no_grad():
        for k, layer in enumerate(net.layers):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(stack, f"{name}_l{k}").copy_(getattr(layer, f"{name}_l0"))
    x = torch.randn(2, 9, 5)
    np.testing.assert_allclose(
        net.features(x).detach(), stack(x)[0].transpose(1, 2).detach(), atol=1e-6
    )


def test_pooling_does_not_run_out_of_cells_and_is_a_parameter():
    assert AttentionCNN(channels=(2,) * 4)(torch.randn(2, 1, 3)).shape == (2, 3)
    assert AttentionCNN(channels=(2, 2), pool_size=(1, 2)).map_shape(100, 64) == (100, 16)
    per_layer = AttentionCNN(channels=(2, 2, 2), pool_size=[(2, 2), (1, 4), 1])
    assert per_layer.map_shape(100, 64) == (50, 8)
    assert per_layer.features(torch.randn(1, 100, 64)).shape == (1, 2, 50, 8)


def test_fine_pooling_halves_the_time_once_and_the_mel_bins_in_every_layer():
    assert AttentionCNN(pool_size="fine").pool_sizes == [(2, 2), (1, 2), (1, 2), (1, 2)]
    assert AttentionCNN(pool_size="fine").cell_size(936, 64) == (2, 16)
    assert AttentionCNN(channels=(2,), pool_size="fine").map_shape(100, 64) == (50, 32)


def test_a_cell_has_the_size_of_the_frames_and_bins_that_it_was_pooled_from():
    assert AttentionCNN().cell_size(936, 64) == (16, 16)
    assert AttentionCNN(channels=(2,) * 3, pool_size=[(3, 2), (1, 4), 2]).cell_size(99, 64) == (
        6,
        16,
    )
    # A pool is cut to the map: 5 frames of 9 leave one, of which nothing is left to pool.
    assert AttentionCNN(channels=(2, 2), pool_size=5).cell_size(9, 3) == (5, 3)
    assert AttentionRNN().cell_size(936, 64) == (1, 64)
    both_ends = AttentionRNN(units=(2,), bidirectional=True, head="last")
    assert both_ends.cell_size(936, 64) == (936, 64)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AttentionCNN(pool_size=[2, 2, 2]), "3 entries for 4 layers"),
        (lambda: AttentionCNN(pool_size=0), "at least 1"),
        (lambda: AttentionCNN(pool_size="coarse"), "pool_size must be one of.*'fine'.*'coarse'"),
        (lambda: AttentionCNN(head="median"), "head must be one of.*'median'"),
        (lambda: AttentionRNN(cell="rnn"), "cell must be one of.*'rnn'"),
        (lambda: AttentionPooling(2, 2, rectifier="tanh"), "rectifier must be one of.*'tanh'"),
        (lambda: AttentionPooling(2, 2, ndim=3), "ndim must be one of.*3"),
    ],
)
def test_errors_name_the_parameter_and_the_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("net", [AttentionCNN(channels=(2,)), AttentionRNN(units=(2,))])
def test_add_log_prior_gives_the_prior_where_nothing_is_seen(net):
    with torch.no_grad():
        net.head.class_conv.weight.zero_()
    net.add_log_prior([0.7, 0.2, 0.1])
    probabilities = torch.softmax(net.eval()(torch.randn(1, 16, 64)), 1)
    np.testing.assert_allclose(probabilities.detach()[0], [0.7, 0.2, 0.1], atol=1e-5)
