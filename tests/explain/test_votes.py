"""explain for votes, ensembles of trees and patients: sums agree with the predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skheart import PatientClassifier
from skheart.explain import explain, explain_checks
from skheart.explain._ensembles import average_members
from skheart.segmentation import HeartCycleTransformer, HeartPhaseSegmenter


def test_a_part_of_a_vote_adds_up_to_the_vote(segmented, vote):
    data = segmented[0].data[:4]
    parts = vote.named_estimators_
    said = parts["net"].predict_proba(data) / 4
    for row, (one, probabilities) in enumerate(
        zip(explain(vote, data), vote.predict_proba(data), strict=True)
    ):
        alone = explain(parts["forest"], data[row : row + 1])[0]
        assert (one.part, one.method) == ("forest", "decision_path")
        for maps in (one.contribution, one.cycle.contribution):
            np.testing.assert_allclose(maps.sum((1, 2)) + one.base, probabilities, atol=1e-5)
        np.testing.assert_allclose(one.contribution, 0.75 * alone.contribution, atol=1e-7)
        np.testing.assert_allclose(one.terms["vote of net"], said[row], atol=1e-6)
        np.testing.assert_allclose(one.terms["prior"], 0.75 * alone.terms["prior"])
        np.testing.assert_allclose(sum(one.terms.values()), one.base, atol=1e-12)
        assert one.label == vote.classes_[probabilities.argmax()]
        assert one.class_index("severe") == 2


def test_a_network_in_a_vote_has_its_own_explanation(segmented, vote):
    data = segmented[0].data[:2]
    for method in ("attention", "occlusion"):
        for one, alone in zip(
            explain(vote, data, method=method),
            explain(vote.named_estimators_["net"], data, method=method),
            strict=True,
        ):
            np.testing.assert_array_equal(one.contribution, alone.contribution)
            np.testing.assert_array_equal(one.probabilities, alone.probabilities)
            assert (one.part, one.scale, one.terms) == ("net", "logit", None)
            assert one.label == vote.classes_[alone.logits.argmax()]
            assert one.classes.tolist() == vote.classes_.tolist()


@pytest.mark.parametrize("level", ["recording", "patient"])
def test_members_are_averaged_as_they_predict(segmented, vote, level):
    """By log-probabilities; the difference from the mean of the maps is a term."""
    sounds = segmented[0]
    model = PatientClassifier(clone(vote), n_estimators=2, level=level, random_state=0)
    model.set_params(decision_weight={"mild": 9, "normal": 1, "severe": 1}, join=True)
    model.fit(sounds.data, sounds.target, groups=sounds.groups)
    data = sounds.data[:6]
    expected = model.predict_proba(data)
    parts = [explain(each, data) for each in model.estimators_]
    for row, (one, label) in enumerate(zip(explain(model, data), model.predict(data), strict=True)):
        np.testing.assert_allclose(one.probabilities, expected[row], atol=1e-6)
        total = one.contribution.sum((1, 2)) + one.base
        np.testing.assert_allclose(total, expected[row], atol=1e-5)
        np.testing.assert_allclose(sum(one.terms.values()), one.base, atol=1e-9)
        mean = np.mean([part[row].probabilities for part in parts], axis=0)
        np.testing.assert_allclose(one.terms["members"], expected[row] - mean, atol=1e-6)
        pair = [part[row].cycle.contribution for part in parts]
        assert not np.allclose(*pair)
        np.testing.assert_allclose(one.cycle.contribution, np.mean(pair, axis=0), atol=1e-7)
        np.testing.assert_allclose(one.cycle.edges, parts[0][row].cycle.edges)
        np.testing.assert_array_equal(one.cycle.shares, parts[0][row].cycle.shares)
        assert one.label == label
        assert len(one.notes) == (level == "patient")
    table = pd.DataFrame({"recording": data, "patient": list("aabbcc")})
    for one, again in zip(explain(model, data), explain(model, table), strict=True):
        np.testing.assert_array_equal(again.contribution, one.contribution)


def test_members_with_other_beats_share_no_frames(segmented, forest):
    other = HeartPhaseSegmenter(width=8, max_epochs=1, random_state=5)
    other.fit(segmented[0].data, segmented[0].segmentation)
    cycle = HeartCycleTransformer(FrozenEstimator(other))
    second = make_pipeline(cycle, ExtraTreesClassifier(5, random_state=0))
    second.fit(segmented[0].data, segmented[0].target)
    parts = [explain(model, segmented[0].data[:1]) for model in (forest, second)]
    one = average_members(parts)[0]
    assert one.cycle.shares is None
    pair = [part[0].contribution for part in parts]
    np.testing.assert_allclose(one.contribution, np.mean(pair, axis=0), atol=1e-7)


def test_a_calibrator_decides_the_label(segmented, forest):
    sounds = segmented[0]
    model = PatientClassifier(
        clone(forest), cv=2, calibrator="logistic", decision_weight="balanced", random_state=0
    ).fit(sounds.data, sounds.target, groups=sounds.groups)
    data = sounds.data[:8]
    calibrated = model.predict_proba(data)
    for one, row, label in zip(explain(model, data), calibrated, model.predict(data), strict=True):
        assert one.label == label
        said = ", ".join(f"{name} {p:.3g}" for name, p in zip(model.classes_, row, strict=True))
        assert one.notes[0] == f"Calibrated probabilities: {said}."


def test_a_search_is_explained_by_its_best_estimator(segmented, cycle, forest):
    data, y = segmented[0].data, segmented[0].target
    trees = make_pipeline(cycle, DecisionTreeClassifier(random_state=0))
    search = GridSearchCV(trees, {"decisiontreeclassifier__max_depth": [1, 3]}, cv=2)
    inside = PatientClassifier(search, random_state=0).fit(data, y)
    one = explain(inside, data[:1])[0]
    np.testing.assert_allclose(one.probabilities, inside.predict_proba(data[:1])[0], atol=1e-6)
    voted = VotingClassifier([("a", search), ("b", clone(forest))], voting="soft", weights=[2, 1])
    voted.fit(data, y)
    one = explain(voted, data[:1])[0]
    assert (one.part, list(one.terms)) == ("a", ["prior", "rhythm", "vote of b"])
    np.testing.assert_allclose(one.probabilities, voted.predict_proba(data[:1])[0])
    table = explain_checks(search.fit(data, y), data[:4], checks="completeness")
    assert table.value[0] < 1e-5


@pytest.mark.parametrize("weighed", [None, {"mild": 9, "normal": 0.1, "severe": 0.1}])
def test_patients_are_explained_as_they_are_predicted(segmented, vote, weighed):
    sounds = segmented[0]
    model = PatientClassifier(clone(vote), join=True, decision_weight=weighed, random_state=0)
    model.fit(sounds.data, sounds.target, groups=sounds.groups)
    rows = [5, 0, 1, 4, 2]
    X = pd.DataFrame({"recording": [sounds.data[row] for row in rows], "patient": list("babaa")})
    expected = model.predict_patients(X)
    found = explain(model, X, by_patient=True)
    assert [one.recording for one in found] == ["patient a", "patient b"]
    for number, one in enumerate(found):
        np.testing.assert_allclose(one.probabilities, expected.probabilities[number], atol=1e-6)
        total = one.contribution.sum((1, 2)) + one.base
        np.testing.assert_allclose(total, one.probabilities, atol=1e-5)
        assert one.label == expected.labels[number]
        assert len(one.notes) == (1 if weighed is None else 2)
    parts = [sounds.data[rows[k]] for k in (1, 3, 4)]
    np.testing.assert_allclose(found[0].signal, np.concatenate(parts), atol=1e-7)
    second, third = (len(parts[0]) / 4000, (len(parts[0]) + len(parts[1])) / 4000)
    assert found[0].notes[0] == (
        f"Joined: recording 1 (from 0.0 s), recording 3 (from {second:.1f} s), recording 4 (from "
        f"{third:.1f} s)."
    )
    if weighed:
        assert "probability and weight (mild 90, normal 1, severe 1)" in found[0].notes[1]
        assert {one.label for one in found} == {"mild"}
    again = explain(model, list(X["recording"]), groups=list("babaa"), by_patient=True)
    np.testing.assert_array_equal(again[1].contribution, found[1].contribution)
    net = explain(model, X, by_patient=True, method="attention")
    assert [(one.part, one.recording) for one in net] == [
        ("net", "patient a"),
        ("net", "patient b"),
    ]


def test_patients_that_cannot_be_explained(segmented, forest):
    data, y = segmented[0].data, segmented[0].target
    with pytest.raises(TypeError, match="estimator=ExtraTreesClassifier does not join"):
        explain(forest, data, by_patient=True)
    model = PatientClassifier(clone(forest)).fit(data, y)
    with pytest.raises(
        TypeError, match="estimator=PatientClassifier does not join the recordings of a patient"
    ):
        explain(model, data, by_patient=True)
    with pytest.raises(ValueError, match="groups requires by_patient=True"):
        explain(model, data, groups=np.arange(len(data)))


def test_equal_weights_and_dropped_members(segmented, vote):
    data, y = segmented[0].data, segmented[0].target
    even = clone(vote).set_params(weights=None).fit(data, y)
    expected = even.named_estimators_["net"].predict_proba(data[:1])[0] / 2
    np.testing.assert_allclose(explain(even, data[:1])[0].terms["vote of net"], expected, atol=1e-6)
    alone = clone(vote).set_params(net="drop").fit(data, y)
    one = explain(alone, data[:1])[0]
    assert list(one.terms) == ["prior", "rhythm"]
    np.testing.assert_allclose(one.probabilities, alone.predict_proba(data[:1])[0])
