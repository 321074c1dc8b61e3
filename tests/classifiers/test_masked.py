"""Classifiers of recordings of unlike length."""

import numpy as np
import pytest
from sklearn.base import clone

from skheart import RandomOverSampler
from skheart._utils.splits import row_digests
from skheart.augmentation import Augmentation
from skheart.classifiers._inputs import longest
from skheart.explain import explain
from tests.helpers.small import N_FRAMES, N_MELS, make, small_cnn, small_rnn

CASES = [
    (small_cnn, {"head": head, **more})
    for head in ("attention", "max", "mean")
    for more in ({}, {"pool_size": [(4, 2), (3, 2)]})
]
CASES += [
    (small_rnn, {"head": head, "cell": cell, "bidirectional": both})
    for head in ("attention", "last", "max", "mean")
    for cell, both in (("lstm", False), ("gru", True))
]


def name_of(value):
    """The same in every process, unlike the address of a function."""
    return getattr(value, "__name__", str(value))


def make_masked(n=48, n_classes=3, seed=0):
    """Spectrograms whose recordings end anywhere, and their lengths."""
    X, y = make(n, n_classes, seed)
    lengths = np.random.default_rng(seed).integers(1, N_FRAMES + 1, n)
    lengths[:3] = N_FRAMES, 1, 3
    for row, length in zip(X, lengths, strict=True):
        row[length:] = np.nan
    return X, y, lengths


def widened(X, n_frames):
    return np.pad(X, ((0, 0), (0, n_frames), (0, 0)), constant_values=np.nan)


@pytest.mark.parametrize(("build", "params"), CASES, ids=name_of)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_prediction_does_not_depend_on_padding(build, params, precision):
    X, y, lengths = make_masked(n=24)
    clf = build(masked=True, max_epochs=1, precision=precision, n_threads=2, **params).fit(X, y)
    alone = [clf.predict_proba(row[None, :n])[0] for row, n in zip(X, lengths, strict=True)]
    assert len(np.unique(np.round(alone, 6), axis=0)) > 20
    rng = np.random.default_rng(1)
    for _ in range(3):
        rows = rng.choice(len(X), rng.integers(1, 20))
        wide = widened(X[rows], rng.integers(0, 9))
        cut = wide[:, : lengths[rows].max()]
        for some in (wide, cut):
            np.testing.assert_array_equal(clf.predict_proba(some), np.array(alone)[rows])


def test_equal_lengths_give_the_unmasked_results():
    X, y = make()
    masked = small_cnn(masked=True).fit(X, y)
    plain = small_cnn().fit(X, y)
    np.testing.assert_array_equal(masked.history_[:, "train_loss"], plain.history_[:, "train_loss"])
    np.testing.assert_allclose(masked.predict_proba(X), plain.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_model_does_not_depend_on_width_order_and_threads(build, early_stopping):
    X, y, _ = make_masked()
    clf = build(masked=True, early_stopping=early_stopping, max_epochs=2)
    expected = clone(clf).fit(X, y).predict_proba(X)
    order = np.random.default_rng(0).permutation(len(X))
    others = [
        clone(clf).fit(widened(X, 7), y),
        clone(clf).fit(X[order], y[order]),
        clone(clf).fit(X.astype(np.float64), y),
    ]
    if build is small_cnn:
        others.append(clone(clf).set_params(n_threads=3).fit(X, y))
    for other in others:
        np.testing.assert_array_equal(other.predict_proba(X), expected)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_masked_training_learns_with_early_stopping(build):
    X, y, lengths = make_masked(n=120)
    clf = build(masked=True, early_stopping=True, max_epochs=12, head="mean").fit(X, y)
    assert max(clf.history_[:, "valid_uar"]) > 0.6
    assert (clf.predict(X) == y)[lengths > 6].mean() > 0.8


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_crops_train_without_masks_and_predictions_are_of_whole_recordings(build):
    X, y, lengths = make_masked()
    clf = build(masked=True, augment=Augmentation(crop=8, noise=0.1, time_masks=1)).fit(X, y)
    alone = [clf.predict_proba(row[None, :n])[0] for row, n in zip(X, lengths, strict=True)]
    np.testing.assert_array_equal(clf.predict_proba(X), alone)
    build(masked=True, augment="standard", early_stopping=True).fit(X, y)
    build(masked=True, augment=Augmentation(mixup=0.4)).fit(X, y)


def test_rows_by_index_and_weights_are_accepted():
    X, y, _ = make_masked()
    y = np.where(y == 0, 0, 1)
    by_index, y_resampled = RandomOverSampler(random_state=0, copy=False).fit_resample(X, y)
    copied, _ = RandomOverSampler(random_state=0).fit_resample(X, y)
    clf = small_cnn(masked=True, max_epochs=2)
    found = clone(clf).fit(by_index, y_resampled).predict_proba(by_index)
    expected = clone(clf).fit(copied, y_resampled).predict_proba(copied)
    np.testing.assert_array_equal(found, expected)
    weight = np.random.default_rng(0).uniform(0, 2, len(X)) * (np.arange(len(X)) > 5)
    weighted = clone(clf).fit(X, y, sample_weight=weight)
    kept = weight > 0
    again = clone(clf).fit(X[kept], y[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(weighted.predict_proba(X), again.predict_proba(X))
    clone(clf).set_params(oversample=True, class_weight="balanced", early_stopping=True).fit(X, y)


def test_flat_rows_float16_and_memory_maps(tmp_path):
    X, y, _ = make_masked()
    X = X.astype(np.float16)
    clf = small_cnn(masked=True, max_epochs=1).fit(X, y)
    expected = clf.predict_proba(X.astype(np.float32))
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(clone(clf).fit(mapped, y).predict_proba(mapped), expected)
    flat = clone(clf).set_params(n_mels=N_MELS).fit(X.reshape(len(X), -1), y)
    np.testing.assert_array_equal(flat.predict_proba(X.reshape(len(X), -1)), expected)


def test_digests_ignore_padding():
    X, _, lengths = make_masked()
    same = row_digests(widened(X, 5))
    np.testing.assert_array_equal(row_digests(X), same)
    shorter = X.copy()
    shorter[0, 20:] = np.nan
    assert (row_digests(shorter)[0] != same[0]).any()
    assert longest(X) == N_FRAMES
    assert longest(X[1:3]) == lengths[1:3].max()


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
@pytest.mark.parametrize("method", ["attention", "occlusion"])
def test_explanations_cover_valid_frames_only(build, method):
    X, y, lengths = make_masked()
    clf = build(masked=True, max_epochs=1).fit(X, y)
    options = {"window": (1, 4)} if method == "occlusion" else {}
    found = explain(clf, X[:6], method=method, **options)
    for explanation, row, length in zip(found, X, lengths, strict=False):
        alone = explain(clf, row[None, :length], method=method, **options)[0]
        np.testing.assert_array_equal(explanation.logits, alone.logits)
        assert explanation.cell == alone.cell
        for name in ("contribution", "attention", "class_map"):
            maps, one = getattr(explanation, name), getattr(alone, name)
            if maps is not None:
                np.testing.assert_array_equal(maps, one)
        total = explanation.contribution.sum((1, 2)) + explanation.base
        np.testing.assert_allclose(total, explanation.logits, atol=1e-4)
        np.testing.assert_array_equal(explanation.features, row[:length])
        assert explanation.head.contribution.shape[1] == length // explanation.cell[0]


# ---------------------------------------------------------------------- errors


def spoilt(where, value=np.nan):
    X, y, _ = make_masked()
    X[where] = value
    return X, y


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ((0, 4, 2), np.nan, "NaN or infinity in row 0, frame 4, mel bin 2"),
        ((0, 4), np.nan, "NaN or infinity in row 0, frame 4, mel bin 0"),
        ((0, 23, 7), np.nan, "NaN or infinity in row 0, frame 23, mel bin 7"),
        ((0, 23), np.inf, "NaN or infinity in row 0, frame 23, mel bin 0"),
        ((7,), np.nan, "Row 7 of X is all NaN"),
    ],
)
def test_nan_inside_a_recording_is_named(where, value, message):
    X, y = spoilt(where, value)
    with pytest.raises(ValueError, match=message):
        small_cnn(masked=True).fit(X, y)
    good, y, _ = make_masked()
    clf = small_cnn(masked=True, max_epochs=1).fit(good, y)
    with pytest.raises(ValueError, match=message):
        clf.predict(X)


def test_unmasked_classifiers_refuse_nan_with_a_remedy():
    X, y, _ = make_masked()
    message = "Input X contains NaN: the last 23 frames of row 1 .* Set masked=True"
    with pytest.raises(ValueError, match=message):
        small_cnn().fit(X, y)
    whole, y = make()
    clf = small_cnn(max_epochs=1).fit(whole, y)
    with pytest.raises(ValueError, match=message):
        clf.predict(X)
    whole[3, 4, 5] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN.\n"):
        clf.predict(whole)


def test_a_head_that_needs_equal_lengths_is_refused():
    X, y, _ = make_masked()
    with pytest.raises(ValueError, match="which head='flatten' does not take"):
        small_cnn(masked=True, head="flatten").fit(X, y)


def test_only_the_number_of_frames_may_differ():
    X, y, _ = make_masked()
    clf = small_cnn(masked=True, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="24 frames x 7 mel bins, but .* fitted on 24 x 8"):
        clf.predict(X[:, :, :7])
    assert clf.predict(X[:1, :5]).shape == (1,)
