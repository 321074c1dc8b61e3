"""save and load: the whole model comes back, bit for bit, and what cannot is said."""

import copy
import hashlib
import json
import pickle
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline as StockPipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring

import skheart
from skheart import storage
from skheart.augmentation import Augmentation
from skheart.datasets import make_heart_sounds
from skheart.explain import explain
from skheart.patients import PatientClassifier
from skheart.storage._registry import entry_of
from skheart.storage._values import Packer, Unpacker
from tests.helpers import model_files
from tests.helpers.small import SMALL, make, numpy_state, small_cnn, small_rnn


def again(estimator, tmp_path):
    skheart.save(estimator, tmp_path / "again")
    return skheart.load(tmp_path / "again")


def assert_alike(one, two):
    """Equal values of equal types, however deep; arrays with their types and order of memory."""
    assert type(one) is type(two)
    if isinstance(one, BaseEstimator):
        assert one.get_params(deep=False).keys() == two.get_params(deep=False).keys()
        skipped = {"net_", "history_", "_plan", "memory"}
        assert vars(one).keys() == vars(two).keys()
        for name in vars(one).keys() - skipped:
            assert_alike(vars(one)[name], vars(two)[name])
    elif isinstance(one, np.ndarray) and one.dtype != object:
        assert one.dtype == two.dtype
        assert one.flags.f_contiguous == two.flags.f_contiguous
        np.testing.assert_array_equal(one, two, strict=True)
    elif isinstance(one, (list, tuple, np.ndarray)):
        if isinstance(one, np.ndarray):
            assert one.shape == two.shape
            one, two = one.ravel().tolist(), two.ravel().tolist()
        for parts in zip(one, two, strict=True):
            assert_alike(*parts)
    elif isinstance(one, dict):
        assert_alike(list(one.items()), list(two.items()))
    elif isinstance(one, (float, np.floating)) and np.isnan(one):
        assert np.isnan(two)
    else:
        assert one == two


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(12, duration=2, random_state=0)


def small_pipeline(model="cnn", **params):
    size = {"clf__channels": (4, 8)} if model == "cnn" else {"clf__units": (8,)}
    pipeline = skheart.make_heart_pipeline(model, random_state=0, device="cpu")
    pipeline.set_params(logmel__duration=2, logmel__n_mels=16, clf__max_epochs=2, **size)
    return pipeline.set_params(**params)


@pytest.fixture(scope="module")
def pipeline(sounds):
    return small_pipeline().fit(sounds.data, sounds.target)


# ---------------------------------------------------------------------- the whole model


@pytest.mark.parametrize("model", ["cnn", "lstm", "gru"])
def test_a_pipeline_comes_back_whole(sounds, tmp_path, model):
    early = {"clf__early_stopping": True, "clf__validation_fraction": 0.3}
    pipeline = small_pipeline(model, clf__lr_schedule="cosine", **early)
    pipeline.fit(sounds.data, sounds.target)
    loaded = again(pipeline, tmp_path)
    assert_alike(pipeline, loaded)
    expected = pipeline.predict_proba(sounds.data)
    np.testing.assert_array_equal(loaded.predict_proba(sounds.data), expected, strict=True)
    np.testing.assert_array_equal(loaded.predict(sounds.data), pipeline.predict(sounds.data))
    explained = [explain(p, sounds.data[:3]) for p in (pipeline, loaded)]
    for one, two in zip(*explained, strict=True):
        np.testing.assert_array_equal(one.contribution, two.contribution)
    refit = [clone(p).fit(sounds.data, sounds.target) for p in (pipeline, loaded)]
    np.testing.assert_array_equal(*[p.predict_proba(sounds.data) for p in refit])


@pytest.mark.parametrize("build", SMALL)
@pytest.mark.parametrize("head", ["attention", "flatten", "last", "max", "mean"])
def test_every_head(build, head, tmp_path):
    if head == {small_cnn: "last"}.get(build, "flatten"):
        return  # not a head of this net
    X, y = make()
    params = {"pool_size": "fine", "kernel_size": (1, 3)} if build is small_cnn else {}
    if build is small_rnn:
        params = {"bidirectional": True}
    clf = build(head=head, max_epochs=1, rectifier="softmax", **params).fit(X, y)
    np.testing.assert_array_equal(
        again(clf, tmp_path).decision_function(X), clf.decision_function(X)
    )


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["normal", "mürmel"]),
        np.array([3, -1]),
        np.array([3, 9], dtype=np.uint8),
        np.array([True, False]),
        np.array(["normal", "a"], dtype=object),
        np.array([1, 2], dtype=np.float32),
    ],
    ids=str,
)
def test_labels_of_any_kind(labels, tmp_path):
    X, y = make(24, 2)
    clf = small_cnn(max_epochs=1, class_weight=dict(zip(labels, (1, 2.5), strict=True)))
    clf.fit(X, labels[y])
    loaded = again(clf, tmp_path)
    assert_alike(clf, loaded)
    assert loaded.predict(X).dtype == clf.predict(X).dtype


def test_the_history_can_be_drawn(tmp_path):
    X, y = make()
    clf = small_cnn(early_stopping=True, validation_fraction=0.3).fit(X, y)
    loaded = again(clf, tmp_path)
    assert type(loaded.history_) is type(clf.history_)
    assert loaded.net_.history is loaded.history_
    for name in ("train_loss", "valid_loss", "valid_uar", "dur", "train_loss_best"):
        assert loaded.history_[:, name] == clf.history_[:, name]
    drawn = skheart.plot.HistoryDisplay.from_estimator(loaded)
    np.testing.assert_array_equal(drawn.valid_uar, clf.history_[:, "valid_uar"])


def test_settings_of_skorch_are_kept(tmp_path):
    X, y = make()
    settings = {"optimizer": torch.optim.AdamW, "optimizer__weight_decay": 0.1, "callbacks": None}
    settings |= {"callbacks__valid_acc": None, "module__attention_floor": 1e-3}
    clf = small_cnn(skorch_params=settings, augment=Augmentation(gain=0.5, time_masks=1)).fit(X, y)
    loaded = again(clf, tmp_path)
    assert loaded.skorch_params == settings
    assert loaded.net_.module_.head.floor == 1e-3
    assert type(loaded.net_.optimizer_) is torch.optim.AdamW
    assert loaded.augment.get_params() == clf.augment.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), clf.predict_proba(X))


def test_patients(sounds, tmp_path):
    patients = PatientClassifier(
        small_pipeline(clf__max_epochs=1),
        cv=2,
        calibrator="logistic",
        random_state=0,
        decision_weight="balanced",
    )
    patients.fit(sounds.data, sounds.target, groups=sounds.groups)
    loaded = again(patients, tmp_path)
    assert_alike(patients, loaded)
    assert len(loaded.estimators_) == 2
    expected = patients.predict_patients(sounds.data, groups=sounds.groups)
    found = loaded.predict_patients(sounds.data, groups=sounds.groups)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("kind", [Pipeline, StockPipeline])
def test_estimators_of_scikit_learn(kind, tmp_path):
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"]), np.arange(40) % 3
    X.iloc[0, 0] = np.nan
    steps = [("fill", SimpleImputer()), ("scale", StandardScaler()), ("none", "passthrough")]
    pipeline = kind([*steps, ("clf", LogisticRegression(class_weight={0: 1, 1: 2.0, 2: 3}))])
    pipeline.set_output(transform="pandas").fit(X, y)
    loaded = again(pipeline, tmp_path)
    assert_alike(pipeline, loaded)
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert list(loaded[:2].transform(X).columns) == ["a", "b", "c"]


def test_the_memory_of_a_pipeline_is_of_one_machine(tmp_path):
    X, y = make(24, 2)
    cached = StockPipeline([("scale", StandardScaler()), ("clf", LogisticRegression())])
    cached.set_params(memory=str(tmp_path / "cache")).fit(X[:, 0], y)
    assert again(cached, tmp_path).memory is None


@pytest.mark.parametrize("name", storage.STORABLE)
def test_every_class_that_is_kept_is_an_estimator(name):
    assert issubclass(entry_of(name).cls, BaseEstimator)


def test_saving_or_loading_changes_nothing(pipeline, sounds, tmp_path):
    before, state, torch_state = pickle.dumps(pipeline), numpy_state(), torch.get_rng_state()
    threads = torch.get_num_threads()
    again(pipeline, tmp_path)
    np.testing.assert_array_equal(numpy_state(), state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert torch.get_num_threads() == threads
    assert pickle.dumps(pipeline) == before


def test_a_model_is_always_the_same_file(pipeline, tmp_path):
    skheart.save(pipeline, tmp_path / "one")
    skheart.save(again(pipeline, tmp_path), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "value",
    [
        None, True, -(2**63), 0.1, 1.0, 1e-300, np.nan, -np.inf, "", 'a"\\\n\ud800é', (), [], {},
        (1, [2, (3,)]), {1: "a", "1": 2, False: 3, (1, 2): None, None: [], 1.5: {}},
        OrderedDict(b=1, a=2), np.float32(0.1), np.float64(np.nan), np.float16(np.inf),
        np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.str_("x"), np.dtype("int16"),
        np.float32, np.bool_, torch.optim.SGD, torch.nn.CrossEntropyLoss, torch.device("cuda", 1),
        np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(24).reshape(2, 3, 4)[:, ::2].transpose(2, 0, 1), np.array(3.5), np.empty((0, 2)),
        np.array([np.nan, -0.0, np.inf], dtype=np.float16), np.array([[True], [False]]),
        np.array(["a", "ü", ""], dtype="<U7"), np.array([["a", 1], [None, np.nan]], dtype=object),
        np.array([], dtype="<U1"), np.array("lone"),
    ],
    ids=repr,
)  # fmt: skip
def test_values(value):
    packer = Packer()
    packed = json.loads(json.dumps(packer.pack([value, value], "model.x"), allow_nan=False))
    unpacker = Unpacker(packer.tensors)
    assert_alike(unpacker.unpack(packed, "model.x"), [value, value])
    unpacker.check_all_taken()


def test_the_file_is_as_documented(pipeline, tmp_path):
    """Read by safetensors, json and hashlib alone."""
    path = tmp_path / "m"
    skheart.save(pipeline, path)
    with safetensors.safe_open(path, "pt") as file:
        document = json.loads(file.metadata()["skheart"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert document["format"] == 1
    assert document["versions"]["torch"] == torch.__version__
    digits = document["sha256"].encode()
    blank = path.read_bytes().replace(digits, b"0" * 64)
    assert hashlib.sha256(blank).hexdigest().encode() == digits
    clf = document["model"]["estimator"]["params"]["steps"][2]["tuple"][1]["estimator"]
    assert clf["class"] == "skheart.AttentionCNNClassifier"
    assert clf["params"]["channels"] == {"tuple": [4, 8]}
    labels = {"dtype": "U6", "shape": [3], "items": ["mild", "normal", "severe"]}
    assert clf["fitted"]["classes_"] == {"array": labels}
    for name, weight in pipeline["clf"].net_.module_.state_dict().items():
        assert torch.equal(weights[clf["fitted"]["net_"][name]], weight), name


# ---------------------------------------------------------------------- devices


def test_a_model_of_a_device_that_is_not_there(tmp_path):
    X, y = make()
    clf = small_cnn(max_epochs=1, device="cpu").fit(X, y)
    clf.device = "cuda:99"  # as a file from a larger machine says
    message = "device=.cuda:99., which is not available, and predicts on"
    with pytest.warns(UserWarning, match=message):
        loaded = again(clf, tmp_path)
    assert loaded.device == "cuda:99"
    assert str(loaded.net_.device) == "cpu"
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


# ---------------------------------------------------------------------- what is refused


class Net(skheart.classifiers.HeartSoundNet):
    pass


class MyScaler(StandardScaler):
    pass


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"net_class": Net}, r"model\.net_class=Net is code"),
        ({"skorch_params": {"callbacks": [EpochScoring("accuracy")]}}, r"'callbacks'\] cannot be"),
        ({"skorch_params": {"iterator_train": torch.utils.data.DataLoader}}, "'iterator_train'"),
        ({"skorch_params": {"optimizer": torch.optim.LBFGS}}, "class or function LBFGS, which"),
        ({"skorch_params": {"criterion__weight": torch.ones(3)}}, "type torch.Tensor"),
        ({"skorch_params": {"torch_load_kwargs": {}}}, "'torch_load_kwargs'"),
        ({"random_state": np.random.RandomState(0)}, "set it to an int or None with set_params"),
    ],
)  # fmt: skip
def test_a_net_with_code_of_others_is_refused(params, words, tmp_path):
    X, y = make(24)
    fitted = small_cnn(max_epochs=1).fit(X, y)
    with pytest.raises(TypeError, match=words):
        skheart.save(fitted.set_params(**params), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_what_is_not_kept_is_named(pipeline, tmp_path):
    X, y = make(24, 2)
    X = X[:, 0]
    path = tmp_path / "m"
    for estimator in (MyScaler(), DummyClassifier()):
        inside = Pipeline([("scale", estimator)]).fit(X, y)
        with pytest.raises(
            TypeError, match=rf"model.steps\[0\]\[1\] is a {type(estimator).__name__}"
        ):
            skheart.save(inside, path)
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, y)
    with pytest.raises(TypeError, match="save its best_estimator_"):
        skheart.save(search, path)
    assert again(search.best_estimator_, tmp_path).C == search.best_estimator_.C
    with pytest.raises(NotFittedError):
        skheart.save(skheart.make_heart_pipeline(), path)
    with pytest.raises(TypeError, match="estimator must be a fitted estimator. Got 3"):
        skheart.save(3, path)
    odd = StandardScaler().fit(X)
    odd.note = "mine"
    with pytest.raises(TypeError, match="model.note is no fitted attribute of a StandardScaler"):
        skheart.save(odd, path)
    odd = StandardScaler().fit(X)
    odd.mean_ = odd.mean_.astype(complex)
    with pytest.raises(TypeError, match="model.mean_ is an array of complex128"):
        skheart.save(odd, path)
    odd.mean_ = [odd.mean_[0].real]
    odd.mean_.append(odd.mean_)
    with pytest.raises(ValueError, match="nested too deeply"):
        skheart.save(odd, path)
    changed = copy.deepcopy(pipeline).set_params(logmel__fmin=50)
    with pytest.raises(
        ValueError, match=r"steps\[0\]\[1\] has other parameters than it was fitted"
    ):
        skheart.save(changed, path)
    changed = copy.deepcopy(pipeline).set_params(clf__channels=(4, 9))
    with pytest.raises(
        ValueError, match=r"channels=\(4, 9\) was changed after fit, from \(4, 8\)"
    ):
        skheart.save(changed, path)
    assert not path.exists()


def test_save_replaces_models_only(pipeline, sounds, tmp_path):
    path = tmp_path / "m"
    for content in (b"notes", pickle.dumps(pipeline)):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match="m is there already and is no model: give path another"
        ):
            skheart.save(pipeline, path)
        assert path.read_bytes() == content
    path.write_bytes(safetensors.numpy.save({"mean": np.ones(3)}, metadata={"by": "others"}))
    with pytest.raises(ValueError, match="is no model"):
        skheart.save(pipeline, path)
    path.unlink()
    skheart.save(pipeline, path)
    first = path.read_bytes()
    scaler = StandardScaler().fit(np.eye(3))
    scaler.note = "mine"
    with pytest.raises(TypeError):
        skheart.save(scaler, path)
    assert path.read_bytes() == first
    del scaler.note
    skheart.save(scaler, str(path))
    assert type(skheart.load(str(path))) is StandardScaler
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="there is no folder"):
        skheart.save(scaler, tmp_path / "none" / "m")
    with pytest.raises(ValueError, match="path is empty"):
        skheart.save(scaler, "")


def test_the_document_says_who_wrote_it(pipeline, tmp_path):
    skheart.save(pipeline, tmp_path / "m")
    document, _, _ = model_files.read(tmp_path / "m")
    libraries = {
        "python",
        "skheart",
        "imbalanced-learn",
        "numpy",
        "scikit-learn",
        "skorch",
        "torch",
    }
    assert set(document["versions"]) == libraries
    assert document["versions"]["skheart"] == skheart.__version__
