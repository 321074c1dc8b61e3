"""Storage of VotingClassifier."""

import copy

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skheart
from tests.helpers import model_files
from tests.helpers.forests import TREES, WORDS, X, again


def voting(**params):
    parts = [
        ("trees", ExtraTreesClassifier(**TREES)),
        ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ]
    return VotingClassifier(parts, **{"voting": "soft", "weights": [0.7, 0.3]} | params)


@pytest.mark.parametrize(
    "params", [{}, {"voting": "hard"}, {"weights": None}, {"weights": np.array([1, 2])}]
)
def test_a_vote_is_the_same_from_a_file(params, tmp_path):
    model = voting(**params).fit(X, WORDS)
    loaded = again(model, tmp_path)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    if model.voting == "soft":
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert list(loaded.named_estimators_) == ["trees", "line"]
    assert loaded.named_estimators_["trees"] is loaded.estimators_[0]
    assert loaded.named_estimators_.line is loaded.estimators_[1]
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    refitted = loaded.fit(X, WORDS)
    np.testing.assert_array_equal(refitted.predict(X), model.predict(X))


def test_a_part_that_was_dropped_stays_so(tmp_path):
    model = voting(weights=[1, 1]).set_params(trees="drop").fit(X, WORDS)
    loaded = again(model, tmp_path)
    assert loaded.estimators[0] == ("trees", "drop")
    assert list(loaded.named_estimators_) == list(model.named_estimators_) == ["trees", "line"]
    assert loaded.named_estimators_["trees"] == "drop"
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_an_unfitted_vote_inside_another_model(tmp_path):
    outer = VotingClassifier([("inner", voting())], voting="soft").fit(X, WORDS)
    loaded = again(outer, tmp_path)
    assert not hasattr(loaded.estimators[0][1], "estimators_")
    np.testing.assert_array_equal(loaded.predict_proba(X), outer.predict_proba(X))


def test_parameters_that_changed_after_fit_are_refused(tmp_path):
    model = voting().fit(X, WORDS)
    model.estimators = [("other", model.estimators[0][1]), model.estimators[1]]
    with pytest.raises(ValueError, match="has other names than in fit"):
        skheart.save(model, tmp_path / "m")
    model = voting().fit(X, WORDS)
    for weights in ([1.0], [10**400, 1], [np.inf, 1]):
        model.weights = weights
        with pytest.raises(ValueError, match="must be one finite number per estimator.*Fit it ag"):
            skheart.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def only_classes(params, fitted):
    for name in fitted.keys() - {"classes_"}:
        del fitted[name]


def other_classes(params, fitted):
    fitted["le_"]["estimator"]["fitted"]["classes_"]["array"]["items"][0] = "zzz"


UNFITTED = {"class": "sklearn.ExtraTreesClassifier", "params": {}, "fitted": {}}
TWO_STRINGS = {"array": {"dtype": "U1", "shape": [2], "items": ["a", "b"]}}
NOT_WEIGHTS = (
    ["a", "b"],
    [1.0, {"float": "nan"}],
    {"estimator": UNFITTED},
    {"array": {"dtype": "object", "shape": [], "items": [1]}},
    [1, -(2**63) - 5, 2],
    {"dict": [[1, 2], [2, 3]]},
    "ab",
    [[1], [2]],
)
HOSTILE = [
    (lambda p, f: f["estimators_"].pop(), "estimators_ must be as many as its estimators"),
    (lambda p, f: f.update(estimators_=[]), "estimators_ must be as many as its estimators"),
    (only_classes, "estimators_ must be as many"),
    (lambda p, f: f["estimators_"].reverse(), "estimators_ must be fitted on the same classes"),
    (lambda p, f: f["estimators_"].insert(0, f["estimators_"].pop(0) and 3), "fitted on the same"),
    (lambda p, f: f.pop("le_"), "le_ must have the same classes"),
    (other_classes, "le_ must have the same classes"),
    (lambda p, f: p["estimators"][0]["tuple"].__setitem__(0, "a__b"), "must not contain __"),
    (lambda p, f: p["estimators"].__setitem__(0, "trees"), r"estimators\[0\] must be a name and"),
    (lambda p, f: p["estimators"].__setitem__(0, ["trees", TWO_STRINGS]), "must be a name and"),
    (lambda p, f: p.update(estimators=[]), "model has no estimators"),
    *(
        (lambda p, f, weights=weights: p.update(weights=weights), "finite number|'weights' param")
        for weights in NOT_WEIGHTS
    ),
]


@pytest.fixture(scope="module")
def voting_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("voting") / "m"
    skheart.save(voting().fit(X, WORDS), path)
    return model_files.read(path)


@pytest.mark.parametrize(("change", "words"), HOSTILE)
def test_hostile_votes_are_refused(change, words, voting_file, tmp_path):
    document, header, data = copy.deepcopy(voting_file)
    model = document["model"]["estimator"]
    change(model["params"], model["fitted"])
    assert document != voting_file[0]
    model_files.write(tmp_path / "bad", document, header, data)
    with pytest.raises(ValueError, match=words):
        skheart.load(tmp_path / "bad")
