"""skorch inside the classifiers, and copies of them."""

import copy
import pickle
import signal

import joblib
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.hf import AccelerateMixin

from skheart import load, save
from skheart.classifiers import HeartSoundNet
from skheart.classifiers._rows import Rows, batches
from skheart.nets import torch_settings
from tests.helpers.small import SMALL, make, small_cnn

# ------------------------------------------------------------------ skorch inside


def test_skorch_names_are_routed_by_set_params_and_survive_clone():
    X, y = make()
    clf = small_cnn().set_params(optimizer__weight_decay=0.5, optimizer=torch.optim.SGD)
    assert clf.skorch_params["optimizer__weight_decay"] == 0.5
    copied = clone(clf)
    assert copied.skorch_params == clf.skorch_params
    assert copied.skorch_params is not clf.skorch_params
    net = copied.fit(X, y).net_
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.5
    assert small_cnn().skorch_params is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("module__drpout", "AttentionCNN takes"),
        ("module__rectifer", "Did you mean 'rectifier'"),
        ("optimizer__weight_decy", "Did you mean 'weight_decay'"),
        ("iterator_train__shufle", "Did you mean 'shuffle'"),
        ("module__channels", "set 'channels' of the classifier instead"),
        ("optimizer__lr", "set 'lr' of the classifier"),
        ("learning_rate", "Invalid parameter 'learning_rate'"),
        ("chanels", "Did you mean 'channels'"),
    ],
)
def test_a_typo_in_a_routed_name_is_found_before_fit(name, message):
    clf = small_cnn()
    with pytest.raises(ValueError, match=message):
        clf.set_params(**{name: 1})
    assert clf.skorch_params is None


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("classes", "learns the classes from y"),
        ("dataset__length", "iterator_train"),
        ("module", "the other classifier"),
        ("predict_nonlinearity", "decision_function"),
        ("train_split", "early_stopping=True"),
        ("use_caching", "EpochScoring"),
        ("warm_start", "raise max_epochs"),
    ],
)
def test_skorch_names_that_cannot_be_set_say_why_and_what_to_use(name, remedy):
    with pytest.raises(ValueError, match=f"'{name}' cannot be set .*{remedy}"):
        small_cnn().set_params(**{name: 1})
    X, y = make()
    for names in ({name: 1}, {"lr": 1}):
        with pytest.raises(ValueError, match="cannot be set in skorch_params"):
            small_cnn(skorch_params=names).fit(X, y)


def test_the_net_can_be_cloned_with_all_its_parameters():
    X, y = make()
    clf = small_cnn(masked=True, augment="standard", precision="bfloat16", max_epochs=1).fit(X, y)
    params = clone(clf.net_).get_params()
    assert params["masked"]
    assert params["augmentation"].frequency_masks == 2
    assert params["training_dtype"] == torch.bfloat16
    # Attributes that skorch does not take would be refused here.
    assert clone(clf.net_).initialize().module_.training


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


def test_net_class_is_used_and_a_plain_skorch_class_refuses_weights():
    class Mine(HeartSoundNet):
        pass

    X, y = make()
    assert type(small_cnn(net_class=Mine, max_epochs=1).fit(X, y).net_) is Mine
    foreign = small_cnn(net_class=NeuralNetClassifier, max_epochs=1)
    assert foreign.fit(X, y).predict(X).shape == (48,)
    for verb, params in [
        ("weight", {"class_weight": "balanced"}),
        ("augment", {"augment": "standard"}),
        ("mask", {"masked": True}),
    ]:
        with pytest.raises(TypeError, match=f"NeuralNetClassifier cannot {verb} recordings: deriv"):
            clone(foreign).set_params(**params).fit(X, y)


def test_a_net_class_with_accelerate_works():
    class AcceleratedNet(AccelerateMixin, HeartSoundNet):
        pass

    X, y = make()
    bring = {"accelerator": Accelerator(cpu=True)}
    accelerated = small_cnn(net_class=AcceleratedNet, skorch_params=bring, verbose=0).fit(X, y)
    plain = small_cnn(precision="float32").fit(X, y)  # accelerate has a precision of its own
    np.testing.assert_allclose(accelerated.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_a_criterion_that_averages_refuses_weights():
    class Mean(torch.nn.Module):
        def forward(self, logits, target):
            return torch.nn.functional.cross_entropy(logits, target)

    X, y = make()
    clf = small_cnn(max_epochs=1).set_params(criterion=Mean)
    assert clf.fit(X, y).n_iter_ == 1
    with pytest.raises(ValueError, match="criterion Mean returns one loss for the whole batch"):
        clf.set_params(class_weight="balanced").fit(X, y)


def test_drop_last_without_a_full_batch_is_refused():
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


def test_a_callback_can_stop_the_fit_early():
    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    X, y = make()
    assert small_cnn(skorch_params={"callbacks": [Enough()]}).fit(X, y).n_iter_ == 1


def test_the_interrupt_handler_of_the_program_is_kept():
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
    with pytest.raises(ValueError, match="callbacks='disable' also turns off early stopping"):
        clf.set_params(early_stopping=True).fit(X, y)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_last_batch_of_one_row_joins_the_previous_batch(n):
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


def test_plain_data_loaders_with_workers_are_accepted():
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


def test_a_fitted_model_holds_neither_data_nor_optimizer_state():
    X, y = make(400)
    clf = small_cnn(channels=(16, 64), early_stopping=True, max_epochs=2).fit(X, y)
    n_bytes = 4 * sum(weights.numel() for weights in clf.net_.module_.parameters())
    assert len(pickle.dumps(clf)) < 1.5 * n_bytes < X.nbytes


@pytest.fixture
def loaded(tmp_path):
    """A fitted classifier, and itself from a model file."""
    X, y = make()
    clf = small_cnn(max_epochs=1, precision="float32").fit(X, y)
    save(clf, tmp_path / "model")
    return clf, load(tmp_path / "model")


def test_a_loaded_model_makes_its_optimizer_when_it_is_needed(loaded):
    clf, twin = loaded
    X, y = make()
    expected = clf.predict_proba(X)
    for model in (twin, pickle.loads(pickle.dumps(twin))):
        net = model.net_
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        assert "optimizer_" not in vars(net)
        net.set_params(optimizer__weight_decay=0.5).partial_fit({"x": X}, y)
        assert net.optimizer_.param_groups[0]["weight_decay"] == 0.5
        assert net.history[-1, "train_loss"] < clf.history_[-1, "train_loss"]
        assert not np.array_equal(model.predict_proba(X), expected)


def test_a_loaded_net_has_the_parameters_of_the_saved_one(loaded):
    ours, theirs = (model.net_.get_params(deep=False) for model in loaded)
    assert ours.keys() == theirs.keys()
    differ = {name for name in ours if repr(ours[name]) != repr(theirs[name])}
    assert differ <= {"callbacks", "callbacks__print_log__sink"}


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


def test_settings_are_restored_after_an_error():
    threads = torch.get_num_threads()
    state = torch.get_rng_state()

    def fail():
        with torch_settings(torch.device("cpu"), threads + 1, seed=5, in_chunks=False):
            assert torch.get_num_threads() == threads + 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.get_num_threads() == threads
    assert torch.equal(state, torch.get_rng_state())
