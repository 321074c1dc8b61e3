"""RandomOverSampler draws the rows of imbalanced-learn's sampler, for tables and recordings."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler as TableOverSampler
from imblearn.pipeline import make_pipeline
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skheart._utils.arrays import IndexedRows
from skheart.sampling import RandomOverSampler

Y = np.array(["normal", "mild", "mild", "severe", "mild", "normal", "mild"])
STRATEGIES = {
    "auto": "auto",
    "minority": "minority",
    "not minority": "not minority",
    "all": "all",
    "dict": {"normal": 9, "severe": 3},
    "callable": lambda y: {"severe": 4},
    "ratio": 1.0,
}


def rows_drawn(seed=0, strategy="auto", y=Y):
    """Return the row numbers that the sampler of imbalanced-learn draws."""
    sampler = TableOverSampler(random_state=seed, sampling_strategy=strategy)
    sampler.fit_resample(np.zeros((len(y), 1)), y)
    return sampler.sample_indices_


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool, object, "U3"])
def test_arrays_as_in_imbalanced_learn(strategy, seed, dtype):
    X = np.random.default_rng(0).integers(0, 50, (7, 3)).astype(dtype)
    y = Y == "mild" if isinstance(strategy, float) else Y  # a ratio needs two classes
    options = {"sampling_strategy": strategy, "random_state": seed}
    theirs, ours = TableOverSampler(**options), RandomOverSampler(**options)
    for found, expected in zip(ours.fit_resample(X, y), theirs.fit_resample(X, y), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    np.testing.assert_array_equal(ours.sample_indices_, theirs.sample_indices_)
    assert ours.sampling_strategy_ == theirs.sampling_strategy_
    assert ours.n_features_in_ == 3


@pytest.mark.parametrize("shrinkage", [0.0, 0.5, {"normal": 1.0, "severe": 2.0, "mild": 0.1}])
@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, sparse.csr_matrix, sparse.csc_array])
def test_smoothing_and_other_tables_as_in_imbalanced_learn(kind, shrinkage):
    X = kind(np.random.default_rng(0).random((7, 3)))
    expected = TableOverSampler(random_state=0, shrinkage=shrinkage).fit_resample(X, Y)[0]
    found = RandomOverSampler(random_state=0, shrinkage=shrinkage).fit_resample(X, Y)[0]
    assert type(found) is type(expected)
    dense = [x.toarray() if sparse.issparse(x) else np.asarray(x) for x in (found, expected)]
    np.testing.assert_array_equal(*dense)


def test_data_frame_of_mixed_types():
    X = pd.DataFrame({"path": list("abcdefg"), "age": np.arange(7), "site": pd.Categorical(Y)})
    y = pd.Series(Y, name="label")
    expected = TableOverSampler(random_state=0).fit_resample(X, y)
    sampler = RandomOverSampler(random_state=0)
    found = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(found[0], expected[0])
    pd.testing.assert_series_equal(found[1], expected[1])
    assert sampler.feature_names_in_.tolist() == ["path", "age", "site"]
    assert sampler.get_feature_names_out().tolist() == ["path", "age", "site"]


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("shape", [(7, 5, 4), (7, 1, 2, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, complex])
def test_arrays_of_more_dimensions(shape, dtype, copy):
    X = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    if dtype != np.int16:
        X[0], X[1] = np.nan, np.inf
    sampler = RandomOverSampler(random_state=5, copy=copy)
    X_res, y_res = sampler.fit_resample(X, Y)
    assert isinstance(X_res, np.ndarray if copy else IndexedRows)
    assert copy or X_res.base is X
    np.testing.assert_array_equal(X_res, X[rows_drawn(5)])
    np.testing.assert_array_equal(y_res, Y[rows_drawn(5)])
    np.testing.assert_array_equal(sampler.sample_indices_[:7], range(7))  # the input comes first
    assert X_res.dtype == dtype
    assert sampler.n_features_in_ == shape[1]
    assert sampler.fit(X, Y).sampling_strategy_ == {"normal": 2, "severe": 3}


RECORDINGS = [np.arange(n, dtype=np.int16) for n in (5, 8, 3, 9, 5, 1, 2)]
PATHS = [f"recording{i}.wav" for i in range(7)]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
@pytest.mark.parametrize(
    "items",
    [
        RECORDINGS,
        PATHS,
        [Path(p) for p in PATHS],
        [p.encode() for p in PATHS],
        [r[None] for r in RECORDINGS],
        [np.zeros(4)] * 7,
    ],
    ids=["arrays", "str", "Path", "bytes", "2-D", "same length"],
)
def test_recordings_in_any_container(items, kind):
    X = pd.Series(items, dtype=object).to_numpy() if kind is np.array else kind(items)
    sampler = RandomOverSampler(random_state=1)
    X_res, y_res = sampler.fit_resample(X, Y.tolist())
    assert type(X_res) is type(X)
    assert type(y_res) is list
    assert all(a is items[i] for a, i in zip(X_res, rows_drawn(1), strict=True))  # the same objects
    assert y_res == Y[rows_drawn(1)].tolist()
    assert not hasattr(sampler, "n_features_in_")


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_arrays_of_text(dtype):
    X = np.array(PATHS, dtype)
    X_res, _ = RandomOverSampler(random_state=1).fit_resample(X, Y)
    assert X_res.dtype == X.dtype
    np.testing.assert_array_equal(X_res, X[rows_drawn(1)])


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_series(dtype):
    X = pd.Series(PATHS, index=range(10, 17), name="path", dtype=dtype)
    y = pd.Series(Y, index=X.index, name="label")
    X_res, y_res = RandomOverSampler(random_state=1).fit_resample(X, y)
    expected = X.iloc[rows_drawn(1)].reset_index(drop=True)
    pd.testing.assert_series_equal(X_res, expected)
    assert y_res.name == "label"
    assert y_res.index.equals(X_res.index)
    assert y_res.tolist() == Y[rows_drawn(1)].tolist()


def test_a_column_of_recordings():
    X = pd.Series(RECORDINGS).to_numpy()[:, None]
    X_res, _ = RandomOverSampler(random_state=1).fit_resample(X, Y)
    assert X_res.shape == (len(rows_drawn(1)), 1)
    assert all(a is b for a, b in zip(X_res[:, 0], X[rows_drawn(1), 0], strict=True))


@pytest.mark.parametrize(
    "y",
    [
        np.array([1, -1, -1, 5, -1, 1, -1]),
        np.array([True, False, False, False, False, True, False]),
        np.array([0.0, 1.0, 1.0, 2.0, 1.0, 0.0, 1.0]),
        Y.astype(object),
        pd.Series(Y, name="label"),
        pd.Series(Y, name="label", dtype="category"),
        pd.DataFrame({"label": Y}),
        (Y[:, None] == np.unique(Y)).astype(int),
    ],
    ids=["int", "bool", "float", "object", "Series", "category", "DataFrame", "one-vs-all"],
)
def test_labels_of_any_type(y):
    expected = TableOverSampler(random_state=2).fit_resample(np.zeros((7, 1)), y)[1]
    found = RandomOverSampler(random_state=2).fit_resample(RECORDINGS, y)[1]
    assert type(found) is type(expected)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize(
    ("shape", "copy", "limit"),
    [
        ((120, 300, 64), True, 1.1),  # one copy of the output, and no second one
        ((120, 19200), True, 1.1),
        ((120, 300, 64), False, 0.01),  # only the row numbers
    ],
)
def test_peak_memory(tmp_path, shape, copy, limit):
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, shape)
    y = np.repeat([0, 1, 2], [80, 30, 10])
    sampler = RandomOverSampler(random_state=0, copy=copy)
    sampler.fit_resample(X[:, :2], y)  # imports and caches
    tracemalloc.start()
    try:
        X_res, _ = sampler.fit_resample(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X_res.shape == (240, *shape[1:])
    assert peak <= limit * 240 * X[0].nbytes


@pytest.mark.parametrize(
    "X",
    [
        np.arange(14.0).reshape(7, 2),
        pd.DataFrame({"a": np.arange(7.0)}),
        RECORDINGS,
        tuple(RECORDINGS),
        np.array(PATHS),
        pd.Series(PATHS),
        sparse.eye(7, format="csr"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_copy_does_not_change_other_outputs(X):
    expected, _ = RandomOverSampler(random_state=1).fit_resample(X, Y)
    found, _ = RandomOverSampler(random_state=1, copy=False).fit_resample(X, Y)
    assert type(found) is type(expected)
    if sparse.issparse(X):
        expected, found = expected.toarray(), found.toarray()
    assert len(found) == len(expected)
    pairs = zip(np.asarray(found, object), np.asarray(expected, object), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_output_does_not_share_memory_with_the_input():
    X = np.zeros((7, 2, 2))
    balanced = Y[[0, 1, 3]]
    X_res, _ = RandomOverSampler().fit_resample(X[:3], balanced)  # nothing to repeat
    assert X_res.shape == (3, 2, 2)
    assert not np.shares_memory(X, X_res)


def test_refit_on_another_kind_of_input():
    sampler = RandomOverSampler(random_state=0)
    sampler.fit_resample(pd.DataFrame({"a": np.arange(7.0), "b": np.arange(7.0)}), Y)
    sampler.fit_resample(np.zeros((7, 4, 3)), Y)
    assert sampler.n_features_in_ == 4
    assert not hasattr(sampler, "feature_names_in_")
    sampler.fit_resample(RECORDINGS, Y)
    assert not hasattr(sampler, "n_features_in_")
    assert sampler.fit_resample(np.zeros((7, 2)), Y)[0].shape == (12, 2)


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (RECORDINGS, Y[:6], {}, r"inconsistent .* \[7, 6\]"),
        (np.zeros((7, 3)), Y[:6], {}, r"inconsistent .* \[7, 6\]"),
        (np.zeros((6, 3, 2)), Y, {}, r"inconsistent .* \[6, 7\]"),
        (pd.DataFrame(np.zeros((6, 3))), Y, {}, r"inconsistent .* \[6, 7\]"),
        (pd.Series(PATHS[:6]), pd.Series(Y), {}, r"inconsistent .* \[6, 7\]"),
        (sparse.eye(6, format="csr"), Y, {}, r"inconsistent .* \[6, 7\]"),
        ([], [], {}, "0 sample"),
        (np.array([], dtype=object), np.array([]), {}, "0 sample|Found array"),
        (np.arange(7.0), Y, {}, "Expected 2D array, got 1D array"),
        (list(range(7)), Y, {}, "Expected 2D array, got 1D array"),
        (RECORDINGS, np.zeros(7), {}, "more than 1 class"),
        (RECORDINGS, Y, {"shrinkage": 0.5}, "shrinkage=0.5 requires a numeric table"),
        (np.zeros((7, 3, 2)), Y, {"shrinkage": {"mild": 1}}, "shrinkage={'mild': 1} requires a"),
        (RECORDINGS, Y, {"shrinkage": -1}, "The 'shrinkage' parameter of RandomOverSampler"),
        (RECORDINGS, Y, {"copy": "no"}, "The 'copy' parameter of RandomOverSampler must be .*bool"),
        (RECORDINGS, Y, {"sampling_strategy": "most"}, "The 'sampling_strategy' parameter"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_errors(X, y, options, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(RandomOverSampler(**options), method)(X, y)


def test_continuous_labels():
    with pytest.raises(ValueError, match="Unknown label type"):
        RandomOverSampler().fit_resample(RECORDINGS, np.linspace(0, 1, 7))


class Lengths(TransformerMixin, BaseEstimator):
    """Compute the length and mean of each recording; the name of a path is its length."""

    def fit(self, X, y=None):
        self.n_seen_ = len(X)
        return self

    def transform(self, X):
        if not isinstance(X[0], np.ndarray):
            X = [np.arange(int(Path(x).stem)) for x in X]
        return np.array([[len(x), np.mean(x)] for x in X], dtype=float)


@pytest.mark.parametrize("kind", ["list", "paths", "Paths", "object array", "column"])
def test_in_a_pipeline_before_a_transformer(kind):
    rng = np.random.default_rng(0)
    y = np.repeat(["long", "short"], [30, 10])
    sizes = np.where(y == "long", rng.integers(60, 90, 40), rng.integers(10, 40, 40))
    X = [np.arange(n) for n in sizes]
    if kind in ("paths", "column"):
        X = [f"/recordings/{n}.wav" for n in sizes]
    elif kind == "Paths":
        X = [Path("recordings") / f"{n}.wav" for n in sizes]
    elif kind == "object array":
        X = pd.Series(X).to_numpy()
    pipeline = make_pipeline(
        RandomOverSampler(random_state=0), Lengths(), LogisticRegression(max_iter=5000)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(pipeline, X, y, cv=folds)
    assert (predicted == y).all()
    pipeline.fit(X, y)
    assert pipeline[1].n_seen_ == 60
    assert len(pipeline.predict(X)) == 40  # prediction does not resample
