"""explain for single networks, against plain torch and NumPy."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skheart.explain import explain
from tests.helpers.small import make, small_cnn, small_rnn

# pool_size=5 runs out of frames; (7, 3) leaves frames and mel bins over.
CNNS = [2, "fine", 5, [(7, 3), (1, 2)]]
NETS = [
    *(lambda pool=pool, **p: small_cnn(pool_size=pool, **p) for pool in CNNS),
    lambda **p: small_cnn(rectifier="softmax", **p),
    small_rnn,
    lambda **p: small_rnn(cell="gru", **p),
    lambda **p: small_rnn(bidirectional=True, units=(6, 4), **p),
]
HEADS = [
    *(lambda head=head, **p: small_cnn(head=head, **p) for head in ("max", "mean", "flatten")),
    *(lambda head=head, **p: small_rnn(head=head, **p) for head in ("max", "mean", "last")),
    lambda **p: small_rnn(head="last", bidirectional=True, **p),
    lambda **p: small_cnn(head="mean", pool_size=5, **p),
]


def trained(build, **params):
    X, y = make()
    clf = build(max_epochs=2, **params).fit(X, y)
    # The bias of C is part of the maps, so it must not be 0 here.
    with torch.no_grad():
        clf.net_.module_.head.bias.add_(torch.tensor([0.3, -0.2, 0.1]))
    return clf, make(7, seed=5)[0]


def features_of(clf, X):
    """Feature map (n, channels, time, mel) by torch functions, in float64."""
    module = clf.net_.module_.eval()
    h = torch.from_numpy(X)
    with torch.no_grad():
        if hasattr(module, "layers"):
            for layer in module.layers:
                h = layer(h)[0]
            return h.transpose(1, 2)[..., None].double().numpy()
        h = h[:, None]
        for conv, norm, pool in zip(module.convs, module.norms, module.pool_sizes, strict=True):
            h = functional.conv2d(h, conv.weight, padding="same")
            h = functional.batch_norm(
                h, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
            pool = [min(size, left) for size, left in zip(pool, h.shape[2:], strict=True)]
            h = functional.max_pool2d(functional.relu(h), pool)
    return h.double().numpy()


def cells_of(clf, n, axis):
    """First and last frame (axis 0) or mel bin (axis 1) of each cell."""
    if hasattr(clf.net_.module_, "layers"):
        return [(k, k) for k in range(n)] if axis == 0 else [(0, n - 1)]
    low = high = list(range(n))
    for pool in clf.net_.module_.pool_sizes:
        size = min(pool[axis], len(low))
        groups = range(0, len(low) // size * size, size)
        low, high = [low[k] for k in groups], [high[k + size - 1] for k in groups]
    return list(zip(low, high, strict=True))


def linear_layer(layer, features):
    weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
    weight = weight.reshape(len(weight), -1)
    return np.einsum("kc,nctm->nktm", weight, features) + bias[:, None, None]


@pytest.mark.parametrize("build", NETS)
def test_attention_follows_the_formula_of_the_paper(build):
    clf, X = trained(build)
    head = clf.net_.module_.head
    features = features_of(clf, X)
    C, F = linear_layer(head.class_conv, features), linear_layer(head.attention_conv, features)
    if clf.rectifier == "sigmoid":
        F = 1 / (1 + np.exp(-F))
    else:
        F = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    F = np.maximum(F, 1e-7)
    F /= F.sum(axis=(2, 3), keepdims=True)
    explanations = explain(clf, X)
    assert len(explanations) == len(X)
    for row, explanation in enumerate(explanations):
        maps = explanation.head
        np.testing.assert_allclose(maps.attention, F[row], rtol=1e-4)
        np.testing.assert_allclose(maps.class_map, C[row], atol=1e-4)
        np.testing.assert_allclose(maps.contribution, C[row] * F[row], atol=1e-5)
        np.testing.assert_allclose((C[row] * F[row]).sum((1, 2)), explanation.logits, atol=1e-4)


@pytest.mark.parametrize("build", NETS)
def test_a_cell_is_divided_among_its_frames_and_mel_bins(build):
    clf, X = trained(build)
    explanation = explain(clf, X[:1])[0]
    maps, shape = explanation.head, X.shape[1:]
    expected = {name: np.zeros((3, *shape)) for name in ("attention", "class_map", "contribution")}
    rows, columns = (cells_of(clf, n, axis) for axis, n in enumerate(shape))
    assert maps.contribution.shape == (3, len(rows), len(columns))
    for i, (t0, t1) in enumerate(rows):
        for j, (m0, m1) in enumerate(columns):
            size = (t1 + 1 - t0) * (m1 + 1 - m0)
            assert explanation.cell == (t1 + 1 - t0, m1 + 1 - m0)
            inside = np.s_[:, t0 : t1 + 1, m0 : m1 + 1]
            expected["attention"][inside] = maps.attention[:, i, j][:, None, None] / size
            expected["contribution"][inside] = maps.contribution[:, i, j][:, None, None] / size
            expected["class_map"][inside] = maps.class_map[:, i, j][:, None, None]
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(explanation, name), values, atol=1e-6, err_msg=name)
    # On the fine grid, C * F* still is the contribution and F* sums to 1.
    product = explanation.class_map * explanation.attention
    np.testing.assert_allclose(product, explanation.contribution, atol=1e-6)
    np.testing.assert_allclose(explanation.attention.sum((1, 2)), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore:head=")
@pytest.mark.parametrize("build", NETS + HEADS)
def test_contributions_sum_to_the_logits_on_both_grids(build):
    clf, X = trained(build)
    for explanation in explain(clf, X):
        for contribution in (explanation.contribution, explanation.head.contribution):
            assert contribution.dtype == np.float32
            np.testing.assert_allclose(contribution.sum((1, 2)), explanation.logits, atol=1e-4)
        np.testing.assert_array_equal(explanation.base, np.zeros(3))


@pytest.mark.filterwarnings("ignore:head=")
@pytest.mark.parametrize("build", NETS + HEADS)
def test_predictions_are_those_of_the_classifier(build):
    clf, X = trained(build)
    explanations = explain(clf, X)
    for name, values in (
        ("logits", clf.decision_function(X)),
        ("probabilities", clf.predict_proba(X)),
        ("label", clf.predict(X)),
    ):
        np.testing.assert_array_equal([getattr(e, name) for e in explanations], values)
    np.testing.assert_array_equal(explanations[0].classes, clf.classes_)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_bfloat16(build):
    clf, X = trained(build, precision="bfloat16")
    explanations = explain(clf, X)
    np.testing.assert_array_equal([e.logits for e in explanations], clf.decision_function(X))
    total = [e.contribution.sum((1, 2)) for e in explanations]
    np.testing.assert_allclose(total, clf.decision_function(X), atol=1e-4)


@pytest.mark.filterwarnings("ignore:head=")
@pytest.mark.parametrize("head", ["max", "mean", "flatten"])
def test_terms_of_a_linear_head_are_those_of_single_cells(head):
    """Features of a CNN are not negative, so 0 takes a cell out of a maximum."""
    clf, X = trained(small_cnn, head=head)
    weight = clf.net_.module_.head.linear.weight.detach().double().numpy()
    bias = clf.net_.module_.head.bias.detach().double().numpy()
    features = features_of(clf, X[:1])[0]
    flat = features.reshape(len(features), -1)
    n_cells = flat.shape[1]
    terms = np.zeros((3, n_cells))
    for cell in range(n_cells):
        alone = np.zeros_like(flat)
        alone[:, cell] = flat[:, cell]
        if head == "max":
            alone[flat.argmax(axis=1) != cell] = 0
            pooled = alone.max(axis=1)
        else:
            pooled = alone.mean(axis=1) if head == "mean" else alone.ravel()
        terms[:, cell] = weight @ pooled + bias / n_cells
    found = explain(clf, X[:1])[0].head
    assert found.attention is None
    np.testing.assert_allclose(found.contribution.reshape(3, -1), terms, atol=1e-5)
    if head == "mean":
        np.testing.assert_allclose(found.class_map / n_cells, found.contribution, rtol=1e-5)


@pytest.mark.parametrize("labels", [["only"], [-1, 1], [False, True]], ids=str)
def test_any_labels(labels):
    labels = np.asarray(labels)
    X, codes = make(30, n_classes=len(labels))
    clf = small_cnn(max_epochs=1).fit(X, labels[codes])
    explanations = explain(clf, X)
    np.testing.assert_array_equal([e.label for e in explanations], clf.predict(X))
    logits = np.array([e.logits for e in explanations])
    assert logits.shape == (30, len(labels))
    if len(labels) == 2:  # decision_function is the difference of the two
        np.testing.assert_array_equal(logits[:, 1] - logits[:, 0], clf.decision_function(X))


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
@pytest.mark.parametrize("method", ["attention", "integrated_gradients", "occlusion"])
def test_explanations_do_not_depend_on_the_other_recordings(build, method):
    clf, X = trained(build)
    for row, explanation in enumerate(explain(clf, X, method=method)):
        alone = explain(clf, X[row : row + 1], method=method)[0]
        np.testing.assert_array_equal(explanation.logits, alone.logits)
        np.testing.assert_array_equal(explanation.contribution, alone.contribution)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("head", ["max", "mean", "flatten", "last"])
def test_a_head_without_attention_warns_of_missing_maps(head):
    build = small_rnn if head == "last" else small_cnn
    clf, X = trained(build, head=head)
    with pytest.warns(UserWarning, match=f"head='{head}' has no attention") as found:
        explanation = explain(clf, X)[0]
    explain(clf, X[:1], method="occlusion")
    assert len(found) == 1
    assert found[0].filename == __file__
    text = str(found[0].message)
    assert explanation.attention is None
    assert (
        (explanation.class_map is None)
        == ("lack attention and class_map" in text)
        == (head != "mean")
    )
    assert explanation.contribution is not None
