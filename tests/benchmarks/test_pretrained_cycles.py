"""How the pretrained models on average heart cycles are trained and scored."""

import hashlib

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

import skheart
from benchmarks.studies import _card, pretrained
from benchmarks.studies import _pretrained_runs as runs
from skheart.segmentation import HeartPhaseSegmenter
from tests.helpers.model_files import missing_in_card
from tests.helpers.stores import P, options_of, read, tiny


@pytest.fixture(scope="module")
def data():
    return runs.generate_recordings(24, 0)


def few_trees(random_state):
    model = skheart.make_heart_pipeline(recipe="cycles", random_state=random_state)
    return model.set_params(estimator__clf__n_estimators=15)


@pytest.fixture(scope="module")
def cycle_store(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cycles")
    options = options_of("--repeats", "1")
    return folder, pretrained.make(data, folder, options, few_trees)


def segmenter_of(data, rows, seed=0):
    annotated = [data.segmentation[row] for row in rows]
    recordings = data.X["recording"].iloc[rows].tolist()
    return HeartPhaseSegmenter(random_state=seed).fit(recordings, annotated)


def test_the_segmenter_is_trained_without_the_fold(data, cycle_store):
    folder, folds = cycle_store
    segmenter = segmenter_of(data, folds[0].train)
    stored = runs.read_fold(folds[0], data, folder).set_index("patient")
    patient = stored.index[0]
    rows = [row for row in folds[0].test if data.X["patient"].iloc[row] == patient]
    scores = [
        segmenter.score([data.X["recording"].iloc[row]], [data.segmentation[row]]) for row in rows
    ]
    assert stored.loc[patient, "phases_found"] == pytest.approx(np.mean(scores), abs=1e-9)
    frozen = FrozenEstimator(segmenter)
    model = few_trees(0).set_params(estimator__cycle__segmenter=frozen)
    model.fit(data.X.iloc[folds[0].train], data.y[folds[0].train])
    found = model.predict_patients(data.X.iloc[folds[0].test])
    assert (stored[P].to_numpy() == found.probabilities).all()


def test_the_segmenter_is_stored_with_its_card(data, cycle_store):
    folder, _ = cycle_store
    file = folder / "circor-phases.safetensors"
    segmenter, model = skheart.load(file), skheart.load(folder / "circor-murmur.safetensors")
    inner = model.estimators_[0]["cycle"].segmenter_
    X = data.X["recording"].iloc[:2].tolist()
    for one, two in zip(segmenter.predict_proba(X), inner.predict_proba(X), strict=True):
        assert (one == two).all()
    text = (folder / "circor-phases.md").read_text(encoding="utf-8")
    assert missing_in_card(text) == []
    assert hashlib.sha256(file.read_bytes()).hexdigest() in text
    size = sum(weights.numel() for weights in segmenter.module_.parameters())
    assert f"{size:,} parameters" in text
    frame = read(folder)
    assert f"| all | {frame['phases_found'].mean():.3f} [" in text
    assert f"probability of the most probable phase is {frame['phases_sure'].mean():.3f}" in (
        text.replace("\n", " ")
    )
    own = frame[frame["sex"] == "Male"]
    assert f"| sex: Male | {own['phases_found'].mean():.3f} [" in text
    card = (folder / "circor-murmur.md").read_text(encoding="utf-8")
    n_nodes = sum(t.tree_.node_count for t in model.estimators_[0]["clf"].estimators_)
    assert f"15 trees with {n_nodes:,} nodes in total and a segmenter with {size:,}" in card


def test_annotations_and_segmenter_are_part_of_the_settings(data):
    sounds = data.segmentation
    other = [table.assign(state="S1") for table in sounds]
    contents = [b""] * len(sounds)
    frame = data.X.assign(age="", sex="", campaign="", systolic_murmur_grading="")
    one, two, three = (
        runs._recordings("generated", data.X, data.y, frame, contents, tables).digest
        for tables in (sounds, other, [None, *sounds[1:]])
    )
    assert len({one, two, three}) == 3
    settings = runs.settings_of(data, few_trees, folds=2, seed=0)
    assert settings["segmenter width"] == 48
    assert not any(
        name.startswith("segmenter") for name in runs.settings_of(data, tiny, folds=2, seed=0)
    )


def test_phases_are_scored_on_annotated_recordings_only(data, cycle_store):
    folder, folds = cycle_store
    segmenter = skheart.load(folder / "circor-phases.safetensors")
    rows = folds[0].test[:4]
    whole = runs._phases_found(data, rows, segmenter)
    without = [None if row in rows[:2] else table for row, table in enumerate(data.segmentation)]
    part = runs._phases_found(data._replace(segmentation=without), rows, segmenter)
    assert len(part) < len(whole)


def small_best(random_state):
    model = skheart.make_heart_pipeline(recipe="best", random_state=random_state)
    return model.set_params(
        estimator__forest__clf__n_estimators=4,
        estimator__net__logmel__duration=8,
        estimator__net__clf__channels=(4,),
        estimator__net__clf__augment__crop=60,
        estimator__net__clf__max_epochs=1,
    )


def test_the_best_recipe_has_trees_networks_and_segmenter(data):
    assert runs.settings_of(data, small_best, folds=2, seed=0)["segmenter width"] == 48
    rows = np.arange(0, len(data.y), 2)
    model, segmenter = runs.prepare(data, rows, small_best, 0)
    forest = model.estimator.estimators[0][1]
    assert forest["cycle"].segmenter.estimator is segmenter
    model.fit(data.X.iloc[rows], data.y[rows])
    sizes = runs._count_members(model)
    trees = [
        tree.tree_.node_count
        for member in model.estimators_
        for tree in member.named_estimators_["forest"]["clf"].estimators_
    ]
    assert (sizes["n_trees"], sizes["n_nodes"]) == (8, sum(trees))
    n_net = 9 * 4 + 2 * 4 + 2 * 5 * 3  # convolution with its norm; attention and classes
    assert (sizes["n_nets"], sizes["n_parameters"]) == (2, 2 * n_net)
    text = _card.describe_size(sizes | {"segmenter": {"n_parameters": 78149}})
    assert text == (
        f"8 trees with {sum(trees):,} nodes in total, 2 networks with {2 * n_net:,} parameters "
        "in total and a segmenter with 78,149 parameters"
    )
