"""Which labels are understood, by classifiers and samplers alike."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import Pipeline

from skheart import RandomOverSampler
from skheart.sampling import RecordingDropout
from tests.helpers.small import make, small_cnn

X, _ = make(12)
WORDS = np.array(list("aaaaaaaabbbb"))
CODES = (WORDS == "b").astype(int)
ONE_HOT = np.eye(2, dtype=int)[CODES]


def fit_classifier(y):
    return small_cnn(max_epochs=1).fit(X, y).classes_


def fit_pipeline(y):
    steps = [("ros", RandomOverSampler(random_state=0)), ("clf", small_cnn(max_epochs=1))]
    return Pipeline(steps).fit(X, y)["clf"].classes_


def drop(y):
    RecordingDropout().fit_resample([np.zeros(100)] * len(y), y)


@pytest.mark.parametrize("fit", [fit_classifier, fit_pipeline])
@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (CODES.astype(object), np.array([0, 1])),
        ((CODES == 1).astype(object), np.array([False, True])),
        (CODES.astype(float).astype(object), np.array([0.0, 1.0])),
        (pd.Series(CODES, dtype="Int64"), np.array([0, 1])),
        (pd.Series(CODES == 1, dtype="boolean"), np.array([False, True])),
        (pd.Series(WORDS, dtype="string"), np.array(["a", "b"], object)),
        (pd.Series(WORDS, dtype="category"), np.array(["a", "b"], object)),
        (pd.Series(CODES.astype(object)), np.array([0, 1])),
        (WORDS.tolist(), np.array(["a", "b"])),
    ],
    ids=lambda value: str(getattr(value, "dtype", "list")),
)
def test_labels_of_many_types_are_understood(fit, y, classes):
    found = fit(y)
    assert found.dtype.kind == classes.dtype.kind
    np.testing.assert_array_equal(found, classes)


@pytest.mark.parametrize("fit", [fit_classifier, fit_pipeline])
def test_variable_width_strings(fit):
    if not hasattr(np.dtypes, "StringDType"):  # NumPy 1
        return
    np.testing.assert_array_equal(fit(WORDS.astype(np.dtypes.StringDType())), ["a", "b"])


@pytest.mark.parametrize("fit", [fit_classifier, fit_pipeline, drop])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([None, *WORDS[1:]], object), "1 recordings have no label, the first in row 0"),
        ([*WORDS[1:], None], "1 recordings have no label, the first in row 11"),
        (np.array([np.nan, *CODES[1:]]), "1 recordings have no label, the first in row 0"),
        (pd.Series([*CODES[:-1], None], dtype="Int64"), "the first in row 11"),
        (np.array([1, *WORDS[1:]], object), r"mixes labels .* 1 in row 0 is of type int, and "),
    ],
    ids=["None", "list", "nan", "Int64", "mixed"],
)
def test_labels_that_are_none_are_named(fit, y, message):
    with pytest.raises(ValueError, match=message):
        fit(y)


def test_a_column_for_each_class():
    with pytest.raises(ValueError, match=r"got an array of shape \(12, 2\).*y\.argmax\(axis=1\)"):
        fit_classifier(ONE_HOT)
    np.testing.assert_array_equal(fit_pipeline(ONE_HOT), [0, 1])  # as in imbalanced-learn
    for row, values in ((11, [0, 0]), (3, [1, 1]), (5, [0, 2])):
        y = ONE_HOT.copy()
        y[row] = values
        for fit in (fit_classifier, fit_pipeline, drop):
            message = "argmax" if fit is fit_classifier else f"row {row} is \\[{values[0]}, "
            with pytest.raises(ValueError, match=message):
                fit(y)


def test_weights_of_rows_that_a_sampler_changed():
    ros = RandomOverSampler(random_state=0)
    pipeline = Pipeline([("ros", ros), ("clf", small_cnn(max_epochs=1))])
    with pytest.raises(ValueError, match="16 recordings and sample_weight has 12.*oversample=True"):
        pipeline.fit(X, WORDS, clf__sample_weight=np.ones(12))
