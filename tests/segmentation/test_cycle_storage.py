"""Segmenters, average cycles and what is made of them, in files."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import skheart
from skheart import PatientClassifier
from skheart.segmentation import HeartCycleTransformer
from skheart.segmentation import _cycles as cycles
from tests.helpers.model_files import read, write
from tests.helpers.phases import fitted_segmenter


@pytest.fixture(scope="module")
def learnt():
    return fitted_segmenter(max_epochs=2)


def test_a_segmenter_says_the_same_from_a_file(learnt, tmp_path):
    sounds, segmenter = learnt
    skheart.save(segmenter, tmp_path / "s")
    again = skheart.load(tmp_path / "s")
    assert again.get_params() == segmenter.get_params()
    assert again.n_recordings_ == segmenter.n_recordings_
    for one, two in zip(
        *(s.predict_proba(sounds.data[:3]) for s in (segmenter, again)), strict=True
    ):
        assert (one == two).all()
    refitted = clone(again).fit(sounds.data, sounds.segmentation)
    assert (
        refitted.predict_proba(sounds.data[:1])[0] == segmenter.predict_proba(sounds.data[:1])[0]
    ).all()


@pytest.mark.parametrize("frozen", [True, False])
def test_a_model_of_patients_says_the_same_and_holds_its_segmenter_once(
    learnt, tmp_path, monkeypatch, frozen
):
    sounds, segmenter = learnt
    monkeypatch.setattr(cycles, "load_pretrained", lambda name: segmenter)
    transformer = HeartCycleTransformer(FrozenEstimator(segmenter) if frozen else None)
    pipeline = make_pipeline(transformer, ExtraTreesClassifier(10, random_state=0))
    model = PatientClassifier(pipeline, join=True, decision_weight="balanced")
    model.fit(sounds.data, sounds.target, groups=sounds.groups)
    skheart.save(model.estimators_[0], tmp_path / "member")
    skheart.save(model, tmp_path / "m")
    monkeypatch.setattr(cycles, "load_pretrained", None)  # the file needs no other
    again = skheart.load(tmp_path / "m")
    one, two = (m.predict_patients(sounds.data, sounds.groups) for m in (model, again))
    assert (one.probabilities == two.probabilities).all()
    assert one.labels.tolist() == two.labels.tolist()
    _, header, _ = read(tmp_path / "member")
    assert sum(name.endswith("enter.weight") for name in header) == 1


def test_unfitted_models_are_stored_unfitted(learnt, tmp_path):
    _, segmenter = learnt
    pipeline = make_pipeline(
        HeartCycleTransformer(FrozenEstimator(segmenter)), ExtraTreesClassifier(3)
    )
    X = np.random.default_rng(0).normal(size=(6, 4000))
    model = PatientClassifier(pipeline).fit(X, [0, 1] * 3)
    skheart.save(model, tmp_path / "m")
    cycle = skheart.load(tmp_path / "m").estimator[0]
    assert isinstance(cycle.segmenter, FrozenEstimator)
    assert not hasattr(cycle, "segmenter_")
    assert not hasattr(skheart.load(tmp_path / "m").estimator[1], "estimators_")


def test_changed_parameters_are_refused(learnt, tmp_path):
    sounds, _ = learnt
    _, segmenter = fitted_segmenter(max_epochs=1)
    cycle = HeartCycleTransformer(FrozenEstimator(segmenter)).fit(sounds.data)
    cycle.segmenter = FrozenEstimator(learnt[1])
    with pytest.raises(ValueError, match="segmenter is not the segmenter of the fit"):
        skheart.save(cycle, tmp_path / "m")
    segmenter.width = 9
    with pytest.raises(
        ValueError, match="width, n_layers or n_mels is not what the network was fitted with"
    ):
        skheart.save(segmenter, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_models_that_could_not_be_loaded_are_not_saved(tmp_path):
    sounds, segmenter = fitted_segmenter(max_epochs=1)
    segmenter.front_end_.set_params(n_jobs=2)  # decides nothing
    skheart.save(segmenter, tmp_path / "s")
    assert skheart.load(tmp_path / "s").front_end_.n_jobs == 2
    cycle = HeartCycleTransformer(FrozenEstimator(segmenter)).fit(sounds.data)
    with pytest.raises(ValueError, match="columns; the limit is 1048576"):
        skheart.save(cycle.set_params(n_cells=(1, 1, 1, 10**6)), tmp_path / "m")
    with pytest.raises(ValueError, match="front_end_ does not match the parameters"):
        skheart.save(segmenter.set_params(hop_length=32), tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("leave.2.bias", np.nan), ("leave.0.running_var", -1.0)]
)
def test_weights_that_no_training_gives_are_refused(tmp_path, name, value):
    _, segmenter = fitted_segmenter(max_epochs=1)
    segmenter.module_.state_dict()[name][0] = value
    skheart.save(segmenter, tmp_path / "s")
    with pytest.raises(
        ValueError, match=f"the weight '{name}' is not finite, or a negative variance"
    ):
        skheart.load(tmp_path / "s")


def test_the_default_type_of_torch_changes_nothing(learnt, tmp_path):
    sounds, segmenter = learnt
    skheart.save(segmenter, tmp_path / "s")
    torch.set_default_dtype(torch.float64)
    try:
        again = skheart.load(tmp_path / "s")
        found = again.predict_proba(sounds.data[:1])[0]
        refitted = clone(segmenter).fit(sounds.data[:4], sounds.segmentation[:4])
    finally:
        torch.set_default_dtype(torch.float32)
    assert (found == segmenter.predict_proba(sounds.data[:1])[0]).all()
    assert refitted.predict_proba(sounds.data[:1])[0].dtype == np.float32


def forged(learnt, path, change, *, of_cycle=False):
    """The message that a changed file is refused with."""
    sounds, segmenter = learnt
    model = segmenter
    if of_cycle:
        model = HeartCycleTransformer(FrozenEstimator(segmenter)).fit(sounds.data)
    skheart.save(model, path)
    document, header, data = read(path)
    change(document["model"]["estimator"], header)
    write(path, document, header, data)
    with pytest.raises(ValueError, match="cannot be loaded") as error:
        skheart.load(path)
    return str(error.value)


def reshaped(model, header):
    entry = header["module_.enter.bias"]
    entry["shape"] = [2, 4]


def another_dtype(model, header):
    header["module_.enter.bias"]["dtype"] = "I32"


def rid_of(*names):
    def change(model, header):
        for name in names:
            del model["fitted"][name]

    return change


def set_param(name, value):
    def change(model, header):
        model["params"][name] = value

    return change


def lost_weight(model, header):
    model["fitted"]["module_"]["extra"] = model["fitted"]["module_"].pop("enter.bias")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (reshaped, "'enter.bias' is torch.float32 of the shape (2, 4), not torch.float32 of (8,)"),
        (another_dtype, "'enter.bias' is torch.int32"),
        (rid_of("front_end_"), "has no network or no front end"),
        (rid_of("module_"), "has no network or no front end"),
        (set_param("width", 9), "shape (8, 32, 5), not torch.float32 of (9, 32, 5)"),
        (set_param("width", 10**6), "width=1000000 of a segmenter is too large"),
        (set_param("n_layers", 6), "the weight 'layers.5.narrow.bias' is missing"),
        (set_param("n_layers", 10**9), "'n_layers' parameter"),
        (set_param("hop_length", 65), "front_end_ does not match the parameters of model"),
        (lost_weight, "the weight 'enter.bias' is missing"),
    ],
)
def test_a_segmenter_that_is_none_is_refused(learnt, tmp_path, change, words):
    assert words in forged(learnt, tmp_path / "m", change)


def second_segmenter(model, header):
    model["fitted"]["segmenter_"] = None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_param("segmenter", None), "segmenter is not frozen, or there are two segmenters"),
        (second_segmenter, "segmenter is not frozen, or there are two segmenters"),
        (set_param("n_cells", {"tuple": [2, 6, 2, -8]}), "n_cells must be 4 ints of at least 1"),
        (set_param("n_cells", {"tuple": [2, 6, 2, 10**9]}), "columns; the limit is 1048576"),
        (set_param("n_cells", "abcd"), "n_cells must be 4 ints of at least 1"),
        (set_param("quiet", 2), "The 'quiet' parameter"),
        (set_param("quiet", "much"), "The 'quiet' parameter"),
    ],
)
def test_a_transformer_that_is_none_is_refused(learnt, tmp_path, change, words):
    assert words in forged(learnt, tmp_path / "m", change, of_cycle=True)
