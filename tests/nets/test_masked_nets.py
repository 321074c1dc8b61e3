"""Nets with recordings of unlike length in a batch, against each recording alone."""

import pytest
import torch
from torch.nn import functional

from skheart.nets import AttentionCNN, AttentionRNN

N_MELS = 6
LENGTHS = torch.tensor([17, 1, 9, 2, 12, 3, 5])
CNNS = [
    {"channels": (4, 5)},
    {"channels": (4, 5, 6), "pool_size": [(3, 2), (2, 1), (4, 2)], "kernel_size": (2, 3)},
    {"channels": (4, 5), "pool_size": "fine", "kernel_size": (5, 4)},
]
RNNS = [
    {"cell": cell, "units": (5, 4), "bidirectional": both}
    for cell in ("lstm", "gru")
    for both in (False, True)
]


def batch(past_the_end=float("nan"), seed=0):
    """Recordings in one tensor, and each alone."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(LENGTHS), 20, N_MELS, generator=generator)
    alone = [row[None, :length].clone() for row, length in zip(x, LENGTHS, strict=True)]
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = past_the_end
    return x, alone


def a_net(cls, seed=0, **params):
    torch.manual_seed(seed)
    net = cls(3, input_shape=(20, N_MELS), **params)
    for norm in getattr(net, "norms", ()):  # moments that are not 0 and 1, and both signs
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
        torch.nn.init.normal_(norm.running_mean)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    return net.double()


NETS = [
    (cls, {**params, "head": head})
    for cls, some, heads in (
        (AttentionCNN, CNNS, ("attention", "max", "mean")),
        (AttentionRNN, RNNS, ("attention", "last", "max", "mean")),
    )
    for params in some
    for head in heads
]


@pytest.mark.parametrize(("cls", "params"), NETS, ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_a_batch_equals_its_recordings_one_by_one(cls, params, training):
    """With batch norms in evaluation mode, whose moments do not depend on the batch."""
    net = a_net(cls, **params).eval()
    x, alone = batch()
    expected = torch.cat([net(row.double()) for row in alone])
    if training:
        net.train()
        for norm in getattr(net, "norms", ()):
            norm.eval()
    for past_the_end in (float("nan"), 1e6):
        x, _ = batch(past_the_end)
        torch.testing.assert_close(net(x.double(), lengths=LENGTHS), expected)


@pytest.mark.parametrize(("cls", "params"), NETS, ids=str)
def test_maps_ignore_padding_and_are_zero_in_it(cls, params):
    net = a_net(cls, **params).eval()
    x, alone = batch()
    maps = net(x.double(), return_maps=True, lengths=LENGTHS)
    for number, row in enumerate(alone):
        expected = net(row.double(), return_maps=True)
        for name, found, one in zip(maps._fields, maps, expected, strict=True):
            if found is None:
                assert one is None
                continue
            if one.ndim == 2:  # no map: one number for each class
                torch.testing.assert_close(found[number], one[0], msg=name)
                continue
            there = one.shape[2]
            torch.testing.assert_close(found[number, :, :there], one[0], msg=name)
            assert not found[number, :, there:].any(), name
    cells = tuple(range(2, maps.contribution.ndim))
    torch.testing.assert_close(maps.contribution.sum(cells), maps.logits)


def one_by_one(net, alone):
    """Feature maps in training mode, by a loop over the recordings; the moments of each layer."""
    maps, moments = [row[:, None] for row in alone], []
    for conv, norm, sizes in zip(net.convs, net.norms, net.pool_sizes, strict=True):
        maps = [conv(h) for h in maps]
        cells = torch.cat([h.transpose(0, 1).flatten(1) for h in maps], dim=1)
        mean, variance = cells.mean(1), cells.var(1, correction=0)
        moments.append((mean, cells.var(1, correction=1)))
        scale = norm.weight / (variance + norm.eps).sqrt()
        shape = (1, -1, 1, 1)
        maps = [(h - mean.view(shape)) * scale.view(shape) + norm.bias.view(shape) for h in maps]
        maps = [functional.max_pool2d(h, tuple(map(min, sizes, h.shape[2:]))) for h in maps]
        maps = [functional.relu(h) for h in maps]
    return maps, moments


@pytest.mark.parametrize("head", ["attention", "max", "mean"])
@pytest.mark.parametrize("params", CNNS, ids=str)
def test_a_training_step_is_that_of_a_loop_over_recordings(params, head):
    codes = torch.arange(len(LENGTHS)) % 3
    x, alone = batch()
    net, twin = a_net(AttentionCNN, head=head, **params), a_net(AttentionCNN, head=head, **params)
    before = [(norm.running_mean.clone(), norm.running_var.clone()) for norm in twin.norms]
    maps, moments = one_by_one(twin, [row.double() for row in alone])
    expected = torch.cat([twin.head(h) for h in maps])
    found = net(x.double(), lengths=LENGTHS)
    torch.testing.assert_close(found, expected)
    for logits in (found, expected):
        functional.cross_entropy(logits, codes).backward()
    for (name, one), other in zip(net.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    for norm, old, (mean, variance) in zip(net.norms, before, moments, strict=True):
        torch.testing.assert_close(norm.running_mean, 0.9 * old[0] + 0.1 * mean)
        torch.testing.assert_close(norm.running_var, 0.9 * old[1] + 0.1 * variance)
        assert norm.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("head", "reduced"),
    # Rounding to bfloat16 may change where a maximum is.
    [*((head, False) for head in ("attention", "last", "max", "mean")),
     *((head, True) for head in ("attention", "last", "mean"))],
)  # fmt: skip
@pytest.mark.parametrize("params", RNNS, ids=str)
def test_gradients_of_an_rnn_ignore_padding(params, head, reduced):
    codes = torch.arange(len(LENGTHS)) % 3
    x, alone = batch()
    grads = []
    for masked in (True, False):
        net = a_net(AttentionRNN, head=head, **params).float()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            logits = net(x, lengths=LENGTHS) if masked else torch.cat([net(row) for row in alone])
        functional.cross_entropy(logits, codes).backward()
        grads.append([weights.grad for weights in net.parameters()])
    for one, other in zip(*grads, strict=True):
        limit = 0.03 * other.abs().max().item() if reduced else 1e-6
        torch.testing.assert_close(one, other, atol=limit + 1e-6, rtol=0 if reduced else 1e-4)


@pytest.mark.parametrize("params", CNNS, ids=str)
def test_a_cnn_in_bfloat16_is_near_to_float32(params):
    x, _ = batch()
    net = a_net(AttentionCNN, **params).float()
    expected = net(x, lengths=LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        found = net(x, lengths=LENGTHS)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0.1)


def test_flatten_takes_one_length():
    net = AttentionCNN(3, input_shape=(20, N_MELS), channels=(4,), head="flatten")
    with pytest.raises(ValueError, match="head='flatten' needs recordings of equal length"):
        net(batch()[0], lengths=LENGTHS)
