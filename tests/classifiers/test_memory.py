"""Features are held once: what fit and predict allocate, and one model from every container."""

import mmap
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import _safe_indexing, check_array

from skheart import RandomOverSampler
from skheart._utils import arrays as _arrays
from skheart._utils.arrays import IndexedRows, row_blocks
from skheart.classifiers._rows import read_rows
from tests.helpers.small import make, small_cnn, small_rnn


def tiny_cnn(**params):
    return small_cnn(**{"channels": (2,), "pool_size": [(16, 16)], "max_epochs": 1, **params})


def weights(clf):
    return [tensor.numpy() for tensor in clf.net_.module_.state_dict().values()]


def assert_same_model(a, b):
    for ours, theirs in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def on_disk(tmp_path):
    """Write an array and map it."""

    def write(X, mode="r"):
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode=mode)

    return write


# ------------------------------------------------------------------ no copy


def plain(X):
    return X


def fortran(X):
    return np.asfortranarray(X)


def every_other(X):
    return np.repeat(X, 2, axis=1)[:, ::2]


def flat(X):
    return X.reshape(len(X), -1)


def by_index(X):
    return IndexedRows(X[: len(X) // 2], np.tile(np.arange(len(X) // 2), 2))


MASK = 800 * 64 * 64  # bytes of an array of truth values, the least that could be made of all


def peaks(clf, X, y):
    """Bytes of arrays that fit and predict take at their peak, over the features themselves."""
    clf.set_params(batch_size=16)
    clone(clf).fit(X[:40], y[:40]).predict(X[:40])  # imports and caches
    tracemalloc.start()
    try:
        clf.fit(X, y).predict(X)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("dtype", "container", "params"),
    [
        (np.float32, plain, {}),
        (np.float32, plain, {"early_stopping": True}),
        (np.float32, plain, {"oversample": True, "class_weight": "balanced"}),
        (np.float32, fortran, {}),
        (np.float32, every_other, {}),
        (np.float32, by_index, {}),
        (np.float16, plain, {}),
        (np.float16, by_index, {"early_stopping": True}),
        (np.float64, plain, {}),
        (np.float32, flat, {"n_mels": 64}),
    ],
)
def test_fit_and_predict_allocate_a_small_part_of_the_features(
    dtype, container, params, monkeypatch
):
    monkeypatch.setattr(_arrays, "BLOCK_BYTES", 1 << 18)
    X = container(np.random.default_rng(0).normal(size=(800, 64, 64)).astype(dtype))
    y = np.arange(800) % 4 == 0
    assert peaks(tiny_cnn(**params), X, y) < MASK / 2


# ------------------------------------------------------------------ the same model


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "validation_fraction": 0.25}])
def test_the_container_of_the_features_does_not_change_the_model(build, params, on_disk, tmp_path):
    X, y = make()
    X = X.astype(np.float16)
    expected = build(**params).fit(X.astype(np.float32), y)
    proba = expected.predict_proba(X.astype(np.float32))
    joblib.dump(X, tmp_path / "X.joblib")
    held = {
        "float16": X,
        "float64": X.astype(np.float64),
        "other byte order": X.astype(">f4"),
        "Fortran": np.asfortranarray(X),
        "every other": every_other(X),
        "map": on_disk(X),
        "map of joblib": joblib.load(tmp_path / "X.joblib", mmap_mode="r"),
        "by index": IndexedRows(X, np.arange(len(X))),
    }
    for name, container in held.items():
        found = build(**params).fit(container, y)
        assert_same_model(found, expected)
        np.testing.assert_array_equal(found.predict_proba(container), proba, err_msg=name)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 3.5}},
    ],
)
def test_oversampling_by_index_and_by_copy_give_the_same_model(params):
    X, y = make()
    kept = (y == 0) | (np.arange(len(y)) > 18)
    X, y = X[kept], y[kept]
    by_copy = RandomOverSampler(random_state=3).fit_resample(X, y)
    by_index = RandomOverSampler(random_state=3, copy=False).fit_resample(X, y)
    assert isinstance(by_index[0], IndexedRows)
    assert len(by_index[0]) > len(X)
    expected, found = small_cnn(**params).fit(*by_copy), small_cnn(**params).fit(*by_index)
    assert_same_model(found, expected)
    np.testing.assert_array_equal(
        found.predict_proba(by_index[0]), expected.predict_proba(by_copy[0])
    )
    weight = np.arange(len(by_copy[1]))
    assert_same_model(*(small_cnn().fit(*data, weight) for data in (by_copy, by_index)))


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("container", [plain, fortran, by_index])
def test_nonfinite_values_raise_the_error_of_scikit_learn(dtype, value, container):
    X = np.zeros((1200, 64, 16), dtype)  # several blocks
    X[599, -1, -1] = value
    assert len(list(row_blocks(X[:600]))) > 1 or dtype == np.float16
    clf = tiny_cnn(batch_size=300)
    y = np.arange(1200) % 2
    with pytest.raises(ValueError, match="Input X") as expected:
        check_array(X, allow_nd=True, input_name="X", estimator=clf)
    with pytest.raises(ValueError, match="Input X") as found:
        clf.fit(container(X), y)
    assert str(found.value) == str(expected.value)
    X[599, -1, -1] = 0
    clf.fit(container(X), y)
    X[599, -1, -1] = value
    with pytest.raises(ValueError, match="Input X") as found:
        clf.predict(container(X))
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("value", [65504.0, -65504.0, 6e-8, -0.0])
def test_the_extremes_of_float16_are_finite(value):
    X = np.full((4, 8, 8), value, np.float16)
    assert tiny_cnn(lr=1e-9).fit(X, [0, 1, 0, 1]).predict(X).shape == (4,)


# ------------------------------------------------------------------ memory maps


def test_pages_of_a_memory_map_are_released_while_it_is_read(monkeypatch, tmp_path):
    advice = []

    class Map(mmap.mmap):
        def madvise(self, option, *where):
            advice.append(option)
            super().madvise(option, *where)

    X, y = make(n=639)
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr(mmap, "mmap", Map)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for container in (mapped, mapped[:, 1:], IndexedRows(mapped, np.arange(639))):
        advice.clear()
        clf = tiny_cnn(batch_size=32).fit(container, y)
        assert len(advice) >= 639 / 32 + 2  # the checks before the training read blocks
        advice.clear()
        clf.predict(container)
        assert len(advice) >= 3
    assert set(advice) == {mmap.MADV_DONTNEED}


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_to_a_memory_map_are_kept(mode, on_disk):
    X, y = make()
    mapped = on_disk(X, mode)
    mapped[:, 0] = 7
    tiny_cnn().fit(mapped, y).predict(mapped)
    X[:, 0] = 7
    np.testing.assert_array_equal(mapped, X)


def test_rows_can_be_written_after_they_were_read():
    X = np.zeros((3, 2, 2), np.float32)
    for rows in (1, np.array([1, 2])):
        read_rows(X, rows).add_(1)
    assert not X.any()


# ------------------------------------------------------------------ rows by index


@pytest.fixture
def rows_by_index():
    X = np.random.default_rng(0).normal(size=(5, 3, 2))
    index = np.array([0, 1, 2, 3, 4, 4, 1, 4])
    return IndexedRows(X, index), X[index]


@pytest.mark.parametrize(
    "item",
    [
        0,
        -1,
        np.int64(6),
        slice(2, 7, 2),
        slice(None),
        [5, 0, 5],
        np.array([-1, 3]),
        np.arange(8) % 3 == 0,
        ([0, 7], ...),
        (slice(1, 3), 0),
        (..., 1),
        (slice(None), slice(1, 2), [0, 1, 0]),
        None,
    ],
    ids=str,
)
def test_rows_by_index_are_indexed_as_an_array(rows_by_index, item):
    rows, X = rows_by_index
    np.testing.assert_array_equal(rows[item], X[item])
    assert type(rows[item]) is np.ndarray


def test_rows_by_index_look_like_an_array(rows_by_index):
    rows, X = rows_by_index
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (X.shape, X.ndim, X.dtype, len(X))
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(list(rows), list(X))
    np.testing.assert_array_equal(check_array(rows, allow_nd=True), X)
    np.testing.assert_array_equal(_safe_indexing(rows, [7, 0]), X[[7, 0]])
    np.testing.assert_array_equal(np.asarray(rows, np.float32), X.astype(np.float32))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows)), X)
    np.testing.assert_array_equal(np.mean(rows, axis=0), X.mean(axis=0))
    with pytest.raises(IndexError):
        rows[8]
    with pytest.raises(ValueError, match="copy=False is not possible"):
        rows.__array__(copy=False)


def test_grid_search_accepts_rows_by_index():
    X, y = make()
    X, y = X[8:], np.r_[y[8:-8] % 2, np.zeros(8, int)]
    search = GridSearchCV(tiny_cnn(), {"lr": [0.01, 0.02]}, cv=2)
    scores = []
    for copy in (False, True):
        ros = RandomOverSampler(random_state=0, copy=copy)
        pipeline = Pipeline([("ros", ros), ("clf", clone(search))]).fit(X, y)
        scores.append(pipeline[-1].cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)
