"""RecordingDropout repeats joined recordings without one of their parts."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold

import skheart
from skheart import LogMelTransformer, PatientClassifier, RecordingDropout
from skheart.audio import JoinedRecording, LazyConcatenation
from skheart.segmentation import HeartCycleTransformer
from tests.helpers.phases import fitted_segmenter

LENGTHS = {"one": [5], "two": [3, 4], "three": [2, 3, 2], "six": [1, 2, 3, 4, 5, 6]}


def recordings_of(name):
    """Return the recordings of a patient, each with a different constant."""
    return [np.full(n, k + 10 * n, np.float32) for k, n in enumerate(LENGTHS[name])]


def joined(*names):
    return [JoinedRecording.of(recordings_of(name)) for name in names or LENGTHS]


class Recorder(ClassifierMixin, BaseEstimator):
    """Classifier that keeps its input."""

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X):
        self.predicted_ = X
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("copy", [True, False])
def test_each_copy_is_without_one_recording(copy):
    X, y = joined(), np.array(["a", "b", "a", "b"])
    sampler = RecordingDropout(n_copies=4, copy=copy)
    X_res, y_res = sampler.fit_resample(X, y)
    assert all(one is other for one, other in zip(X_res[:4], X, strict=False))
    kept = {
        "one": [[0]] * 4,
        "two": [[1], [0], [1], [0]],
        "three": [[1, 2], [0, 2], [0, 1], [1, 2]],
        "six": [[k for k in range(6) if k != left] for left in range(4)],
    }
    expected = [
        np.concatenate([recordings_of(name)[k] for k in rows])
        for name, copies in kept.items()
        for rows in copies
    ]
    assert [np.asarray(x).tolist() for x in X_res[4:]] == [x.tolist() for x in expected]
    assert sampler.sample_indices_.tolist() == [0, 1, 2, 3, *np.repeat(range(4), 4)]
    np.testing.assert_array_equal(y_res, y[sampler.sample_indices_])
    kinds = {type(x) for x in X_res[8:]}
    assert kinds == {JoinedRecording if copy else LazyConcatenation}


@pytest.mark.parametrize("kind", [list, pd.Series, np.array])
def test_labels_keep_their_type(kind):
    y = kind(["a", "b"])
    _, y_res = RecordingDropout(n_copies=1).fit_resample(joined("one", "two"), y)
    assert type(y_res) is type(y)
    assert list(y_res) == [*y, *y]


def test_lazy_copies_need_no_memory():
    X = [JoinedRecording.of([np.zeros(50_000, np.float32)] * 4) for _ in range(10)]
    peaks = {}
    for copy in (True, False):
        tracemalloc.start()
        try:
            X_res, _ = RecordingDropout(copy=copy).fit_resample(X, np.zeros(10))
            peaks[copy] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(X_res) == 50
    assert peaks[True] > 4 * 10 * 3 * 50_000 * 4  # 24 MB
    assert peaks[False] < 1e5


@pytest.mark.parametrize(
    "X",
    [
        [np.zeros(5), np.ones(3)],
        ["a.wav", "b.wav"],
        pd.Series(["a.wav", "b.wav"]),
        pd.DataFrame({"path": ["a.wav", "b.wav"]}),
        np.arange(6.0).reshape(2, 3),
        np.arange(12.0).reshape(2, 3, 2),
    ],
    ids=lambda X: type(X).__name__,
)
def test_other_arrays_and_paths_count_as_one_recording(X):
    X_res, y_res = RecordingDropout(n_copies=2).fit_resample(X, [0, 1])
    rows = list(np.asarray(X).reshape(2, -1)) if hasattr(X, "shape") else X
    expected = [rows[k] for k in (0, 1, 0, 0, 1, 1)]
    assert [np.ravel(x).tolist() for x in X_res] == [np.ravel(x).tolist() for x in expected]
    assert y_res == [0, 1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("X", "y", "params", "message"),
    [
        (joined(), [0, 1], {}, r"inconsistent numbers of samples: \[4, 2\]"),
        ([*joined("one"), joined("two")[0] * 2], [0, 1], {}, "row 1 was changed .* first step"),
        ([joined("two")[0][1:]], [0], {}, "at row 0 was changed"),
        ([3, 4], [0, 1], {}, "Expected 2D array, got 1D array instead: 2 numbers"),
        (joined("one"), [0], {"n_copies": 0}, "'n_copies' parameter of RecordingDropout must be"),
        (joined("one"), [0], {"copy": "no"}, "'copy' parameter of RecordingDropout must be"),
    ],
)
def test_errors(X, y, params, message):
    with pytest.raises(ValueError, match=message):
        RecordingDropout(**params).fit_resample(X, y)


def test_in_a_patient_classifier_only_fit_sees_copies():
    names = ["two", "three", "one", "six"]
    recordings = [part for name in names for part in recordings_of(name)]
    groups = np.repeat(names, [len(LENGTHS[name]) for name in names])
    y = np.isin(groups, ["two", "one"]).astype(int)
    model = PatientClassifier(make_pipeline(RecordingDropout(n_copies=2), Recorder()), join=True)
    model.fit(recordings, y, groups=groups)
    seen = model.estimators_[0][-1]
    in_order = [*zip(*sorted(zip(names, [1, 0, 1, 0], strict=True)), strict=True)]
    expected = joined(*in_order[0])
    assert [len(x) for x in seen.X_[:4]] == [len(x) for x in expected]
    assert len(seen.X_) == 12
    np.testing.assert_array_equal(seen.y_[:4], in_order[1])
    np.testing.assert_array_equal(seen.y_[4:], np.repeat(in_order[1], 2))
    model.predict_patients(recordings, groups)
    assert [x.tolist() for x in seen.predicted_] == [x.tolist() for x in expected]


@pytest.fixture(scope="module")
def fitted():
    sounds, segmenter = fitted_segmenter(n_subjects=8)
    # Two recordings per subject, and three of the first.
    halves = [sound[a:b] for sound in sounds.data for a, b in ((0, 8000), (8000, 16000))]
    halves.append(halves[0][:7000])
    y, groups = (np.append(np.repeat(v, 2), v[0]) for v in (sounds.target, sounds.groups))
    forest = make_pipeline(
        RecordingDropout(n_copies=2, copy=False),
        HeartCycleTransformer(FrozenEstimator(segmenter)),
        ExtraTreesClassifier(n_estimators=5, random_state=0),
    )
    model = PatientClassifier(forest, join=True).fit(halves, y, groups=groups)
    return model, halves, y, groups


def test_a_forest_trained_on_copies_equals_one_trained_on_rows_made_by_hand(fitted):
    model, halves, y, groups = fitted
    _, cycle, forest = (step for _, step in model.estimators_[0].steps)
    who = np.unique(groups)
    rows, labels = [], []
    for left_out in (None, 0, 1):
        for one in who:
            mine = [halves[row] for row in np.flatnonzero(groups == one)]
            kept = [part for k, part in enumerate(mine) if k != left_out]
            rows.append(np.concatenate(kept).astype(np.float32))
            labels.append(y[groups == one][0])
    # fit_resample returns both copies of a patient, then those of the next
    n = len(who)
    order = [*range(n), *np.array([[n + k, 2 * n + k] for k in range(n)]).ravel()]
    X = cycle.transform([rows[k] for k in order])
    expected = clone(forest).fit(X, np.array(labels)[order])
    test = cycle.transform([np.concatenate(halves[:2]), halves[3]])
    np.testing.assert_array_equal(forest.predict_proba(test), expected.predict_proba(test))


def test_model_files_and_grid_search_keep_the_sampler(fitted, tmp_path):
    model, halves, y, groups = fitted
    file = tmp_path / "model.safetensors"
    skheart.save(model, file)
    again = skheart.load(file)
    assert again.estimators_[0][0].get_params() == {"n_copies": 2, "copy": False}
    one, two = (each.predict_patients(halves, groups).probabilities for each in (model, again))
    np.testing.assert_array_equal(one, two)
    table = pd.DataFrame({"recording": halves, "subject": groups})
    search = GridSearchCV(
        clone(model), {"estimator__recordingdropout__n_copies": [1, 3]}, cv=GroupKFold(2)
    ).fit(table, y, groups=groups)
    assert set(search.best_params_.values()) <= {1, 3}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_without_join_each_recording_is_repeated(fitted):
    model, halves, y, groups = fitted
    apart = clone(model).set_params(join=False).fit(halves, y, groups=groups)
    assert len(apart.estimators_[0][0].sample_indices_) == 3 * len(halves)
    assert apart.predict_patients(halves, groups).probabilities.shape == (8, 3)


def test_the_model_does_not_depend_on_n_jobs(fitted):
    model, halves, y, groups = fitted
    one, two = (
        clone(model).set_params(n_estimators=2, n_jobs=n_jobs, random_state=0)
        .fit(halves, y, groups=groups).predict_patients(halves, groups).probabilities
        for n_jobs in (1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(one, two)


def test_log_mel_features_of_lazy_copies():
    parts = [np.sin(np.arange(3000) / k).astype(np.float32) for k in (5, 9)]
    logmel = LogMelTransformer(duration=1.5)
    pieces, whole = (
        logmel.fit_transform([LazyConcatenation(parts)]),
        logmel.transform([np.concatenate(parts)]),
    )
    np.testing.assert_array_equal(pieces, whole)
