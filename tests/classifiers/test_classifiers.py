"""The classifiers on small nets: labels, seeds, threads, batches and input."""

import copy
import random

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_predict, cross_val_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

from skheart.nets import AttentionCNN
from tests.helpers.small import N_FRAMES, N_MELS, SMALL, make, numpy_state, small_cnn, small_rnn


@pytest.mark.parametrize("build", SMALL)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_learns_and_returns_the_documented_shapes(build, precision):
    X, y = make(96)
    clf = build(max_epochs=12, precision=precision).fit(X, y)
    X_new, y_new = make(60, seed=1)
    assert clf.score(X_new, y_new) > 0.8
    probabilities = clf.predict_proba(X_new)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    logits = clf.decision_function(X_new)
    odds = np.exp(logits)
    np.testing.assert_allclose(probabilities, odds / odds.sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(clf.predict(X_new), clf.classes_[probabilities.argmax(1)])
    assert isinstance(clf.net_, NeuralNetClassifier)
    assert clf.n_features_in_ == N_FRAMES * N_MELS
    assert clf.input_shape_ == (N_FRAMES, N_MELS)
    assert clf.n_iter_ == len(clf.history_) == 12
    assert not clf.net_.module_.training
    assert clf.history_[-1, "train_loss"] < clf.history_[0, "train_loss"]
    assert is_classifier(clf)


@pytest.mark.parametrize(
    "labels",
    [
        ["normal", "mild", "severe"],
        [-1, 1],
        [0, 2, 7],
        [False, True],
        np.array([1, 2], dtype=np.int32),
        [0.0, 1.0],
        ["only"],
    ],
    ids=str,
)
def test_any_labels(labels):
    labels = np.asarray(labels)
    X, codes = make(30, n_classes=len(labels))
    clf = small_cnn(max_epochs=1).fit(X, labels[codes])
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))
    predicted = clf.predict(X)
    assert predicted.dtype == labels.dtype
    assert set(predicted) <= set(labels)
    logits = clf.decision_function(X)
    assert logits.shape == ((30,) if len(labels) == 2 else (30, len(labels)))
    if len(labels) == 2:
        np.testing.assert_array_equal(logits > 0, predicted == clf.classes_[1])


def test_training_equals_a_plain_torch_loop():
    X, y = make(40)
    module = AttentionCNN(3, input_shape=(N_FRAMES, N_MELS), channels=(4, 8), kernel_size=3)

    class Record(Callback):
        def on_train_begin(self, net, **kwargs):
            self.weights = copy.deepcopy(net.module_.state_dict())
            self.batches = []

        def on_batch_begin(self, net, batch, training, **kwargs):
            self.batches.append(batch)

    record = Record()
    clf = small_cnn(max_epochs=2, batch_size=10, precision="float32")
    clf.set_params(callbacks=[record])
    clf.fit(X, y)
    # From the same start and with the same batches, the loop of any torch tutorial.
    module.load_state_dict(record.weights)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    module.train()
    for xb, yb in record.batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(xb), yb).backward()
        optimizer.step()
    for name, weights in module.state_dict().items():
        np.testing.assert_allclose(
            clf.net_.module_.state_dict()[name], weights, atol=1e-5, err_msg=name
        )
    assert len(record.batches) == 2 * 4


@pytest.mark.parametrize("build", SMALL)
def test_same_seed_same_model_and_global_generators_untouched(build):
    X, y = make()
    before = torch.get_rng_state(), numpy_state(), random.getstate()
    threads = torch.get_num_threads()
    first = build(early_stopping=True, oversample=True).fit(X, y).predict_proba(X)
    unseeded = [build(random_state=None, max_epochs=1).fit(X, y) for _ in range(2)]
    assert not np.array_equal(*(clf.predict_proba(X) for clf in unseeded))
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], numpy_state())
    assert before[2] == random.getstate()
    assert threads == torch.get_num_threads()
    torch.manual_seed(4)
    second = build(early_stopping=True, oversample=True).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    other = build(random_state=1).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "clf",
    [
        small_cnn(max_epochs=1),
        small_cnn(max_epochs=1, channels=(16, 32), n_threads=2),
    ],
    ids=["one thread", "two threads"],
)
def test_n_jobs_does_not_change_the_model(clf):
    X, y = make(36)
    one, two = (
        cross_val_predict(clf, X, y, cv=2, n_jobs=n_jobs, method="decision_function")
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    with joblib.parallel_backend("threading"):
        np.testing.assert_array_equal(
            one, cross_val_predict(clf, X, y, cv=2, n_jobs=2, method="decision_function")
        )
    scores = [cross_val_score(clf, X, y, cv=2, n_jobs=n) for n in (1, 2)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_threads_change_no_bit_of_a_cnn(precision, monkeypatch):
    monkeypatch.setattr("skheart._cpu.chunks.CHUNK_BYTES", 10_000)
    X, y = make(36)
    logits = [
        small_cnn(n_threads=n_threads, precision=precision, early_stopping=True)
        .fit(X, y)
        .decision_function(X)
        for n_threads in (1, 2, 3)
    ]
    np.testing.assert_array_equal(logits[0], logits[1])
    np.testing.assert_array_equal(logits[0], logits[2])


def test_number_of_threads_of_an_rnn_depends_on_the_work(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda **_: 7)
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(torch.get_num_threads())

    X, y = make(4)
    watched = {"max_epochs": 1, "skorch_params": {"callbacks": [Watch()]}}
    small_rnn(**watched).fit(X, y)
    small_rnn(n_threads=2, **watched).fit(X, y)
    monkeypatch.setattr("skheart.classifiers._attention.SMALL_WORK", 10)
    small_rnn(**watched).fit(X, y)
    assert seen == [1, 2, 7]


@pytest.mark.parametrize("build", SMALL)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_prediction_does_not_depend_on_the_batch_to_the_last_bit(build, precision):
    X, y = make(45)
    clf = build(max_epochs=2, precision=precision).fit(X, y)
    together = clf.decision_function(X)
    for rows in ([0], [44, 3], list(range(44, -1, -1)), [7] * 5):
        np.testing.assert_array_equal(clf.decision_function(X[rows]), together[rows])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_and_memory_maps_are_read_in_place(dtype, tmp_path):
    X, y = make()
    X = X.astype(np.float16).astype(dtype)
    expected = small_cnn().fit(X.astype(np.float32), y).predict_proba(X.astype(np.float32))
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    clf = small_cnn()
    assert np.shares_memory(clf._check_X(mapped, reset=True), mapped)
    np.testing.assert_array_equal(clf.fit(mapped, y).predict_proba(mapped), expected)


# ------------------------------------------------------------------ input


def test_2d_rows_are_unfolded_with_n_mels():
    X, y = make()
    flat = X.reshape(len(X), -1)
    unfolded = small_cnn(n_mels=N_MELS).fit(flat, y)
    expected = small_cnn().fit(X, y)
    np.testing.assert_array_equal(unfolded.predict_proba(flat), expected.predict_proba(X))
    assert unfolded.input_shape_ == (N_FRAMES, N_MELS)
    with pytest.warns(UserWarning, match="sequence of 192 frames of one band.*n_mels"):
        assert small_cnn(max_epochs=1).fit(flat, y).input_shape_ == (N_FRAMES * N_MELS, 1)


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"n_mels": 7}, np.zeros((4, 24)), "24 features.*n_mels=7"),
        ({"n_mels": 7}, np.zeros((4, 24, 8)), "8 mel bins.*n_mels=7.*n_mels=None"),
        ({}, np.full((4, 24, 8), np.nan), "NaN"),
        ({}, np.full((4, 24, 8), np.inf), "infinity"),
        ({}, np.zeros((1, 24, 8)), "1 sample"),
        ({}, np.zeros((4, 24, 8, 2)), "dim 4"),
        ({}, np.zeros((4, 24, 8), complex), "Complex"),
        ({}, np.full((4, 24, 8), "a"), "could not convert"),
        ({}, np.zeros((4, 0, 8)), "at least one frame and one mel bin"),
    ],
)
def test_invalid_X_is_refused(params, X, message):
    with pytest.raises(ValueError, match=message):
        small_cnn(**params).fit(X, np.arange(len(X)) % 2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr": -1.0}, "'lr' parameter of AttentionCNNClassifier must be a float in the range"),
        ({"head": "last"}, "'head' parameter of AttentionCNNClassifier.*'last'"),
        ({"rectifier": "relu"}, "'rectifier' parameter.*'relu'"),
        ({"max_epochs": 0}, "'max_epochs' parameter.*Got 0"),
        ({"batch_size": 1}, "'batch_size' parameter.*Got 1"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter.*Got 1.0"),
        ({"lr_schedule": "exp"}, "'lr_schedule' parameter.*'exp'"),
        ({"device": "mps"}, "device must be 'auto', 'cpu' or 'cuda', .* Got 'mps'"),
        ({"augment": "strong"}, "'augment' parameter of AttentionCNNClassifier"),
        ({"device": "gpu"}, "device must be 'auto', 'cpu' or 'cuda', .* Got 'gpu'"),
        ({"net_class": dict}, "net_class must be a subclass of skorch's NeuralNetClassifier"),
        ({"class_weight": {9: 1}}, r"class_weight has \[9\]"),
        ({"class_weight": {0: -1, 1: 1, 2: 1}}, "must hold finite weights of at least 0"),
        ({"precision": "float16"}, "'precision' parameter .* Got 'float16'"),
        ({"channels": ()}, r"channels must be a sequence of ints of at least 1. Got \(\)"),
        ({"channels": [4.5]}, r"channels must be .* Got \[4.5\]"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size must be an int or a pair .*\(3, 3, 3\)"),
        ({"kernel_size": (0, 3)}, r"kernel_size must be .* Got \(0, 3\)"),
        ({"skorch_params": {"callbacks": [1]}}, r"callbacks must be a list .* Got \[1\]"),
        ({"skorch_params": {"callbacks": "stop"}}, "callbacks must be a list .* Got 'stop'"),
        ({"skorch_params": {"optimizer": "adam"}}, "'optimizer' in skorch_params .* Got 'adam'"),
        ({"skorch_params": {"callbacks__nope__x": 1}}, "there is no callback 'nope'"),
        ({"skorch_params": {"callbacks__train_los__x": 1}}, "Did you mean 'train_loss'"),
        ({"skorch_params": {"optimiser": 1}}, "Did you mean 'optimizer'"),
    ],
)
def test_bad_parameters_are_named_with_value_and_rule(params, message):
    X, y = make()
    with pytest.raises((ValueError, TypeError), match=message):
        small_cnn(**params).fit(X, y)


def test_cuda_without_cuda_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    X, y = make()
    with pytest.raises(ValueError, match="no CUDA device.*device='auto'"):
        small_cnn(device="cuda").fit(X, y)
    assert small_cnn(device="auto", max_epochs=1).fit(X, y).net_.device == "cpu"


def test_predict_checks_that_it_is_fitted_and_the_shape():
    X, y = make()
    with pytest.raises(NotFittedError):
        small_cnn().predict(X)
    clf = small_cnn(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="12 frames x 8 mel bins.*fitted on 24 x 8"):
        clf.predict(X[:, :12])
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        clf.predict(X[:0])


def test_refit_on_another_shape_and_another_number_of_classes():
    X, y = make()
    clf = small_cnn(head="flatten", max_epochs=1).fit(X, y)
    clf.fit(X[:, :10, :4], y % 2)
    assert clf.predict_proba(X[:, :10, :4]).shape == (48, 2)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_subject_or_label_is_named_by_its_row(missing):
    X, y = make()
    subjects = np.array([f"s{k}" for k in range(48)], dtype=object)
    subjects[5] = missing
    with pytest.raises(ValueError, match="no subject for 1 recordings, the first in row 5"):
        small_cnn().fit(X, y, groups=subjects)
    with pytest.raises(ValueError, match="1 recordings have no label, the first in row 5"):
        small_cnn().fit(X, subjects)
    with pytest.raises(ValueError, match="X has 48 recordings and groups has 20.*oversample=True"):
        small_cnn().fit(X, y, groups=np.arange(20))


def test_nonfinite_weights_raise_and_discard_the_previous_model():
    X, y = make()
    clf = small_cnn(max_epochs=1).fit(X, y)
    clf.set_params(lr=1e36, max_epochs=2)
    with pytest.raises(ValueError, match=r"no longer finite after 2 epochs.*Reduce lr=1e\+36"):
        clf.fit(X, np.array(["x", "y", "z"])[y])
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_values_beyond_float32_are_named_at_prediction():
    X, y = make()
    clf = small_cnn(max_epochs=1).fit(X, y)
    X_new = X.astype(np.float64)
    X_new[7] = 1e300
    with pytest.raises(ValueError, match="too large for the network.*of 1 recordings.*row 7"):
        clf.predict(X_new)
