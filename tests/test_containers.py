"""Inputs of polars, pyarrow and torch give what those of pandas and NumPy give."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import soundfile
import torch
from sklearn.pipeline import make_pipeline

from skheart import LogMelTransformer, PatientClassifier, RandomOverSampler
from skheart.datasets import make_heart_sounds
from tests.helpers.small import make, small_cnn

X, CODES = make(24, n_classes=2)
WORDS = np.array(["a", "b"])[CODES]
FRONT_END = {"duration": 2, "n_mels": 8}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wav")
    sounds = make_heart_sounds(8, recordings_per_subject=1, duration=2.0, random_state=0)
    names = []
    for row, samples in enumerate(sounds.data):
        names.append(str(folder / f"{row}.wav"))
        soundfile.write(names[-1], samples, 4000)
    return names


@pytest.mark.parametrize(
    "contain",
    [
        lambda paths: pl.Series("path", paths),
        lambda paths: pl.DataFrame({"path": paths}),
        lambda paths: pa.array(paths),
        lambda paths: pa.chunked_array([paths[:3], paths[3:]]),
        lambda paths: pa.table({"path": paths}),
        lambda paths: pd.Series(paths, dtype="string[pyarrow]"),
    ],
    ids=["pl.Series", "pl.DataFrame", "pa.array", "pa.chunked", "pa.table", "pandas"],
)
def test_paths(paths, contain):
    expected = LogMelTransformer(**FRONT_END).fit_transform(paths)
    found = LogMelTransformer(**FRONT_END).fit_transform(contain(paths))
    np.testing.assert_array_equal(found, expected)
    balanced, labels = RandomOverSampler(random_state=0).fit_resample(
        contain(paths), [0] * 6 + [1] * 2
    )
    assert np.ravel(balanced)[:8].tolist() == paths
    assert sum(labels) == 6


@pytest.mark.parametrize("make_table", [pl.DataFrame, pa.table])
def test_tables_of_patients(paths, make_table):
    columns = {"path": paths, "patient": list("aabbccdd"), "subject": list("aabbccdd")}
    y = ["no", "no", "yes", "yes"] * 2
    clf = make_pipeline(LogMelTransformer(**FRONT_END), small_cnn(max_epochs=1))

    def fitted(table):
        model = PatientClassifier(clf, random_state=0).fit(table, y)
        return model.predict_patients(table).probabilities

    np.testing.assert_array_equal(fitted(make_table(columns)), fitted(pd.DataFrame(columns)))


@pytest.mark.parametrize(
    "contain",
    [
        torch.from_numpy,
        lambda X: torch.from_numpy(X).requires_grad_(),
        lambda X: torch.from_numpy(X).bfloat16(),
        lambda X: X.astype(np.longdouble),
        np.ma.masked_array,
    ],
    ids=["torch", "gradient", "bfloat16", "longdouble", "unmasked"],
)
@pytest.mark.parametrize(
    "contain_y", [np.asarray, torch.as_tensor, pl.Series, pa.array], ids=["np", "torch", "pl", "pa"]
)
def test_features_and_labels(contain, contain_y):
    rounded = torch.from_numpy(X).bfloat16().float().numpy()  # all types hold these exactly
    expected = small_cnn(max_epochs=1).fit(rounded, CODES).predict_proba(rounded)
    clf = small_cnn(max_epochs=1).fit(contain(rounded), contain_y(CODES))
    np.testing.assert_array_equal(clf.predict_proba(contain(rounded)), expected)


@pytest.mark.parametrize("contain", [pl.Series, pa.array], ids=["polars", "pyarrow"])
def test_words(contain):
    clf = small_cnn(max_epochs=1).fit(X, contain(WORDS.tolist()))
    np.testing.assert_array_equal(clf.classes_, ["a", "b"])
    with pytest.raises(ValueError, match="1 recordings have no label, the first in row 0"):
        small_cnn(max_epochs=1).fit(X, contain([None, *WORDS[1:].tolist()]))


def test_masked_values_are_refused():
    masked = np.ma.masked_greater(X, 1)
    n = np.count_nonzero(X > 1)
    with pytest.raises(ValueError, match=f"X is a masked array with {n} masked values.*Fill them"):
        small_cnn().fit(masked, CODES)
    recording = np.ma.masked_greater(np.linspace(-1, 1, 8000), 0.9)
    with pytest.raises(ValueError, match="recording at row 1 is a masked array with 400 masked"):
        LogMelTransformer(**FRONT_END).fit([np.ones(8000), recording])


def test_values_beyond_float32_are_named():
    large = X.astype(np.float64)
    large[5, 3, 2] = -1e300
    with pytest.raises(
        ValueError, match=r"contains -1e\+300 in row 5, which is too large for float32"
    ):
        small_cnn().fit(large, CODES)


def test_a_lazy_frame_is_refused(paths):
    with pytest.raises(TypeError, match="X is a LazyFrame of polars. Call its collect"):
        LogMelTransformer().fit(pl.LazyFrame({"path": paths}))
