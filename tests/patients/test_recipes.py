"""The recipes for patients: from recordings of any length to patients; small."""

import numpy as np
import pytest

from skheart import make_heart_pipeline
from skheart.datasets import make_heart_sounds
from skheart.segmentation import _cycles as cycles
from tests.helpers.phases import fitted_segmenter


@pytest.fixture(scope="module")
def phases():
    """Generated sounds and their segmenter."""
    return fitted_segmenter(n_subjects=12, max_epochs=10, batch_size=8)


def test_the_attention_recipe_predicts_patients_from_recordings_of_any_length():
    sounds = make_heart_sounds(n_subjects=16, duration=3, random_state=0)
    recordings = [sound[: 8000 + 50 * row] for row, sound in enumerate(sounds.data)]
    y, groups = sounds.target, sounds.groups
    model = make_heart_pipeline(recipe="attention", random_state=0)
    model.set_params(
        cv=2,
        estimator__logmel__duration=10,
        estimator__clf__channels=(4, 8),
        estimator__clf__augment__crop=80,
        estimator__clf__max_epochs=1,
    )
    model.fit(recordings, y, groups=groups)
    assert len(model.estimators_) == 2
    found = model.predict_patients(recordings, groups)
    assert found.patients.tolist() == sorted(set(groups))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    one = groups == groups[0]
    alone = model.predict_patients([r for r, own in zip(recordings, one, strict=True) if own])
    assert len(alone.patients) == one.sum()  # without groups, each is a patient
    weights = model.decision_weight_
    first = [np.flatnonzero(groups == patient)[0] for patient in found.patients]
    share = np.array([np.mean(y[first] == label) for label in model.classes_])
    np.testing.assert_allclose(weights, 1 / (len(share) * share))


def test_the_cycles_recipe_predicts_patients_from_recordings_of_any_length(phases, monkeypatch):
    sounds, segmenter = phases
    monkeypatch.setattr(cycles, "load_pretrained", lambda name: segmenter)
    recordings = [sound[: 12000 + 50 * row] for row, sound in enumerate(sounds.data)]
    y, groups = sounds.target, sounds.groups

    def fit(seed):
        model = make_heart_pipeline(recipe="cycles", random_state=seed)
        model.set_params(estimator__clf__n_estimators=30).fit(recordings, y, groups=groups)
        return model, model.estimators_[0]["clf"].estimators_[0].tree_.threshold

    (model, one), (_, two), (_, other) = fit(0), fit(0), fit(1)
    found = model.predict_patients(recordings, groups)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    first = [np.flatnonzero(groups == patient)[0] for patient in found.patients]
    assert (found.labels == y[first]).all()  # it was trained on them
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def small_best(random_state):
    return make_heart_pipeline(recipe="best", random_state=random_state).set_params(
        estimator__forest__clf__n_estimators=10,
        estimator__net__logmel__duration=10,
        estimator__net__clf__channels=(4, 8),
        estimator__net__clf__augment__crop=80,
        estimator__net__clf__max_epochs=1,
    )


def test_the_best_recipe_is_the_weighted_mean_of_trees_and_nets(phases, monkeypatch):
    sounds, segmenter = phases
    monkeypatch.setattr(cycles, "load_pretrained", lambda name: segmenter)
    recordings, y, groups = list(sounds.data), sounds.target, sounds.groups
    model = small_best(0).fit(recordings, y, groups=groups)
    assert len(model.estimators_) == 2
    one = groups == groups[0]
    mine = [r for r, own in zip(recordings, one, strict=True) if own]
    joined = [np.concatenate(mine)]
    logarithms = []
    for member in model.estimators_:
        forest, net = member.named_estimators_["forest"], member.named_estimators_["net"]
        mean = 0.7 * forest.predict_proba(joined) + 0.3 * net.predict_proba(joined)
        logarithms.append(np.log(mean))
    expected = np.exp(np.mean(logarithms, axis=0))
    expected /= expected.sum()
    found = model.predict_patients(mine, groups[one]).probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    nets = [m.named_estimators_["net"]["clf"] for m in model.estimators_]
    seeds = {clf.random_state for clf in nets}
    assert len(seeds) == 2
    again = small_best(0).set_params(n_jobs=2).fit(recordings, y, groups=groups)
    one, two = (each.predict_patients(recordings, groups) for each in (model, again))
    assert (one.probabilities == two.probabilities).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"recipe": "winning"}, "recipe must be one of .*'attention', 'cycles', 'best'.*'winning'"),
        ({"recipe": "attention", "model": "gru"}, "'cnn' with recipe='attention'. Got 'gru'"),
    ],
)
def test_unknown_recipes_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        make_heart_pipeline(**params)
