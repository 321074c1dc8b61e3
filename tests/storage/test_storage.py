"""save and load: models are restored bit for bit; what cannot be stored is named."""

import copy
import hashlib
import json
import pickle
from collections import OrderedDict
from importlib.metadata import version

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
from tests.helpers.small import SMALL, make, numpy_state, small_cnn, small_rnn


def again(estimator, tmp_path):
    skheart.save(estimator, tmp_path / "again")
    return skheart.load(tmp_path / "again")


def assert_alike(one, two):
    """Compare values and types at all depths; arrays also by order in memory."""
    assert type(one) is type(two)
    if isinstance(one, BaseEstimator):
        assert one.get_params(deep=False).keys() == two.get_params(deep=False).keys()
        skipped = {"net_", "history_", "_plan", "memory"}
        assert vars(one).keys() == vars(two).keys()
        for name in vars(one).keys() - skipped:
            assert_alike(vars(one)[name], vars(two)[name])
    elif isinstance(one, np.ndarray) and one.dtype != object:
        assert one.dtype == two.dtype
        if one.ndim > 1:
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


@pytest.mark.parametrize("model", ["cnn", "lstm", "gru"])
def test_a_pipeline_is_restored(sounds, tmp_path, model):
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


HEADS = [(build, head) for build in SMALL for head in ("attention", "max", "mean")]
HEADS += [(small_cnn, "flatten"), (small_rnn, "last")]


@pytest.mark.parametrize(("build", "head"), HEADS)
def test_every_head(build, head, tmp_path):
    X, y = make()
    params = {"pool_size": "fine", "kernel_size": (1, 3)} if build is small_cnn else {}
    if build is small_rnn:
        params = {"bidirectional": True}
    clf = build(head=head, max_epochs=1, rectifier="softmax", **params).fit(X, y)
    logits = again(clf, tmp_path).decision_function(X)
    np.testing.assert_array_equal(logits, clf.decision_function(X))


LABELS = [
    np.array(["normal", "mürmel"]),
    np.array([3, -1]),
    np.array([3, 9], dtype=np.uint8),
    np.array([True, False]),
    np.array(["normal", "a"], dtype=object),
    np.array([1, 2], dtype=np.float32),
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
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


def test_settings_of_skorch_are_stored(tmp_path):
    X, y = make()
    settings = {"optimizer": torch.optim.AdamW, "optimizer__weight_decay": 0.1, "callbacks": None}
    settings["callbacks__valid_acc"] = None
    clf = small_cnn(skorch_params=settings, augment=Augmentation(gain=0.5, time_masks=1)).fit(X, y)
    loaded = again(clf, tmp_path)
    assert loaded.skorch_params == settings
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
def test_every_storable_class_is_an_estimator(name):
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
    """The file is read by safetensors, json and hashlib only."""
    path = tmp_path / "m"
    skheart.save(pipeline, path)
    with safetensors.safe_open(path, "pt") as file:
        document = json.loads(file.metadata()["skheart"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert document["format"] == 1
    libraries = {
        "imbalanced-learn",
        "numpy",
        "python",
        "scikit-learn",
        "skheart",
        "skorch",
        "torch",
    }
    assert set(document["versions"]) == libraries
    assert document["versions"]["torch"] == version("torch")
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


def test_a_model_of_an_unavailable_device(tmp_path):
    X, y = make()
    clf = small_cnn(max_epochs=1, device="cpu").fit(X, y)
    clf.device = "cuda:99"  # as a file from a larger machine says
    message = "device=.cuda:99., which is not available, and predicts on"
    with pytest.warns(UserWarning, match=message):
        loaded = again(clf, tmp_path)
    assert loaded.device == "cuda:99"
    assert str(loaded.net_.device) == "cpu"
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


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
        ({"random_state": np.random.RandomState(0)}, "Set it to an int or None with set_params"),
    ],
)  # fmt: skip
def test_a_network_with_other_code_is_refused(params, words, tmp_path):
    X, y = make(24)
    fitted = small_cnn(max_epochs=1).fit(X, y)
    with pytest.raises(TypeError, match=words):
        skheart.save(fitted.set_params(**params), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def scaler(**attributes):
    fitted = StandardScaler().fit(np.eye(3))
    vars(fitted).update(attributes)
    return fitted


def nested_list():
    values = []
    values.append(values)
    return values


def search(X, y):
    return GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, y)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda X, y: StockPipeline([("a", MyScaler())]).fit(X, y), TypeError,
         r"model.steps\[0\]\[1\] is a MyScaler, which cannot be stored"),
        (lambda X, y: StockPipeline([("a", DummyClassifier())]).fit(X, y), TypeError,
         r"model.steps\[0\]\[1\] is a DummyClassifier, which cannot be stored"),
        (search, TypeError, "is a GridSearchCV, which cannot be stored. Save its best_estimator_"),
        (lambda X, y: skheart.make_heart_pipeline(), NotFittedError, ""),
        (lambda X, y: 3, TypeError, "estimator must be a fitted estimator. Got 3"),
        (lambda X, y: scaler(note="mine"), TypeError,
         "model.note is not a fitted attribute of a StandardScaler"),
        (lambda X, y: scaler(mean_=np.zeros(3, complex)), TypeError,
         "model.mean_ is an array of complex128"),
        (lambda X, y: scaler(mean_=nested_list()), ValueError, "nested too deeply"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_named(build, error, words, tmp_path):
    X, y = make(24, 2)
    with pytest.raises(error, match=words):
        skheart.save(build(X[:, 0], y), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_the_best_estimator_of_a_search_is_stored(tmp_path):
    X, y = make(24, 2)
    best = search(X[:, 0], y).best_estimator_
    assert again(best, tmp_path).C == best.C


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"logmel__fmin": 50}, r"steps\[0\]\[1\] has other parameters than in fit"),
        ({"clf__channels": (4, 9)}, r"channels=\(4, 9\).*\(4, 8\)"),
    ],
)
def test_parameters_that_changed_after_fit_are_refused(pipeline, params, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        skheart.save(copy.deepcopy(pipeline).set_params(**params), tmp_path / "m")


def test_save_replaces_models_only(pipeline, tmp_path):
    path = tmp_path / "m"
    other = safetensors.numpy.save({"mean": np.ones(3)}, metadata={"by": "others"})
    for content in (b"notes", pickle.dumps(pipeline), other):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="m already exists and is not a model: give path ano"):
            skheart.save(pipeline, path)
        assert path.read_bytes() == content
    path.unlink()
    skheart.save(pipeline, path)
    first = path.read_bytes()
    with pytest.raises(TypeError):
        skheart.save(scaler(note="mine"), path)
    assert path.read_bytes() == first
    skheart.save(scaler(), str(path))
    assert type(skheart.load(str(path))) is StandardScaler
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="there is no folder"):
        skheart.save(scaler(), tmp_path / "none" / "m")
    with pytest.raises(ValueError, match="path is empty"):
        skheart.save(scaler(), "")
