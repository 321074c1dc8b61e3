"""How the numbers of two checkouts are compared."""

import numpy as np
import pytest

from benchmarks.studies.same_numbers import compare, main, summarise

OLD = {
    "classifiers/cnn/predict_proba": np.array([0.25, 0.75], np.float32),
    "classifiers/cnn/predict": np.array(["mild", "normal"]),
    "metrics/uar": np.array(0.5),
    "metrics/low": np.array(np.nan),
}


def compared(changes, tolerances=None):
    """The row of the only array that differs after changes; None removes an array."""
    new = {name: value for name, value in {**OLD, **changes}.items() if value is not None}
    table = compare(OLD, new, tolerances or {})
    (row,) = table[~table["equal"]].itertuples()
    assert row.name in changes
    return row


def test_equal_arrays_are_ok():
    table = compare(OLD, {name: value.copy() for name, value in OLD.items()})
    assert table["name"].tolist() == sorted(OLD)
    assert table["equal"].all()
    assert table["ok"].all()


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("metrics/uar", np.nextafter(0.5, 1), 2**-53),
        ("metrics/uar", 0.75, 0.25),
        ("metrics/uar", np.nan, np.inf),
        ("metrics/uar", np.inf, np.inf),
        ("metrics/low", 0.5, np.inf),
        ("classifiers/cnn/predict", ["mild", "severe"], np.inf),
    ],
)
def test_a_difference_is_reported(name, value, difference):
    row = compared({name: np.array(value)})
    assert row.difference == pytest.approx(difference, rel=1e-12)
    assert not row.ok


def test_a_zero_that_changes_its_sign_is_a_difference():
    (row,) = compare({"a/b": np.zeros(1)}, {"a/b": -np.zeros(1)}, {}).itertuples()
    assert (row.equal, row.ok, row.difference) == (False, False, 0)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (np.zeros(3, np.float32), "shape (2,) -> (3,)"),
        (np.array([0.25, 0.75]), "dtype float32 -> float64"),
        (None, "missing in new"),
    ],
)
def test_what_else_changed_is_noted(value, note):
    row = compared({"classifiers/cnn/predict_proba": value})
    assert (row.note, row.ok) == (note, False)


def test_a_new_name_is_noted():
    row = compared({"metrics/f1": np.array(1.0)})
    assert (row.note, row.ok) == ("missing in old", False)


@pytest.mark.parametrize(("limit", "ok"), [(0.02, True), (0.005, False)])
def test_the_first_pattern_that_matches_gives_the_tolerance(limit, ok):
    tolerances = {"metrics/*": (9, ""), "*/predict_proba": (limit, "a reason"), "*": (0.5, "")}
    value = np.array([0.26, 0.74], np.float32)
    row = compared({"classifiers/cnn/predict_proba": value}, tolerances)
    assert (row.allowed, row.ok) == (limit, ok)


def test_a_tolerance_allows_no_other_shape_and_no_missing_array():
    name = "classifiers/cnn/predict_proba"
    tolerances = {"*": (np.inf, "anything")}
    assert not compared({name: np.zeros(3, np.float32)}, tolerances).ok
    assert not compared({name: None}, tolerances).ok


def test_the_summary_counts_arrays_by_section():
    new = {**OLD, "metrics/uar": np.array(0.6), "metrics/low": np.array(1.0)}
    summary = summarise(compare(OLD, new, {"metrics/uar": (0.2, "a reason")}))
    assert summary.loc["metrics"].tolist() == [2, 0, 1, 1]
    assert summary.loc["classifiers"].tolist() == [2, 2, 0, 0]


def test_a_folder_without_the_package_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), str(tmp_path)])
    assert "has no skheart/__init__.py" in capsys.readouterr().err
