"""The pieces together, in the workflows that scikit-learn users have; small nets throughout."""

import numpy as np
import pytest
import sklearn
import soundfile as sf
from imblearn.over_sampling import RandomOverSampler as StockRandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_validate,
)

from skheart import (
    AttentionCNNClassifier,
    AttentionRNNClassifier,
    LogMelTransformer,
    RandomOverSampler,
    bootstrap_interval,
    make_heart_pipeline,
    uar,
)
from skheart.datasets import make_heart_sounds

SECONDS = 3


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(24, recordings_per_subject=2, duration=SECONDS, random_state=0)


@pytest.fixture(scope="module")
def paths(sounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    files = [folder / f"{k:03}.wav" for k in range(len(sounds.data))]
    for file, samples in zip(files, sounds.data, strict=True):
        sf.write(file, samples, sounds.sr, subtype="FLOAT")
    return [str(file) for file in files]


def logmel(**params):
    return LogMelTransformer(**{"duration": SECONDS, "n_mels": 16, "hop_length": 256, **params})


def cnn(**params):
    defaults = {"channels": (4, 8), "kernel_size": 3, "max_epochs": 2, "lr": 0.01}
    return AttentionCNNClassifier(**{**defaults, "random_state": 0, **params})


def small_pipeline(model="cnn", **params):
    pipeline = make_heart_pipeline(model, random_state=0)
    net = {"clf__channels": (4, 8)} if model == "cnn" else {"clf__units": (8,)}
    features = {"logmel__duration": SECONDS, "logmel__n_mels": 16, "logmel__hop_length": 256}
    return pipeline.set_params(**{**features, **net, "clf__max_epochs": 2, **params})


# ------------------------------------------------------------------ the recipe


@pytest.mark.parametrize("model", ["cnn", "lstm", "gru"])
def test_the_recipe_is_the_papers(model):
    pipeline = make_heart_pipeline(model, random_state=3)
    assert [name for name, _ in pipeline.steps] == ["logmel", "ros", "clf"]
    params = pipeline.get_params()
    assert (params["logmel__sr"], params["logmel__duration"]) == (4000, 30.0)
    assert (params["logmel__n_fft"], params["logmel__hop_length"]) == (256, 128)
    assert (params["logmel__window"], params["logmel__n_mels"]) == ("hamming", 64)
    assert (params["clf__batch_size"], params["clf__lr"]) == (32, 1e-3)
    assert (params["clf__head"], params["clf__rectifier"]) == ("attention", "sigmoid")
    if model == "cnn":
        assert params["clf__channels"] == (64, 128, 256, 256)
    else:
        assert (params["clf__cell"], params["clf__units"]) == (model, (256, 1024, 256))
    assert params["ros__random_state"] == params["clf__random_state"] == 3


def test_generated_sounds_are_learnable_and_not_trivial():
    """A small net, subjects kept apart: clearly better than chance, and not perfect."""
    sounds = make_heart_sounds(60, recordings_per_subject=2, duration=4, random_state=0)
    pipeline = small_pipeline(
        logmel__duration=4,
        logmel__n_mels=32,
        clf__channels=(8, 16, 16),
        clf__max_epochs=25,
        clf__lr=3e-3,
    )
    predicted = cross_val_predict(
        pipeline,
        sounds.data,
        sounds.target,
        groups=sounds.groups,
        cv=StratifiedGroupKFold(3, shuffle=True, random_state=0),
    )
    interval = bootstrap_interval(
        uar, sounds.target, predicted, groups=sounds.groups, random_state=0
    )
    assert interval.low > 0.4  # chance is one third
    assert interval.estimate < 0.97


# ------------------------------------------------------------------ the three orders


def test_all_orders_see_the_same_recordings(sounds, paths):
    """Without standardisation, which learns from what it sees, the order of steps is no matter."""
    features, sampler = logmel(standardize=False), RandomOverSampler(random_state=0)
    stock = StockRandomOverSampler(random_state=0)
    flat = logmel(standardize=False, flatten=True)
    orders = [
        ([("ros", sampler), ("logmel", features), ("clf", cnn())], sounds.data),
        ([("ros", sampler), ("logmel", features), ("clf", cnn())], paths),
        ([("logmel", features), ("ros", sampler), ("clf", cnn())], sounds.data),
        ([("logmel", flat), ("ros", stock), ("clf", cnn(n_mels=16))], sounds.data),
    ]
    first, *others = (Pipeline(steps).fit(X, sounds.target).predict_proba(X) for steps, X in orders)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-6)


# ------------------------------------------------------------------ model selection


def test_grid_search_over_every_kind_of_parameter(sounds):
    grid = {
        "logmel__n_mels": [8, 16],
        "clf__lr": [1e-3, 1e-2],
        "clf__rectifier": ["sigmoid", "softmax"],
        "clf__optimizer__weight_decay": [0, 1e-2],
    }
    search = GridSearchCV(
        small_pipeline(clf__max_epochs=1), grid, scoring=make_scorer(uar), cv=2, n_jobs=2
    ).fit(sounds.data, sounds.target)
    assert len(search.cv_results_["params"]) == 16
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best["logmel"].n_mels == search.best_params_["logmel__n_mels"]
    weight_decay = best["clf"].net_.optimizer_.param_groups[0]["weight_decay"]
    assert weight_decay == search.best_params_["clf__optimizer__weight_decay"]


# ------------------------------------------------------------------ other people's meta-estimators


def test_calibration(sounds):
    features = logmel().fit_transform(sounds.data)
    calibrated = CalibratedClassifierCV(cnn(), cv=2).fit(features, sounds.target)
    np.testing.assert_allclose(calibrated.predict_proba(features).sum(1), 1)
    whole = CalibratedClassifierCV(small_pipeline(), cv=2).fit(sounds.data, sounds.target)
    assert whole.predict(sounds.data).shape == sounds.target.shape


def test_soft_vote_of_cnn_lstm_and_gru_is_the_mean_of_their_probabilities(sounds):
    features = logmel().fit_transform(sounds.data)
    rnn = {"units": (8,), "max_epochs": 2, "random_state": 0}
    models = [
        ("cnn", cnn()),
        ("lstm", AttentionRNNClassifier(**rnn)),
        ("gru", AttentionRNNClassifier(cell="gru", **rnn)),
    ]
    vote = VotingClassifier(models, voting="soft").fit(features, sounds.target)
    each = [clf.fit(features, sounds.target).predict_proba(features) for _, clf in models]
    np.testing.assert_allclose(vote.predict_proba(features), np.mean(each, axis=0), atol=1e-9)
    whole = VotingClassifier(
        [(name, small_pipeline(name)) for name in ("cnn", "gru")], voting="soft"
    )
    assert set(whole.fit(sounds.data, sounds.target).predict(sounds.data)) <= set(sounds.target)


def test_stacking(sounds):
    stack = StackingClassifier(
        [("cnn", small_pipeline()), ("gru", small_pipeline("gru"))], LogisticRegression(), cv=2
    ).fit(sounds.data, sounds.target)
    assert stack.transform(sounds.data).shape == (len(sounds.data), 6)
    assert stack.predict(sounds.data).shape == sounds.target.shape


# ------------------------------------------------------------------ copies, pictures, routing


def test_metadata_routing_of_groups_and_weights(sounds):
    seen = {}

    class Spy(AttentionCNNClassifier):
        def fit(self, X, y, sample_weight=None, groups=None):
            seen.update(weight=sample_weight, groups=groups)
            return super().fit(X, y, sample_weight=sample_weight, groups=groups)

    weight = np.arange(1.0, len(sounds.target) + 1)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = Spy(channels=(4,), max_epochs=1, random_state=0)
        clf.set_fit_request(groups=True, sample_weight=True)
        scorer = make_scorer(uar).set_score_request(sample_weight=False)
        pipeline = Pipeline([("logmel", logmel()), ("clf", clf)])
        folds = StratifiedGroupKFold(2)
        cross_validate(
            pipeline,
            sounds.data,
            sounds.target,
            cv=folds,
            scoring=scorer,
            params={"groups": sounds.groups, "sample_weight": weight},
            error_score="raise",
        )
    _, (train, _) = folds.split(sounds.data, sounds.target, sounds.groups)
    np.testing.assert_array_equal(seen["groups"], sounds.groups[train])
    np.testing.assert_array_equal(seen["weight"], weight[train])


def test_memory_computes_the_features_once(sounds, tmp_path, monkeypatch):
    calls = []
    original = LogMelTransformer.fit_transform

    def counted(self, X, y=None, **params):
        calls.append(len(X))
        return original(self, X, y, **params)

    monkeypatch.setattr(LogMelTransformer, "fit_transform", counted)
    pipeline = small_pipeline(memory=str(tmp_path))
    search = GridSearchCV(pipeline, {"clf__lr": [1e-3, 1e-2, 1e-1]}, cv=2, refit=False)
    search.fit(sounds.data, sounds.target)
    assert len(calls) == 2  # once for each fold, whatever the classifier's parameters
