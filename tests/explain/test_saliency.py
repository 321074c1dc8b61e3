"""Integrated gradients and occlusion, against quadrature and loops."""

import sys

import numpy as np
import pytest
import torch

from skheart.explain import explain
from tests.helpers.small import make, numpy_state, small_cnn, small_rnn

NETS = [
    small_cnn,
    lambda **p: small_cnn(pool_size="fine", **p),
    lambda **p: small_cnn(head="max", **p),
    small_rnn,
    lambda **p: small_rnn(cell="gru", **p),
    lambda **p: small_rnn(bidirectional=True, head="last", **p),
]


def trained(build, **params):
    return build(max_epochs=2, **params).fit(*make()), make(3, seed=5)[0]


def gradient(module, x, target):
    x = torch.tensor(x[None], requires_grad=True)
    (found,) = torch.autograd.grad(module(x)[0, target], x)
    return found[0].double().numpy()


# ---------------------------------------------------------------------- integrated gradients


@pytest.mark.parametrize("build", NETS)
def test_integrated_gradients_are_a_gauss_legendre_sum(build):
    clf, X = trained(build)
    module = clf.net_.module_.eval()
    nodes, weights = np.polynomial.legendre.leggauss(5)
    for row, explanation in enumerate(explain(clf, X, method="integrated_gradients", n_steps=5)):
        assert explanation.head.attention is explanation.head.class_map is None
        assert explanation.cell == (1, 1)
        for k in range(3):
            gradients = [gradient(module, np.float32((1 + node) / 2) * X[row], k) for node in nodes]
            expected = X[row] * np.tensordot(weights / 2, gradients, 1)
            np.testing.assert_allclose(explanation.contribution[k], expected, atol=1e-4)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_integrated_gradients_are_complete(build):
    clf, X = trained(build)
    explanations = explain(clf, X, method="integrated_gradients", n_steps=200)
    base = clf.decision_function(np.zeros_like(X[:1]))[0]
    gaps = [e.contribution.sum((1, 2)) + e.base - e.logits for e in explanations]
    for explanation in explanations:
        np.testing.assert_array_equal(explanation.base, base)
    # The explained difference is far larger than the gap.
    assert np.abs(gaps).max() < 0.02
    assert np.abs([e.logits - e.base for e in explanations]).max() > 0.2


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
@pytest.mark.parametrize("method", ["attention", "integrated_gradients", "occlusion"])
def test_input_weights_and_torch_state_are_left_as_they_are(build, method):
    clf, X = trained(build)
    given, module = X.copy(), clf.net_.module_.train()
    weights = {name: w.clone() for name, w in module.state_dict().items()}
    generator, numpy_before = torch.get_rng_state(), numpy_state()
    settings = torch.get_num_threads(), torch.is_grad_enabled(), torch.backends.cudnn.enabled
    explain(clf, X, method=method)
    assert not module.training
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    for name, values in module.state_dict().items():
        assert torch.equal(values, weights[name]), name
    assert torch.equal(generator, torch.get_rng_state())
    now = torch.get_num_threads(), torch.is_grad_enabled(), torch.backends.cudnn.enabled
    assert now == settings
    np.testing.assert_array_equal(numpy_before, numpy_state())
    np.testing.assert_array_equal(X, given)


def test_cudnn_is_disabled_for_recurrent_networks_only():
    """cuDNN has no gradient of a recurrent network in evaluation mode."""
    seen = []

    def note(*_):
        seen.append((torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32))

    before = torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32 = True, False
        for build, enabled in ((small_cnn, True), (small_rnn, False)):
            clf, X = trained(build)
            seen.clear()
            clf.net_.module_.head.register_forward_hook(note)
            explain(clf, X[:1], method="integrated_gradients", n_steps=1)
            assert seen[0] == (enabled, False)
        assert (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32) == (True, False)
    finally:
        torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32 = before


def test_without_captum_the_error_names_the_extra(monkeypatch):
    for name in ("captum", "captum.attr"):
        monkeypatch.setitem(sys.modules, name, None)
    clf, X = trained(small_rnn)
    with pytest.raises(ImportError, match=r'needs captum: pip install "skheart\[explain\]"'):
        explain(clf, X, method="integrated_gradients")
    explain(clf, X, method="occlusion")


@pytest.mark.parametrize("n_steps", [0, -1, 2.5, "many"])
def test_steps_are_whole_numbers(n_steps):
    clf, X = trained(small_rnn)
    with pytest.raises(ValueError, match=r"n_steps=.*must be a whole number of at least 1"):
        explain(clf, X, method="integrated_gradients", n_steps=n_steps)


# ---------------------------------------------------------------------- occlusion


@pytest.mark.parametrize("build", NETS)
@pytest.mark.parametrize("window", [None, (5, 3), (24, 8), (1, 8), [np.int64(12), 4]])
def test_occlusion_is_a_loop_over_windows(build, window):
    clf, X = trained(build)
    explanations = explain(clf, X[:2], method="occlusion", window=window)
    size = (8, 2) if window is None else tuple(window)
    grid = 24 // size[0], 8 // size[1]
    for row, explanation in enumerate(explanations):
        maps = explanation.head.contribution
        assert maps.shape == (3, *grid)
        assert explanation.cell == size
        logits = clf.decision_function(X[row : row + 1])[0]
        for t, m in np.ndindex(*grid):
            covered = X[row].copy()
            covered[t * size[0] : (t + 1) * size[0], m * size[1] : (m + 1) * size[1]] = 0
            drop = logits - clf.decision_function(covered[None])[0]
            np.testing.assert_allclose(maps[:, t, m], drop, atol=1e-6)
        # A drop is divided evenly, and base holds what the drops leave unexplained.
        np.testing.assert_allclose(
            explanation.contribution[:, : size[0], : size[1]].sum((1, 2)), maps[:, 0, 0], atol=1e-5
        )
        total = explanation.contribution.sum((1, 2)) + explanation.base
        np.testing.assert_allclose(total, explanation.logits, atol=1e-5)
        np.testing.assert_array_equal(explanation.logits, logits)


def test_the_default_window_fits_into_little():
    clf = small_cnn(max_epochs=1).fit(make()[0][:, :3, :2], make()[1])
    explanation = explain(clf, make()[0][:1, :3, :2], method="occlusion")[0]
    assert explanation.cell == (3, 1)
    assert explanation.head.contribution.shape == (3, 1, 2)


@pytest.mark.parametrize("window", [0, 8, (0, 1), (1, 9), (25, 1), (2.0, 2), (1, 1, 1), "ab"])
def test_windows_are_two_whole_numbers_within_the_spectrogram(window):
    clf, X = trained(small_rnn)
    with pytest.raises(ValueError, match=r"window=.*two whole numbers.*from \(1, 1\) to \(24, 8\)"):
        explain(clf, X, method="occlusion", window=window)
