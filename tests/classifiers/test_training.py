"""What the classifiers train on: early stopping, balance and weights."""

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit

from skheart import RandomOverSampler
from tests.helpers.small import make, small_cnn


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

    clf = small_cnn(max_epochs=1, batch_size=40, precision="float32")
    clf.set_params(callbacks=[Record()]).fit(X, y, sample_weight=weight)
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


def test_integer_weights_equal_repeated_rows():
    X, y = make(30)
    weight = np.arange(30) % 3
    weighted = small_cnn().fit(X, y, sample_weight=weight)
    repeated = small_cnn().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))
    with pytest.raises(ValueError, match="sample_weight is zero for all recordings"):
        small_cnn().fit(X, y, sample_weight=np.zeros(30))


@pytest.mark.parametrize(
    ("balance", "weights"),
    [
        ({"oversample": True}, None),
        ({"class_weight": "balanced"}, None),
        ({"oversample": True, "class_weight": {0: 1.0, 1: 3.0, 2: 1.0}}, None),
        ({"oversample": True}, np.tile([1.0, 3.0], 24)),
        ({}, None),
    ],
)
def test_prior_correction_follows_bayes_rule(balance, weights):
    """Odds of two classes change by the ratio of their shares in y and in training."""
    X, _ = make(48)
    y = np.repeat([0, 1, 2], [30, 12, 6])
    plain = small_cnn(max_epochs=2, **balance).fit(X, y, sample_weight=weights)
    corrected = small_cnn(max_epochs=2, **balance, prior_correction=True)
    corrected.fit(X, y, sample_weight=weights)
    of_y = np.bincount(y, weights)
    trained = np.ones(3) if balance else of_y
    if isinstance(balance.get("class_weight"), dict):
        trained = np.array([1, 3, 1])
    expected = plain.predict_proba(X) * (of_y / trained)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(corrected.predict_proba(X), expected, atol=1e-5)
    if balance:
        assert np.abs(expected - plain.predict_proba(X)).max() > 0.05


def test_prior_correction_ignores_classes_of_weight_0():
    X, _ = make(48)
    y = np.arange(len(X)) % 3
    params = {"max_epochs": 1, "class_weight": {0: 1, 1: 1, 2: 0}}
    clf, plain = small_cnn(**params, prior_correction=True), small_cnn(**params)
    logits = clf.fit(X, y).decision_function(X) - plain.fit(X, y).decision_function(X)
    # In y a third each, in training a half each: log(2/3) for two of them.
    shift = logits[:, :2] - logits[:, 2:]
    np.testing.assert_allclose(shift, np.log(2 / 3), atol=1e-4)
