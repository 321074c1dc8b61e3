"""Subject-wise evaluation, compared with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    cross_val_predict,
)
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skheart.evaluation import (
    class_table,
    evaluate_by_subject,
    evaluate_predictions,
    hold_out_by_subject,
    results_table,
)
from skheart.metrics import bootstrap_interval, uar


class Memory(ClassifierMixin, BaseEstimator):
    """Predicts the label of subjects in the training set, and "stranger" for others."""

    def fit(self, X, y, tag=None):
        self.classes_ = np.unique(y)
        self.heard_ = dict(zip(np.asarray(X)[:, 0], y, strict=True))
        self.tag_ = tag
        return self

    def predict(self, X):
        return np.array([self.heard_.get(x, "stranger") for x in np.asarray(X)[:, 0]])


def test_equals_cross_val_predict_on_the_same_folds(data):
    X, y, groups = data
    cv = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    model = LogisticRegression()
    result = evaluate_by_subject(model, X, y, groups, cv=cv, random_state=0)
    expected = cross_val_predict(model, X, y, groups=groups, cv=cv, method="predict_proba")
    np.testing.assert_allclose(result.y_proba, expected, atol=1e-12)
    assert not hasattr(model, "classes_")
    labels = cross_val_predict(model, X, y, groups=groups, cv=cv)
    np.testing.assert_array_equal(result.y_pred, labels)
    for number, (_, test) in enumerate(cv.split(X, y, groups)):
        assert (result.fold[test] == number).all()
    assert result.uar.estimate == pytest.approx(balanced_accuracy_score(y, result.y_pred))
    np.testing.assert_array_equal(result.y_true, y)
    np.testing.assert_array_equal(result.classes, np.unique(y))


def test_no_subject_is_in_training_and_test_set(data):
    _, y, groups = data
    result = evaluate_by_subject(Memory(), groups[:, np.newaxis], y, groups, random_state=0)
    assert set(result.y_pred) == {"stranger"}
    assert result.y_proba is None
    # The check can fail: with recordings split at random the same model knows nearly all subjects.
    known = cross_val_predict(Memory(), groups[:, np.newaxis], y, cv=KFold(5, shuffle=True))
    assert np.mean(known == y) > 0.8


def test_folds_are_stratified_and_seeded(data):
    X, y, groups = data
    first, same, other = (
        evaluate_by_subject(DummyClassifier(), X, y, groups, cv=5, random_state=seed).fold
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    for fold in range(5):
        assert set(y[first == fold]) == set(y)


def test_the_interval_resamples_subjects(data):
    X, y, groups = data
    result = evaluate_by_subject(LogisticRegression(), X, y, groups, random_state=0)
    by_subject = bootstrap_interval(uar, y, result.y_pred, groups=groups, random_state=1)
    np.testing.assert_allclose(result.uar, by_subject, atol=0.02)
    assert result.n_subjects == 45
    assert result.n_recordings == len(y)


@pytest.mark.parametrize("form", ["list", "ragged", "frame", "paths"])
def test_any_form_of_recordings(data, form):
    X, y, groups = data
    inputs, to_array, reference = {
        "list": (list(X), np.asarray, X),
        "ragged": (
            [np.repeat(row, 1 + i % 3) for i, row in enumerate(X)],
            lambda rows: np.array([np.unique(row)[:4] for row in rows]),
            np.sort(X, axis=1),
        ),
        "frame": (pd.DataFrame(X), np.asarray, X),
        "paths": (
            [f"{'_'.join(map(str, row))}.wav" for row in X],
            lambda rows: np.array([row[:-4].split("_") for row in rows], dtype=float),
            X,
        ),
    }[form]
    model = make_pipeline(FunctionTransformer(to_array), LogisticRegression())
    result = evaluate_by_subject(model, inputs, y, groups, cv=3, random_state=0)
    expected = evaluate_by_subject(LogisticRegression(), reference, y, groups, cv=3, random_state=0)
    np.testing.assert_array_equal(result.y_pred, expected.y_pred)


def test_n_jobs_does_not_change_the_result(data):
    X, y, groups = data
    one, two = (
        evaluate_by_subject(LogisticRegression(), X, y, groups, random_state=0, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.y_proba, two.y_proba)
    assert one.uar == two.uar


def test_params_of_fit_are_indexed_by_fold(data):
    X, y, groups = data

    class Checks(LogisticRegression):
        def fit(self, X, y, groups, tag):
            assert len(groups) == len(y) < len(data[1])
            assert tag == "as it is"
            return super().fit(X, y)

    params = {"groups": groups, "tag": "as it is"}
    result = evaluate_by_subject(Checks(), X, y, groups, random_state=0, params=params)
    assert result.uar.estimate > 0.5


def test_progress_is_on_standard_error_if_verbose(data, capsys):
    X, y, groups = data
    evaluate_by_subject(DummyClassifier(), X, y, groups, random_state=0)
    assert capsys.readouterr() == ("", "")
    evaluate_by_subject(
        make_pipeline(StandardScaler(), DummyClassifier()), X, y, groups, random_state=0, verbose=1
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert "DummyClassifier: 100%" in err
    evaluate_by_subject(DummyClassifier(), X, y, groups, random_state=0, verbose=1, name="baseline")
    assert "\rbaseline: 100%" in capsys.readouterr().err


def test_a_class_with_fewer_subjects_than_folds_is_named(data):
    X, y, groups = data
    y = np.where(groups == 0, "rare", y)
    with pytest.raises(ValueError, match=r"Class rare has 1 subject, fewer than 3: .*fewer folds"):
        evaluate_by_subject(DummyClassifier(), X, y, groups, cv=3)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (1, "at least 2. Got 1"),
        (KFold(3, shuffle=True, random_state=0), "both sides of fold 0.*GroupKFold"),
        (GroupShuffleSplit(3, random_state=0), "does not test every recording exactly once"),
    ],
)
@pytest.mark.filterwarnings("ignore:The groups parameter is ignored by KFold")
def test_invalid_splitters(data, cv, message):
    X, y, groups = data
    with pytest.raises(ValueError, match=message):
        evaluate_by_subject(DummyClassifier(), X, y, groups, cv=cv)


def test_a_fold_without_a_class_to_train_on_is_refused(data):
    X, _, groups = data
    y = np.where(groups < 15, "young", "old")
    with pytest.raises(ValueError, match="Fold . has no subject of class young left to train on"):
        evaluate_by_subject(DummyClassifier(), X, y, groups // 15, cv=GroupKFold(3))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_subject_is_an_error(data, missing):
    X, y, groups = data
    groups = [str(g) for g in groups]
    groups[7] = missing
    with pytest.raises(ValueError, match="no subject for 1 recordings, the first in row 7"):
        evaluate_by_subject(DummyClassifier(), X, y, groups)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        evaluate_by_subject(DummyClassifier(), X, y, groups[1:])


@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5])
def test_the_hold_out_keeps_subjects_classes_and_size(data, test_size):
    _, y, groups = data
    train, test = hold_out_by_subject(y, groups, test_size=test_size, random_state=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    assert np.intersect1d(groups[train], groups[test]).size == 0
    assert set(y[train]) == set(y[test]) == set(y)
    assert len(test) / len(y) == pytest.approx(test_size, abs=0.05)
    same, other = (
        hold_out_by_subject(y, groups, test_size=test_size, random_state=k)[1] for k in (0, 1)
    )
    assert test.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize("test_size", [0, 1, -0.2, 3])
def test_the_hold_out_has_a_size(data, test_size):
    with pytest.raises(ValueError, match=r"in .0, 1.. Got .*0\.2"):
        hold_out_by_subject(data[1], data[2], test_size=test_size)


def test_a_hold_out_of_too_few_subjects_is_refused():
    with pytest.raises(ValueError, match="Class b has 1 subject, fewer than 2"):
        hold_out_by_subject(["a", "a", "b", "b"], [1, 2, 3, 3])
    y, groups = np.repeat(["a", "b", "c"], [20, 2, 2]), np.arange(24)
    with pytest.raises(ValueError, match=r"test_size=0.05 of 24 subjects leaves a class without"):
        hold_out_by_subject(y, groups, test_size=0.05, random_state=0)


def test_one_subject_has_a_score_and_no_interval():
    result = evaluate_predictions([0, 1], [0, 0], groups=["anna", "anna"])
    assert result.uar.estimate == 0.5
    assert np.isnan([result.uar.low, result.uar.high]).all()


def test_the_table_counts_subjects_and_aligns():
    groups = [1, 1, 2, 3, 4]
    result = evaluate_predictions([0, 0, 0, 1, 1], [0, 0, 0, 1, 0], groups=groups, random_state=0)
    head, *rows = results_table({"a": result, "a long name": result}).splitlines()
    assert head.split() == ["model", "UAR", "95%", "CI", "subjects", "recordings"]
    assert len(rows) == 2
    for row in rows:
        assert len(row) == len(head)
        assert row.split()[-2:] == ["4", "5"]
        assert " 0.750  " in row


def test_the_class_table_holds_recalls_subjects_and_the_confusion_matrix():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.choice(["a", "bb", "c"], (2, 60))
    groups = rng.integers(0, 20, 60)
    result = evaluate_predictions(y_true, y_pred, groups=groups, random_state=0)
    lines = [line.split() for line in class_table(result).splitlines()[1:]]
    matrix = confusion_matrix(y_true, y_pred)
    np.testing.assert_array_equal([[int(x) for x in line[4:]] for line in lines], matrix)
    recalls = [float(line[1]) for line in lines]
    np.testing.assert_allclose(recalls, np.diag(matrix) / matrix.sum(axis=1), atol=5e-4)
    assert np.mean(recalls) == pytest.approx(result.uar.estimate, abs=1e-3)
    frame = pd.DataFrame({"y": y_true, "g": groups})
    assert [int(line[2]) for line in lines] == frame.groupby("y")["g"].nunique().tolist()


def test_a_class_that_is_only_predicted_has_no_recall():
    table = class_table(evaluate_predictions(["a", "a"], ["a", "b"], random_state=0))
    assert table.splitlines()[2].split() == ["b", "-", "0", "0", "0", "0"]


def test_the_frame_has_a_row_per_recording(data):
    X, y, groups = data
    result = evaluate_by_subject(LogisticRegression(), X, y, groups, random_state=0)
    frame = result.to_frame([f"{i}.wav" for i in range(len(y))])
    probabilities = ["p_absent", "p_present", "p_unknown"]
    assert list(frame) == ["path", "subject", "fold", "label", "predicted", *probabilities]
    np.testing.assert_allclose(frame[probabilities].sum(axis=1), 1)
    assert (frame[probabilities].idxmax(axis=1) == "p_" + frame["predicted"]).all()
    assert "path" not in result.to_frame()
    assert list(evaluate_predictions([0, 1], [0, 1], groups=[1, 1]).to_frame()) == [
        "subject", "fold", "label", "predicted",
    ]  # fmt: skip
