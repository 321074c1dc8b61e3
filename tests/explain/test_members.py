"""explain for networks in a PatientClassifier: the mean over its members."""

import warnings

import numpy as np
import pytest
from imblearn.pipeline import Pipeline
from sklearn.exceptions import NotFittedError

from skheart import AttentionCNNClassifier, LogMelTransformer
from skheart.explain import explain, explain_checks
from skheart.patients import PatientClassifier


def pipeline(masked=True, **params):
    front_end = LogMelTransformer(duration=2, n_mels=16, pad="mask" if masked else "repeat")
    clf = AttentionCNNClassifier(
        channels=(4, 8), masked=masked, max_epochs=2, random_state=0, device="cpu", **params
    )
    return Pipeline([("logmel", front_end), ("clf", clf)])


def ensemble(sounds, **params):
    settings = {"cv": 2, "level": "recording", "random_state": 0, **params.pop("settings", {})}
    model = PatientClassifier(pipeline(**params), **settings)
    return model.fit(sounds[0], sounds[1])


@pytest.fixture(scope="module")
def sounds():
    """Twelve recordings of 0.6 to 2.5 s; three labels."""
    rng = np.random.default_rng(0)
    recordings = [
        rng.normal(size=int(4000 * s)).astype("float32") for s in np.linspace(0.6, 2.5, 12)
    ]
    y = np.resize(["absent", "present", "unknown"], 12)
    for recording, label in zip(recordings, y, strict=True):
        if label == "present":
            recording += np.sin(np.arange(len(recording)) * 0.4).astype("float32")
    return recordings, y


@pytest.fixture(scope="module")
def model(sounds):
    return ensemble(sounds)


@pytest.mark.parametrize("masked", [True, False])
def test_contributions_sum_to_the_mean_logits(sounds, model, masked):
    """Logits and log-probabilities differ only by a constant per recording."""
    model = model if masked else ensemble(sounds, masked=False)
    expected = np.mean(
        [np.log(member.predict_proba(sounds[0])) for member in model.estimators_], axis=0
    )
    expected -= expected.mean(axis=1, keepdims=True)
    found = explain(model, sounds[0])
    assert len(found) == 12
    for one, logits, probabilities in zip(
        found, expected, model.predict_proba(sounds[0]), strict=True
    ):
        total = one.contribution.sum(axis=(1, 2)) + one.base
        np.testing.assert_allclose(total - total.mean(), logits, atol=1e-4)
        np.testing.assert_allclose(one.logits, total, atol=1e-4)
        np.testing.assert_allclose(one.probabilities, probabilities, atol=1e-5)
        assert one.label == model.classes_[probabilities.argmax()]


@pytest.mark.parametrize("method", ["attention", "occlusion"])
def test_maps_are_the_means_of_those_of_the_members(sounds, model, method):
    found = explain(model, sounds[0][:2], method=method)
    parts = [explain(member, sounds[0][:2], method=method) for member in model.estimators_]
    assert len(parts) == 2
    for one, first, second in zip(found, *parts, strict=True):
        assert not np.allclose(first.contribution, second.contribution)
        for name in ("contribution", *(["attention", "class_map"] * (method == "attention"))):
            maps = [getattr(part, name) for part in (one, first, second)]
            np.testing.assert_allclose(maps[0], (maps[1] + maps[2]) / 2, atol=1e-6)
        np.testing.assert_allclose(one.base, (first.base + second.base) / 2, atol=1e-6)
        np.testing.assert_array_equal(one.signal, first.signal)
        np.testing.assert_array_equal(one.times, first.times)
        assert one.cell == first.cell


def test_attention_sums_to_one_over_the_frames_of_the_recording(sounds, model):
    short = explain(model, sounds[0][:1])[0]
    np.testing.assert_allclose(short.attention.sum(axis=(1, 2)), 1, atol=1e-4)
    n_frames = 1 + (len(sounds[0][0]) - 256) // 128
    assert short.features.shape[0] == short.attention.shape[1] == len(short.times) == n_frames
    assert np.isfinite(short.features).all()


def test_members_must_share_grid_and_classes(sounds, model):
    fine = pipeline(pool_size="fine").fit(*sounds)
    mixed = PatientClassifier(pipeline(), cv=2, random_state=0).fit(*sounds)
    mixed.estimators_ = [mixed.estimators_[0], fine]
    with pytest.raises(ValueError, match=r"estimators_\[1\] has maps of .*one by one"):
        explain(mixed, sounds[0][:2])
    other = pipeline().fit(sounds[0], np.resize(["a", "b", "c"], 12))
    mixed.estimators_ = [mixed.estimators_[0], other]
    with pytest.raises(ValueError, match=r"estimators_\[1\] has the classes \['a', 'b', 'c'\]"):
        explain(mixed, sounds[0][:2])


def test_windows_and_checks_of_several_members_are_refused(sounds, model):
    windows = PatientClassifier(pipeline(), window=0.5).fit(*sounds)
    with pytest.raises(ValueError, match=r"window=0.5 s.*estimators_\[0\]"):
        explain(windows, sounds[0])
    with pytest.raises(TypeError, match=r"Pass estimator.estimators_\[0\]"):
        explain_checks(model, sounds[0])
    with pytest.raises(NotFittedError):
        explain(PatientClassifier(pipeline()), sounds[0])


def test_a_head_without_attention_warns_once(sounds):
    model = ensemble(sounds, head="mean")
    with pytest.warns(UserWarning, match="head='mean' has no attention") as found:
        one = explain(model, sounds[0][:1])[0]
    assert (len(found), found[0].filename) == (1, __file__)
    assert one.attention is None
    assert one.class_map is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(model, sounds[0][:1], method="occlusion")
