"""The maps of the heads without attention against loops over cells and channels."""

import numpy as np
import pytest
import torch

from skheart.nets._heads import PooledHead

N, CHANNELS, CLASSES = 3, 5, 4
CELLS = [(7,), (6, 3)]


def setup(mode, cells, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        size = CHANNELS * (int(np.prod(cells)) if mode == "flatten" else 1)
        return PooledHead(size, CLASSES, mode), torch.randn(N, CHANNELS, *cells)


def maps_and_numbers(mode, cells):
    head, features = setup(mode, cells)
    maps = head(features, return_maps=True)
    flat = features.numpy().astype(float).reshape(N, CHANNELS, -1)
    weight = head.linear.weight.detach().numpy().astype(float)
    bias = head.linear.bias.detach().numpy().astype(float)
    return maps, flat, weight, bias, head(features)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("mode", ["max", "mean", "flatten", "last"])
def test_terms_sum_to_the_logits_which_are_the_same_to_the_last_bit(mode, cells):
    maps, _, _, _, logits = maps_and_numbers(mode, cells)
    assert torch.equal(maps.logits, logits)
    assert maps.attention is None
    assert maps.contribution.shape == (N, CLASSES, *cells)
    total = maps.contribution.double().flatten(2).sum(2)
    np.testing.assert_allclose(total.detach(), logits.detach(), atol=1e-6)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("mode", ["mean", "flatten", "last"])
def test_a_term_is_the_output_of_the_head_for_one_cell(mode, cells):
    head, features = setup(mode, cells)
    maps = head(features, return_maps=True)
    n_cells = int(np.prod(cells))
    for cell in np.ndindex(*cells):
        alone = torch.zeros_like(features)
        alone[(..., *cell)] = features[(..., *cell)]
        # The bias does not belong to any cell: it is shared out evenly.
        term = head(alone) - head.bias + head.bias / n_cells
        found = maps.contribution[(..., *cell)]
        np.testing.assert_allclose(found.detach(), term.detach(), atol=1e-6)


@pytest.mark.parametrize("cells", CELLS)
def test_a_maximum_belongs_to_the_cell_that_holds_it(cells):
    maps, flat, weight, bias, _ = maps_and_numbers("max", cells)
    expected = np.zeros((N, CLASSES, flat.shape[2]))
    expected += bias[:, None] / flat.shape[2]
    for n in range(N):
        for c in range(CHANNELS):
            cell = flat[n, c].argmax()
            expected[n, :, cell] += weight[:, c] * flat[n, c, cell]
    found = maps.contribution.detach().numpy().reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("cells", CELLS)
def test_only_heads_that_average_have_terms_of_cells(cells):
    maps, flat, weight, bias, logits = maps_and_numbers("mean", cells)
    class_map = np.einsum("kc,ncx->nkx", weight, flat) + bias[:, None]
    found = maps.class_map.detach().numpy()
    assert found.shape == (N, CLASSES, *cells)
    np.testing.assert_allclose(found.reshape(class_map.shape), class_map, atol=1e-6)
    np.testing.assert_allclose(class_map.mean(2), logits.detach(), atol=1e-6)
    for mode in ("max", "flatten", "last"):
        assert maps_and_numbers(mode, cells)[0].class_map is None


@pytest.mark.parametrize("mode", ["max", "mean", "flatten"])
def test_terms_do_not_depend_on_the_memory_format(mode):
    head, features = setup(mode, (6, 3))
    inner = features.contiguous(memory_format=torch.channels_last)
    assert not inner.is_contiguous()
    plain, other = (head(x, return_maps=True).contribution for x in (features, inner))
    np.testing.assert_allclose(plain.detach(), other.detach(), atol=1e-6)
