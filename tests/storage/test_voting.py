"""Votes of several estimators in files."""

import copy
import json

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


def test_names_that_changed_after_the_fit_are_refused(tmp_path):
    model = voting().fit(X, WORDS)
    model.estimators = [("other", model.estimators[0][1]), model.estimators[1]]
    with pytest.raises(ValueError, match="has other names than those it was fitted with"):
        skheart.save(model, tmp_path / "m")
    model = voting().fit(X, WORDS)
    for weights in ([1.0], [10**400, 1], [np.inf, 1]):
        model.weights = weights
        with pytest.raises(ValueError, match="not a finite number for each of its est.*Fit it as"):
            skheart.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def drop_voter(parts):
    parts["fitted"]["estimators_"].pop()


def forget_encoder(parts):
    del parts["fitted"]["le_"]


def swap_voters(parts):
    parts["fitted"]["estimators_"].reverse()


def rename(parts):
    parts["params"]["estimators"][0]["tuple"][0] = "a__b"


def no_pair(parts):
    parts["params"]["estimators"][0] = "trees"


def no_parts(parts):
    parts["params"]["estimators"] = []


def text_weights(parts):
    parts["params"]["weights"] = ["a", "b"]


def odd_weights(weights):
    def change(parts):
        parts["params"]["weights"] = weights

    return change


def strings_for_a_part(parts):
    two = {"array": {"dtype": "U1", "shape": [2], "items": ["a", "b"]}}
    parts["params"]["estimators"][0] = ["trees", two]


def only_classes(parts):
    classes = parts["fitted"]["classes_"]
    parts["fitted"].clear()
    parts["fitted"]["classes_"] = classes


UNFITTED = {"class": "sklearn.ExtraTreesClassifier", "params": {}, "fitted": {}}
ONE = {"array": {"dtype": "object", "shape": [], "items": [1]}}
ODD_WEIGHTS = (
    [1.0, {"float": "nan"}],
    {"estimator": UNFITTED},
    ONE,
    [1, -(2**63) - 5, 2],
    {"dict": [[1, 2], [2, 3]]},
    "ab",
    [[1], [2]],
)


def no_voters(parts):
    parts["fitted"]["estimators_"] = []


def bare_voter(parts):
    parts["fitted"]["estimators_"][0] = 3


def other_classes(parts):
    parts["fitted"]["le_"]["estimator"]["fitted"]["classes_"]["array"]["items"][0] = "zzz"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_voter, "estimators_ are not as many as its estimators"),
        (forget_encoder, "le_ does not know its classes"),
        (swap_voters, "estimators_ are not fitted on its classes"),
        (rename, r"model.estimators: .*must not contain __"),
        (no_pair, r"estimators\[0\] is no part"),
        (no_parts, "model has no estimators"),
        (text_weights, "weights are not a finite number"),
        *((odd_weights(weights), "weights are not|The 'weights' param") for weights in ODD_WEIGHTS),
        (strings_for_a_part, r"estimators\[0\] is no part"),
        (only_classes, "estimators_ are not as many"),
        (no_voters, "estimators_ are not as many"),
        (bare_voter, "estimators_ are not fitted on its classes"),
        (other_classes, "le_ does not know its classes"),
    ],
)
def test_hostile_votes_are_refused(change, words, tmp_path):
    skheart.save(voting().fit(X, WORDS), tmp_path / "m")
    document, header, data = model_files.read(tmp_path / "m")
    parts = document["model"]["estimator"]
    before = copy.deepcopy(parts)
    change(parts)
    assert json.dumps(parts) != json.dumps(before)
    model_files.write(tmp_path / "bad", document, header, data)
    with pytest.raises(ValueError, match=words):
        skheart.load(tmp_path / "bad")
