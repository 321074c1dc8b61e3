"""Scores by class and subgroup, compared with scikit-learn and pandas."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from skheart.evaluation import ScoreReport, evaluate_by_subject, report
from skheart.metrics import (
    bootstrap_interval,
    circor_weighted_accuracy,
    expected_calibration_error,
    sensitivity_at_specificity,
    uar,
)

LABELS = np.array(["Absent", "Present", "Unknown"])
FAST = {"n_resamples": 20, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    """240 recordings of 80 subjects: true and predicted labels, probabilities, subgroups."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(80), 3))
    y_true = LABELS[groups % 3]
    y_proba = rng.dirichlet(np.ones(3), 240)
    y_proba[np.arange(240), groups % 3] += 0.4
    y_proba /= y_proba.sum(axis=1, keepdims=True)
    by = {
        "site": rng.choice(["AV", "MV", "PV"], 240),
        "sex": np.where(groups % 2, "Female", "Male"),
    }
    return {
        "y_true": y_true,
        "y_pred": LABELS[y_proba.argmax(axis=1)],
        "y_proba": y_proba,
        "groups": groups,
        "by": by,
    }


def rows_of(result, **chosen):
    frame = result.frame
    for column, value in chosen.items():
        frame = frame[frame[column] == value]
    return frame


def test_the_classes_are_scikit_learns_report(data):
    result = report(data["y_true"], data["y_pred"], groups=data["groups"], **FAST)
    precision, recall, _, support = precision_recall_fscore_support(data["y_true"], data["y_pred"])
    recalls, precisions = (rows_of(result, by="class", metric=m) for m in ("recall", "precision"))
    assert recalls.value.tolist() == precisions.value.tolist() == LABELS.tolist()
    np.testing.assert_allclose(recalls.score, recall)
    np.testing.assert_allclose(precisions.score, precision)
    assert recalls.n_recordings.tolist() == support.tolist()
    frame = pd.DataFrame({name: data[name] for name in ("y_true", "y_pred", "groups")})
    assert recalls.n_subjects.tolist() == frame.groupby("y_true")["groups"].nunique().tolist()
    assert precisions.n_recordings.tolist() == frame.groupby("y_pred").size().tolist()
    assert precisions.n_subjects.tolist() == frame.groupby("y_pred")["groups"].nunique().tolist()


def test_every_subgroup_is_scored_on_its_own(data):
    names = ["uar", "circor_weighted_accuracy", "sensitivity", "specificity", "roc_auc"]
    names += ["expected_calibration_error", "sensitivity_at_specificity"]
    result = report(**data, metrics=names, **FAST)
    assert list(result.frame) == [
        "by", "value", "metric", "score", "low", "high", "n_subjects", "n_recordings", "note",
    ]  # fmt: skip
    chosen = {("all", "all"): np.ones(240, dtype=bool)}
    for name, values in data["by"].items():
        chosen |= {(name, value): values == value for value in np.unique(values)}
    for (by, value), rows in chosen.items():
        true, called, proba = (data[k][rows] for k in ("y_true", "y_pred", "y_proba"))
        found = rows_of(result, by=by, value=value).set_index("metric")
        assert list(found.index) == names
        present, rest = true == "Present", (true != "Present").astype(int)
        expected = {
            "uar": balanced_accuracy_score(true, called),
            "circor_weighted_accuracy": circor_weighted_accuracy(true, called),
            "sensitivity": recall_score(present, called == "Present"),
            "specificity": recall_score(rest, (called != "Present").astype(int)),
            "roc_auc": roc_auc_score(true, proba, multi_class="ovr"),
            "expected_calibration_error": expected_calibration_error(true, proba),
            "sensitivity_at_specificity": sensitivity_at_specificity(present, proba[:, 1]),
        }
        for metric, score in expected.items():
            assert found.score[metric] == pytest.approx(score), (by, value, metric)
        assert (found.n_recordings == rows.sum()).all()
        assert (found.n_subjects == len(np.unique(data["groups"][rows]))).all()
        assert (found.low <= found.score).all()
        assert (found.score <= found.high).all()
        assert (found.note == "").all()


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_intervals_resample_the_subjects_of_the_subgroup(data, method):
    options = {"n_resamples": 400, "random_state": 0, "method": method, "confidence": 0.8}
    result = report(**data, **options)
    row = rows_of(result, by="sex", value="Male").iloc[0]
    rows = data["by"]["sex"] == "Male"
    true, called, groups = (data[k][rows] for k in ("y_true", "y_pred", "groups"))
    options["n_resamples"], options["random_state"] = 4000, 1
    expected = bootstrap_interval(uar, true, called, groups=groups, **options)
    np.testing.assert_allclose(row[["low", "high"]].to_list(), expected[1:], atol=0.012)
    assert "80% CI" in str(result)
    of_class = rows_of(result, by="class", value="Present", metric="recall").iloc[0]
    own = data["y_true"] == "Present"
    expected = bootstrap_interval(
        uar, data["y_true"][own], data["y_pred"][own], groups=data["groups"][own], **options
    )
    np.testing.assert_allclose(of_class[["low", "high"]].to_list(), expected[1:], atol=0.015)


def test_roc_auc_of_ties_and_of_two_classes():
    rng = np.random.default_rng(0)
    y_true, p = rng.integers(0, 2, 60), np.round(rng.random(60), 1)
    y_proba = np.column_stack([1 - p, p])
    result = report(y_true, (p > 0.5).astype(int), y_proba, metrics="roc_auc", **FAST)
    assert result.frame.score[0] == pytest.approx(roc_auc_score(y_true, p))


def test_functions_as_metrics(data):
    metrics = {
        "f1": lambda y_true, y_pred: f1_score(y_true, y_pred, average="macro"),
        "loss": (log_loss, "predict_proba"),
        "mean recall": "uar",
        "also": (uar, "predict"),
    }
    found = rows_of(report(**data, metrics=metrics, **FAST), by="all").set_index("metric").score
    true, called = data["y_true"], data["y_pred"]
    assert found["f1"] == pytest.approx(f1_score(true, called, average="macro"))
    assert found["loss"] == pytest.approx(log_loss(true, data["y_proba"]))
    assert found["mean recall"] == found["also"] == pytest.approx(uar(true, called))


def test_a_report_of_an_evaluation(data):
    X = data["y_proba"]
    result = evaluate_by_subject(
        LogisticRegression(), X, data["y_true"], data["groups"], random_state=0
    )
    options = {"by": data["by"], "metrics": ["uar", "roc_auc"], **FAST}
    short = report(result, **options)
    long = report(
        result.y_true, result.y_pred, result.y_proba, groups=result.groups,
        classes=result.classes, **options,
    )  # fmt: skip
    assert isinstance(short, ScoreReport)
    pd.testing.assert_frame_equal(short.frame, long.frame)
    assert short.frame.score[0] == result.uar.estimate
    assert short.frame.n_subjects[0] == 80


def test_the_text_is_aligned_and_counts_subjects(data):
    text = str(report(**data, **FAST))
    head, *lines = text.splitlines()
    columns = ["by", "value", "metric", "score", "95%", "CI", "subjects", "recordings"]
    assert head.split() == columns
    assert len(lines) == 1 + 6 + 3 + 2
    assert {len(line) for line in lines} == {len(head)}
    assert lines[0].split()[-2:] == ["80", "240"]


def test_one_class_one_subject_and_one_subject_of_a_class():
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    y_true = np.array(["a", "a", "b", "b", "a", "b", "a", "a", "b", "b"])
    where = np.array(["x", "x", "x", "x", "y", "y", "z", "z", "w", "w"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = report(y_true, y_true, groups=groups, by={"where": where}, **FAST)
    found = rows_of(result, by="where").set_index("value")
    assert found.n_subjects.to_dict() == {"w": 1, "x": 2, "y": 1, "z": 1}
    assert found.note["x"] == "one subject in a, b: interval too narrow"
    assert found.note["y"] == "one subject: no interval"
    assert found.note["z"] == "one class, a: no score; one subject: no interval"
    assert found.score["x"] == found.score["y"] == 1.0
    assert np.isnan(found.loc[["z", "w"], "score"]).all()
    assert np.isnan(found.loc[["y", "z", "w"], ["low", "high"]]).all(axis=None)
    line = next(line for line in str(result).splitlines() if " z " in line)
    assert line.split()[3:5] == ["-", "-"]


def test_a_subgroup_without_one_of_several_classes_has_a_note(data):
    by = {"known": np.where(data["y_true"] == "Unknown", "no", "yes")}
    names = ["uar", "roc_auc", "sensitivity_at_specificity", "sensitivity"]
    result = report(**data | {"by": by}, metrics=names, **FAST)
    found = rows_of(result, by="known", value="yes")
    assert (found.note == "without Unknown").all()
    assert np.isfinite(found[["score", "low", "high"]]).all(axis=None)
    two = data["y_true"] != "Unknown"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Unknown" is also predicted
        expected = balanced_accuracy_score(data["y_true"][two], data["y_pred"][two])
    assert found.score.iloc[0] == pytest.approx(expected)
    assert (rows_of(result, by="known", value="no").note == "one class, Unknown: no score").all()


def test_a_class_that_is_never_predicted_and_one_that_is_never_true():
    y_true, y_pred = np.repeat(["a", "b"], 10), np.repeat(["a", "c"], 10)
    found = report(y_true, y_pred, **FAST).frame.set_index(["value", "metric"])
    assert found.note["b", "precision"] == "never predicted"
    assert found.note["c", "recall"] == "no recording"
    assert np.isnan(found.score["c", "recall"])
    assert found.score["b", "recall"] == found.score["c", "precision"] == 0.0
    y_pred = np.where(np.arange(20) == 3, "b", "a")
    found = report(y_true, y_pred, **FAST).frame.set_index(["value", "metric"])
    assert found.note["b", "precision"] == "not predicted in some resamples: no interval"


def test_one_subject_in_all():
    result = report([0, 0, 1], [0, 1, 1], groups=["anna"] * 3, **FAST)
    assert result.frame.score[0] == 0.75
    assert np.isnan(result.frame.low[0])
    assert result.frame.note[0] == "one subject: no interval"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", None, "a", "b"], ["a", "b", "(missing)"]),
        (pd.Series(["b", np.nan, "a", "b"], index=[7, 7, 8, 9]), ["a", "b", "(missing)"]),
        (
            pd.Categorical(["old", "young", "old", "old"], ["young", "old", "oldest"]),
            ["young", "old"],
        ),
        (pd.cut(np.array([3, 30, 4, 40]), [0, 18, 120]), ["(0, 18]", "(18, 120]"]),
        (np.array([True, False, True, True]), ["False", "True"]),
        (pd.Categorical([10, 9, 10, 9]), ["9", "10"]),
    ],
)
def test_subgroups_come_in_order_and_none_is_lost(values, names):
    result = report([0, 1, 0, 1], [0, 1, 0, 1], by={"name": values}, **FAST)
    found = rows_of(result, by="name")
    assert found.value.tolist() == names
    assert found.n_recordings.sum() == 4
    expected = pd.Series(np.asarray(values, dtype=object)).astype(object)
    sizes = expected.where(expected.notna(), "(missing)").map(str).value_counts()
    assert found.set_index("value").n_recordings.to_dict() == sizes.to_dict()


def test_subgroups_of_a_data_frame(data):
    as_frame = report(**data | {"by": pd.DataFrame(data["by"])}, **FAST)
    pd.testing.assert_frame_equal(as_frame.frame, report(**data, **FAST).frame)


def test_the_seed_decides(data):
    first, same, other = (
        report(**data, n_resamples=20, random_state=seed).frame for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, same)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"by": {"age": [1.5, 2, 3, 4]}},
            r"by\['age'\] has numbers, such as 1.5.*pandas.cut\(age",
        ),
        ({"by": {"age": [1, 2, 3, 4]}}, r"by\['age'\] has numbers"),
        ({"by": {"sex": ["f", "m"]}}, r"by\['sex'\] has 2 values and y_true 4"),
        ({"metrics": ["uar", "uarr"]}, "metrics has 'uarr', which is unknown.*roc_auc"),
        ({"metrics": {"mine": 3}}, "metrics has 3, which is unknown"),
        ({"metrics": "roc_auc"}, "'roc_auc' needs probabilities. Pass y_proba"),
        ({"metrics": {"m": (uar, "predict_proba")}}, "'m' needs probabilities"),
        ({"y_pred": None}, "y_pred is missing.* Got only a list"),
        ({"y_pred": [0, 1]}, "inconsistent numbers"),
        ({"y_pred": ["0", "1", "0", "1"]}, "both must be text or both numeric"),
        ({"groups": [1, None, 2, 3]}, "no subject for 1 recordings, the first in row 1"),
        ({"confidence": 95}, "The 'confidence' parameter"),
        ({"method": "t"}, "The 'method' parameter"),
    ],
)
def test_report_errors(options, message):
    arguments = {"y_true": [0, 1, 0, 1], "y_pred": [0, 1, 0, 1], **options}
    with pytest.raises(ValueError, match=message):
        report(**arguments)
