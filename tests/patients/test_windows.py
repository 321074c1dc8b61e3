"""Recordings cut into windows and recordings that are joined, on the way to patients."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from skheart.patients import PatientClassifier
from skheart.patients._recordings import cut_windows

# ---------------------------------------------------------------------- windows


def test_windows_cover_a_recording_to_its_end():
    recordings = [np.arange(1000.0), np.arange(350.0), np.arange(400.0)]
    windows, parent = cut_windows(recordings, 4.0, 0.5, 100)
    starts = [[w[0] for w, p in zip(windows, parent, strict=True) if p == k] for k in range(3)]
    assert starts == [[0, 200, 400, 600], [0], [0]]
    assert [len(w) for w in windows] == [400] * 4 + [350, 400]
    windows, _ = cut_windows([np.arange(1050.0)], 4.0, 0.5, 100)
    assert [w[0] for w in windows] == [0, 200, 400, 600, 650]
    windows, _ = cut_windows([np.arange(1000.0)], 3.0, 0.0, 100)
    assert [w[0] for w in windows] == [0, 300, 600, 700]


def test_windows_of_files(tmp_path):
    import soundfile

    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "a.wav", samples, 4000, subtype="FLOAT")
    windows, parent = cut_windows([str(tmp_path / "a.wav")], 1.0, 0.0, 4000)
    np.testing.assert_allclose(np.concatenate(windows), samples, rtol=1e-6)
    assert parent.tolist() == [0, 0]


def test_windows_of_a_recording_are_put_together():
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=size) for size in (900, 400, 1200, 650, 500, 800)]
    y = np.array(["a", "b"] * 3)
    model = PatientClassifier(Mean(), window=4.0, overlap=0.5, sr=100, level="recording")
    model.fit(recordings, y)
    windows, parent = cut_windows(recordings, 4.0, 0.5, 100)
    assert len(model.estimators_[0].seen_) == len(windows)
    assert model.estimators_[0].labels_.tolist() == y[parent].tolist()
    alone = Mean().fit(windows, y[parent]).predict_proba(windows)
    by_hand = [alone[parent == row].mean(axis=0) for row in range(6)]
    np.testing.assert_allclose(model.predict_proba(recordings), by_hand)


class Mean(LogisticRegression):
    """Probability by the mean of a recording; keeps what it was fitted on."""

    def fit(self, X, y):
        self.seen_, self.labels_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-10 * np.array([np.mean(x) for x in X])))
        return np.stack([1 - p, p], axis=1)


# ---------------------------------------------------------------------- joined recordings


def joined_problem():
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=size) + row % 4 // 2 for row, size in enumerate([60, 40] * 12)]
    return recordings, np.array(["a", "b"])[np.arange(24) % 4 // 2], np.arange(24) // 2


def test_joined_recordings_are_one_to_the_estimator():
    recordings, y, groups = joined_problem()
    model = PatientClassifier(Mean(), join=True, sr=100).fit(recordings, y, groups=groups)
    assert [len(x) for x in model.estimators_[0].seen_] == [100] * 12
    np.testing.assert_allclose(
        model.estimators_[0].seen_[3], np.concatenate(recordings[6:8]), rtol=1e-6
    )
    assert model.estimators_[0].labels_.tolist() == ["a", "b"] * 6
    mean = np.mean(np.concatenate(recordings[:2]).astype(np.float32))
    found = model.predict_patients(recordings[:2], [7, 7])
    assert found.probabilities[0, 1] == pytest.approx(1 / (1 + np.exp(-10 * mean)), rel=1e-5)
    assert found.n_recordings.tolist() == [2]
    alone = model.set_params(level="recording").predict_proba(recordings[:2], [7, 7])
    np.testing.assert_allclose(alone, Mean().predict_proba(recordings[:2]), rtol=1e-6)


def test_joined_recordings_out_of_fold():
    recordings, y, groups = joined_problem()
    cv = StratifiedGroupKFold(3)
    model = PatientClassifier(Mean(), join=True, sr=100, cv=cv, calibrator="logistic")
    model.fit(recordings, y, groups=groups)
    whole = [np.concatenate(recordings[k : k + 2]).astype(np.float32) for k in range(0, 24, 2)]
    by_hand = Mean().predict_proba(whole)
    np.testing.assert_allclose(model.oof_.probabilities, by_hand, rtol=1e-5)
    assert [len(member.seen_) for member in model.estimators_] == [8, 8, 8]
    found = model.predict_patients(recordings, groups).probabilities
    odds = np.log(by_hand[:, 1:] / by_hand[:, :1])
    np.testing.assert_allclose(found, model.calibrator_.predict_proba(odds), rtol=1e-4)


# ---------------------------------------------------------------------- with the front end


def test_attention_over_windows_through_a_pipeline():
    """Windows of one recording weigh by what the head found in each, as the head over all does."""
    from skheart import make_heart_pipeline
    from skheart.classifiers import attention_mass

    rng = np.random.default_rng(0)
    recordings, y = [rng.normal(size=3000) for _ in range(8)], np.arange(8) % 2
    pipeline = make_heart_pipeline(random_state=0).set_params(
        logmel__sr=1000, logmel__duration=1, logmel__n_mels=8, clf__channels=(4,), clf__max_epochs=1
    )
    model = PatientClassifier(
        pipeline, aggregate="attention", window=1.0, overlap=0.0, sr=1000, level="recording"
    ).fit(recordings, y)
    member = model.estimators_[0]
    windows, parent = cut_windows(recordings, 1.0, 0.0, 1000)
    mass, log_proba = attention_mass(member, windows), np.log(member.predict_proba(windows))
    features = member["logmel"].transform(windows)
    _, clf = member.steps[-1]
    with torch.no_grad():
        maps = clf.net_.module_(torch.as_tensor(features), return_maps=True)
    raw = (maps.attention * maps.mass[:, :, None, None]).sum((2, 3)).numpy()
    np.testing.assert_allclose(mass, raw, rtol=1e-4)
    for row, found in enumerate(model.predict_proba(recordings)):
        own = parent == row
        together = np.exp((mass[own] * log_proba[own]).sum(0) / mass[own].sum(0))
        np.testing.assert_allclose(found, together / together.sum(), rtol=1e-6)
