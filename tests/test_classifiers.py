"""The classifiers, on small nets: labels, seeds, splits, weights, routing, errors."""

import copy
import pickle
import random
import signal

import joblib
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_predict, cross_val_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from skorch.hf import AccelerateMixin

from skheart import AttentionCNNClassifier, AttentionRNNClassifier, RandomOverSampler
from skheart._net import Rows, batches, torch_settings
from skheart.classifiers import HeartSoundNet
from skheart.nets import AttentionCNN

N_FRAMES, N_MELS = 24, 8


def make(n=48, n_classes=3, seed=0, shift=1.5):
    """Spectrograms in which class k has the mel bins from 2 k on raised."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, N_FRAMES, N_MELS)).astype(np.float32)
    for code in range(n_classes):
        X[y == code, :, 2 * code : 2 * code + 2] += shift
    return X, y


def numpy_state():
    return np.random.get_state()[1].copy()  # noqa: NPY002  # the global one is what is watched


def small_cnn(**params):
    defaults = {"channels": (4, 8), "kernel_size": 3, "lr": 0.01, "max_epochs": 4}
    return AttentionCNNClassifier(**{**defaults, "random_state": 0, **params})


def small_rnn(**params):
    defaults = {"units": (8,), "lr": 0.02, "max_epochs": 4}
    return AttentionRNNClassifier(**{**defaults, "random_state": 0, **params})


SMALL = [small_cnn, small_rnn, lambda **p: small_rnn(cell="gru", **p)]


@pytest.mark.parametrize("build", SMALL)
def test_learns_and_answers_in_the_users_shapes(build):
    X, y = make(96)
    clf = build(max_epochs=12).fit(X, y)
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
    assert clf.decision_function(X).shape == ((30,) if len(labels) == 2 else (30, len(labels)))


def test_two_class_logit_belongs_to_the_second_class():
    X, y = make(60, n_classes=2)
    clf = small_cnn().fit(X, y)
    np.testing.assert_array_equal(clf.decision_function(X) > 0, clf.predict(X) == 1)


def test_net_is_trained_as_a_plain_torch_loop_trains_it():
    X, y = make(40)
    module = AttentionCNN(3, input_shape=(N_FRAMES, N_MELS), channels=(4, 8), kernel_size=3)

    class Record(Callback):
        def on_train_begin(self, net, **kwargs):
            self.weights = copy.deepcopy(net.module_.state_dict())
            self.batches = []

        def on_batch_begin(self, net, batch, training, **kwargs):
            self.batches.append(batch)

    record = Record()
    clf = small_cnn(max_epochs=2, batch_size=10, n_threads=1).set_params(callbacks=[record])
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
    build(random_state=None, max_epochs=1).fit(X, y)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], numpy_state())
    assert before[2] == random.getstate()
    assert threads == torch.get_num_threads()
    torch.manual_seed(4)
    second = build(early_stopping=True, oversample=True).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    other = build(random_state=1).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)


def test_no_seed_gives_different_models():
    X, y = make()
    fits = [small_cnn(random_state=None, max_epochs=1).fit(X, y) for _ in range(2)]
    assert not np.array_equal(*(clf.predict_proba(X) for clf in fits))


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


def test_threads_follow_from_the_work_alone(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda **_: 7)
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(torch.get_num_threads())

    X, y = make(4)
    watched = {"max_epochs": 1, "skorch_params": {"callbacks": [Watch()]}}
    small_cnn(**watched).fit(X, y)
    small_cnn(n_threads=2, **watched).fit(X, y)
    wide = small_cnn(channels=(4, 900, 1), **watched)  # 43 000 weights, 2 400 frames
    wide.fit(np.repeat(X, 100, axis=1)[:2, :, :1], y[:2])
    assert seen == [1, 2, 7]


@pytest.mark.parametrize("build", SMALL)
def test_prediction_does_not_depend_on_the_batch_to_the_last_bit(build):
    X, y = make(45)
    clf = build(max_epochs=2).fit(X, y)
    together = clf.decision_function(X)
    for rows in ([0], [44, 3], list(range(44, -1, -1)), [7] * 5):
        np.testing.assert_array_equal(clf.decision_function(X[rows]), together[rows])


def test_right_after_fit_the_module_is_in_evaluation_mode():
    X, y = make()
    assert not small_cnn(max_epochs=1).fit(X, y).net_.module_.training


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
    ],
)
def test_bad_X(params, X, message):
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
        ({"device": "gpu"}, "device='gpu'.*'auto', 'cpu' or 'cuda'"),
        ({"net_class": dict}, "net_class must be a subclass of skorch's NeuralNetClassifier"),
        ({"class_weight": {9: 1}}, r"class_weight names \[9\]"),
        ({"class_weight": {0: -1, 1: 1, 2: 1}}, "must hold finite weights of at least 0"),
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


def test_empty_spectrograms_and_rnn_sizes_are_refused():
    X, y = make()
    with pytest.raises(ValueError, match="needs a frame and a mel bin"):
        small_cnn().fit(X[:, :0], y)
    with pytest.raises(ValueError, match=r"units must be a sequence .* Got \(4, -1\)"):
        small_rnn(units=(4, -1)).fit(X, y)


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


def test_groups_from_before_a_sampler_are_refused_with_the_remedy():
    X, y = make()
    with pytest.raises(ValueError, match="X has 48 recordings and groups 20.*oversample=True"):
        small_cnn().fit(X, y, groups=np.arange(20))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_subject_or_label_is_named_by_its_row(missing):
    X, y = make()
    subjects = np.array([f"s{k}" for k in range(48)], dtype=object)
    subjects[5] = missing
    with pytest.raises(ValueError, match="no subject for 1 recordings, the first in row 5"):
        small_cnn().fit(X, y, groups=subjects)
    with pytest.raises(ValueError, match="1 recordings have no label, the first in row 5"):
        small_cnn().fit(X, subjects)


def test_weights_that_are_not_finite_are_an_error_and_no_older_model_stays():
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
    with pytest.raises(ValueError, match="too large for the net.*of 1 recordings.*row 7"):
        clf.predict(X_new)


# ------------------------------------------------------------------ early stopping and balance


def test_early_stopping_watches_whole_subjects_and_restores_the_best_epoch():
    X, y = make(120, shift=0.6)
    groups = np.arange(120) // 3

    seen = {}

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            seen["valid"] = net.train_split(None)[1]

        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            seen["train"], seen["watched"] = dataset_train.index, dataset_valid.index
            seen.setdefault("uar", []).append(net.history[-1, "valid_uar"])

    clf = small_cnn(
        early_stopping=True,
        n_iter_no_change=2,
        max_epochs=30,
        validation_fraction=0.2,
        skorch_params={"callbacks": [Watch()]},
    ).fit(X, y, groups=groups)
    assert not set(groups[seen["train"]]) & set(groups[seen["watched"]])
    assert len(seen["watched"]) == pytest.approx(24, abs=3)
    assert {"train_loss", "valid_loss", "valid_acc", "valid_uar"} <= set(clf.history_[-1])
    assert clf.n_iter_ < 30
    # It stopped two epochs after the best one, whose weights predict again what was recorded.
    best = int(np.argmax(seen["uar"]))
    assert clf.n_iter_ == best + 1 + 2
    watched = seen["watched"]
    recall = [np.mean(clf.predict(X[watched[y[watched] == k]]) == k) for k in range(3)]
    assert np.mean(recall) == pytest.approx(seen["uar"][best])


def test_a_sampler_before_the_split_leaks_in_skorch_and_not_here():
    """Rows drawn again before the split: skorch watches copies of what it trains on."""
    X, y = make(90)
    y = np.where(y == 0, 0, np.where(np.arange(90) % 5 == 0, 2, 1))
    X_more, y_more = RandomOverSampler(random_state=0).fit_resample(X, y)

    def shared(train, valid):
        rows = {X_more[k].tobytes() for k in train}
        return np.mean([X_more[k].tobytes() in rows for k in valid])

    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X_more), torch.from_numpy(y_more))
    theirs = ValidSplit(5, stratified=True)(dataset, y_more)
    assert shared(theirs[0].indices, theirs[1].indices) > 0.3

    seen = {}

    class Watch(Callback):
        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            seen["leak"] = shared(dataset_train.index, dataset_valid.index)

    small_cnn(max_epochs=1, early_stopping=True, skorch_params={"callbacks": [Watch()]}).fit(
        X_more, y_more
    )
    assert seen["leak"] == 0


def test_class_weight_and_sample_weight_enter_the_loss():
    X, y = make(40, n_classes=2)
    weight = np.where(y == 1, 0.25, 1.75)
    record = []

    class Record(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            # skorch hands over the batch before the step: the loss from it by hand.
            (inputs, targets), module = batch, net.module_
            with torch.no_grad():
                loss = torch.nn.functional.cross_entropy(
                    copy.deepcopy(module).train()(inputs["x"]), targets, reduction="none"
                )
            record.append((float((loss * inputs["sample_weight"]).mean()), inputs, targets))

    clf = small_cnn(max_epochs=1, batch_size=40, skorch_params={"callbacks": [Record()]})
    clf.fit(X, y, sample_weight=weight)
    by_hand, inputs, targets = record[0]
    np.testing.assert_allclose(
        inputs["sample_weight"], weight[0] * (targets == 0) + 0.25 * (targets == 1)
    )
    assert clf.history_[-1, "train_loss"] == pytest.approx(by_hand, rel=1e-5)

    favoured = small_cnn(class_weight={0: 100.0, 1: 0.01}).fit(X, y)
    assert np.mean(favoured.predict(X) == 0) > 0.9


def test_the_scale_of_the_weights_does_not_matter():
    X, y = make(30)
    fits = [small_cnn().fit(X, y, sample_weight=np.full(30, w)) for w in (0.5, 1, 2, 30)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.predict_proba(X), fits[0].predict_proba(X))


def test_a_row_of_weight_two_is_two_rows_and_of_weight_zero_none():
    X, y = make(30)
    weight = np.arange(30) % 3
    weighted = small_cnn().fit(X, y, sample_weight=weight)
    repeated = small_cnn().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))
    with pytest.raises(ValueError, match="sample_weight is zero for every recording"):
        small_cnn().fit(X, y, sample_weight=np.zeros(30))


# ------------------------------------------------------------------ skorch inside


def test_skorch_names_are_routed_by_set_params_and_survive_clone():
    X, y = make()
    clf = small_cnn().set_params(
        optimizer__weight_decay=0.5, optimizer=torch.optim.SGD, module__attention_floor=0.1
    )
    assert clf.get_params()["optimizer__weight_decay"] == 0.5
    copied = clone(clf)
    assert copied.skorch_params == clf.skorch_params
    assert copied.skorch_params is not clf.skorch_params
    net = copied.fit(X, y).net_
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.5
    assert net.module_.head.floor == 0.1
    assert small_cnn().skorch_params is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("module__drpout", "AttentionCNN takes"),
        ("module__attention_flor", "Did you mean 'attention_floor'"),
        ("optimizer__weight_decy", "Did you mean 'weight_decay'"),
        ("iterator_train__shufle", "Did you mean 'shuffle'"),
        ("module__channels", "the parameter 'channels' of the classifier itself"),
        ("optimizer__lr", "the parameter 'lr'"),
        ("learning_rate", "Invalid parameter 'learning_rate'"),
        ("chanels", "Did you mean 'channels'"),
        ("use_caching", "Invalid parameter 'use_caching'"),
    ],
)
def test_a_typo_in_a_routed_name_is_found_before_fit(name, message):
    clf = small_cnn()
    with pytest.raises(ValueError, match=message):
        clf.set_params(**{name: 1})
    assert clf.skorch_params is None


@pytest.mark.parametrize("name", ["step", "cosine", "one_cycle"])
def test_learning_rate_schedules(name):
    X, y = make()
    rates = []

    class Record(Callback):
        def on_batch_end(self, net, training, **kwargs):
            if training:
                rates.append(net.optimizer_.param_groups[0]["lr"])

    small_cnn(
        lr_schedule=name, batch_size=2, max_epochs=10, skorch_params={"callbacks": [Record()]}
    ).fit(X, y)
    assert len(rates) == 240
    steps = np.arange(1, 241)
    if name == "step":
        np.testing.assert_allclose(rates, 0.01 * 0.9 ** (steps // 200))
    elif name == "cosine":
        np.testing.assert_allclose(rates, 0.005 * (1 + np.cos(np.pi * steps / 240)), atol=1e-8)
    else:
        assert max(rates) == pytest.approx(0.01, rel=1e-3)
        assert rates[-1] < 1e-5
        assert np.argmax(rates) == pytest.approx(0.3 * 240, abs=2)


def test_plateau_halves_the_rate_of_a_loss_that_does_not_fall():
    X, _ = make()
    y = np.random.default_rng(0).integers(0, 2, 48)
    # At this rate hardly a weight moves: the first epoch is the best, and three are no better.
    clf = small_cnn(lr_schedule="plateau", lr=1e-7, max_epochs=5, batch_size=48).fit(X, y)
    np.testing.assert_allclose(clf.history_[:, "event_lr"], [1e-7] * 4 + [5e-8])


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_schedules_count_the_batches_of_the_users_iterator(name):
    X, y = make(33)
    for params in (
        {"iterator_train__batch_size": 8},
        {"iterator_train": torch.utils.data.DataLoader},
    ):
        clf = small_cnn(lr_schedule=name, max_epochs=2).set_params(**params).fit(X, y)
        assert clf.net_.optimizer_.param_groups[0]["lr"] < 1e-3


def test_verbose_prints_on_standard_error_and_zero_is_silent(capsys):
    X, y = make()
    small_cnn(early_stopping=True, validation_fraction=0.3).fit(X, y)
    assert capsys.readouterr() == ("", "")
    small_cnn(early_stopping=True, validation_fraction=0.3, verbose=1).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    assert "train_loss" in err
    assert "valid_uar" in err


def test_net_class_is_used_and_a_foreign_one_cannot_weight():
    class Mine(HeartSoundNet):
        pass

    X, y = make()
    assert type(small_cnn(net_class=Mine, max_epochs=1).fit(X, y).net_) is Mine
    foreign = small_cnn(net_class=NeuralNetClassifier, max_epochs=1)
    assert foreign.fit(X, y).predict(X).shape == (48,)
    with pytest.raises(TypeError, match="NeuralNetClassifier cannot weight recordings"):
        foreign.set_params(class_weight="balanced").fit(X, y)


def test_accelerate_can_be_brought():
    class AcceleratedNet(AccelerateMixin, HeartSoundNet):
        pass

    X, y = make()
    bring = {"accelerator": Accelerator(cpu=True)}
    accelerated = small_cnn(net_class=AcceleratedNet, skorch_params=bring, verbose=0).fit(X, y)
    np.testing.assert_allclose(
        accelerated.predict_proba(X), small_cnn().fit(X, y).predict_proba(X), atol=1e-3
    )


def test_a_criterion_that_cannot_weight_says_so():
    class Mean(torch.nn.Module):
        def forward(self, logits, target):
            return torch.nn.functional.cross_entropy(logits, target)

    X, y = make()
    clf = small_cnn(max_epochs=1).set_params(criterion=Mean)
    assert clf.fit(X, y).n_iter_ == 1
    with pytest.raises(ValueError, match="criterion Mean returns one loss for the whole batch"):
        clf.set_params(class_weight="balanced").fit(X, y)


def test_drop_last_that_leaves_nothing_to_train_on():
    X, y = make(20)
    clf = small_cnn().set_params(iterator_train__drop_last=True)
    with pytest.raises(ValueError, match="batch_size=32 leaves no batch.*at most 20"):
        clf.fit(X, y)


@pytest.mark.parametrize("moment", ["on_batch_end", "on_epoch_end"])
def test_ctrl_c_ends_the_fit_and_leaves_nothing_fitted(moment, capsys):
    press = Callback()
    setattr(press, moment, lambda net, **kwargs: signal.raise_signal(signal.SIGINT))
    X, y = make()
    clf = small_cnn(skorch_params={"callbacks": [press]}, verbose=1)
    with pytest.raises(KeyboardInterrupt, match="nothing is fitted"):
        clf.fit(X, y)
    with pytest.raises(NotFittedError):
        clf.predict(X)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_callback_may_stop_early_as_skorchs_own_does():
    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    X, y = make()
    assert small_cnn(skorch_params={"callbacks": [Enough()]}).fit(X, y).n_iter_ == 1


def test_a_programs_own_interrupt_handler_is_left_alone():
    X, y = make()
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        small_cnn(max_epochs=1, skorch_params={"callbacks": [Watch()]}).fit(X, y)
        assert signal.getsignal(signal.SIGINT) == seen[0] == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_callbacks_can_be_disabled():
    X, y = make()
    clf = small_cnn(skorch_params={"callbacks": "disable"}, max_epochs=2)
    assert "dur" not in clf.fit(X, y).history_[-1]
    assert clf.n_iter_ == 2
    with pytest.raises(ValueError, match="callbacks='disable' leaves out early stopping"):
        clf.set_params(early_stopping=True).fit(X, y)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_last_batch_of_one_joins_the_one_before(n):
    # On maps of one cell, batch normalisation cannot use a batch of one.
    X = np.random.default_rng(0).normal(size=(2 * n + 1, 1, 1)).astype(np.float32)
    y = np.arange(2 * n + 1) % 2
    clf = small_cnn(batch_size=n, max_epochs=1).fit(X, y)
    assert clf.history_[-1, "train_batch_count"] == 2
    rows = Rows(X, y, np.arange(2 * n + 1))
    loader = batches(rows, n)
    sizes = [len(targets) for _, targets in loader]
    assert sizes == [n, n + 1]
    assert len(loader) == 2


def test_an_ordinary_dataloader_and_workers_are_possible():
    X, y = make()
    clf = small_cnn(max_epochs=1).set_params(iterator_train=torch.utils.data.DataLoader)
    assert clf.fit(X, y).n_iter_ == 1
    workers = small_cnn(max_epochs=1).set_params(iterator_train__num_workers=1)
    np.testing.assert_array_equal(
        workers.fit(X, y).predict_proba(X), small_cnn(max_epochs=1).fit(X, y).predict_proba(X)
    )


# ------------------------------------------------------------------ kept


@pytest.mark.parametrize("build", SMALL)
def test_pickle_joblib_and_deepcopy_before_and_after_fit(build, tmp_path):
    X, y = make()
    clf = build(early_stopping=True, validation_fraction=0.3)
    expected = clone(clf).fit(X, y).predict_proba(X)
    for fitted in (False, True):
        if fitted:
            clf.fit(X, y)
        joblib.dump(clf, tmp_path / "model")
        twins = [
            pickle.loads(pickle.dumps(clf)),
            joblib.load(tmp_path / "model"),
            copy.deepcopy(clf),
        ]
        for twin in twins:
            twin = twin if fitted else twin.fit(X, y)
            expected = (
                clf if fitted else build(early_stopping=True, validation_fraction=0.3).fit(X, y)
            )
            np.testing.assert_array_equal(twin.predict_proba(X), expected.predict_proba(X))


def test_a_model_carries_no_recordings_and_no_moments():
    X, y = make(400)
    clf = small_cnn(channels=(16, 64), early_stopping=True, max_epochs=2).fit(X, y)
    n_bytes = 4 * sum(weights.numel() for weights in clf.net_.module_.parameters())
    assert len(pickle.dumps(clf)) < 1.5 * n_bytes < X.nbytes


@pytest.mark.parametrize("name", [None, "step", "cosine", "one_cycle", "plateau"])
def test_every_tensor_of_a_pickle_is_one_that_skorch_moves(name, monkeypatch):
    """skorch brings the module from the GPU to the CPU; what lies elsewhere would stay behind."""
    X, y = make()
    early = {"early_stopping": True, "validation_fraction": 0.3}
    pickled = pickle.dumps(small_cnn(lr_schedule=name, max_epochs=2, **early).fit(X, y))

    def behind(data):
        raise AssertionError("a tensor outside skorch's care")

    monkeypatch.setattr(torch.storage, "_load_from_bytes", behind)
    assert pickle.loads(pickled).n_iter_ == 2


def test_a_model_from_a_gpu_unpickles_without_one():
    """What a pickle from a GPU machine says is its device; here it is not there."""
    X, y = make()
    clf = small_cnn(max_epochs=1).fit(X, y)
    expected = clf.predict_proba(X)
    clf.net_.device = "cuda"
    pickled = pickle.dumps(clf)
    if torch.cuda.is_available():
        moved = pickle.loads(pickled)
        assert moved.net_.device == "cuda"
        np.testing.assert_allclose(moved.predict_proba(X), expected, atol=1e-4)
    else:
        with pytest.warns(UserWarning, match="CUDA"):
            moved = pickle.loads(pickled)
        assert str(moved.net_.device) == "cpu"
        np.testing.assert_array_equal(moved.predict_proba(X), expected)


def test_settings_are_put_back_after_an_error():
    threads = torch.get_num_threads()
    state = torch.get_rng_state()

    def fail():
        with torch_settings(torch.device("cpu"), threads + 1, seed=5):
            assert torch.get_num_threads() == threads + 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.get_num_threads() == threads
    assert torch.equal(state, torch.get_rng_state())
