"""Models that come with the package; the tests of loading use one that does not."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import skheart
from skheart import pretrained
from skheart.datasets import make_heart_sounds
from skheart.pretrained import list_pretrained, load_pretrained, model_card
from skheart.segmentation import HeartCycleTransformer
from tests.helpers.model_files import CARD, missing_in_card
from tests.helpers.phases import fitted_segmenter
from tests.helpers.small import make, small_cnn

SHIPPED = list_pretrained()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with one model, in place of that of the package."""
    X, y = make()
    clf = small_cnn(max_epochs=1).fit(X, y)
    skheart.save(clf, tmp_path / "tiny-cnn.safetensors")
    (tmp_path / "tiny-cnn.md").write_text("# tiny-cnn\n\nMüde.\n", encoding="utf-8")
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(pretrained, "_folder", lambda: tmp_path)
    return clf, X


def test_a_model_is_listed_loaded_and_described(shelf):
    clf, X = shelf
    assert list_pretrained() == ["tiny-cnn"]
    loaded = skheart.load_pretrained("tiny-cnn")
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    assert model_card("tiny-cnn") == "# tiny-cnn\n\nMüde.\n"


@pytest.mark.parametrize("read", [load_pretrained, model_card])
def test_an_unknown_name_lists_the_names(shelf, read, tmp_path, monkeypatch):
    for name in ("tiny", "tiny_cnn"):
        with pytest.raises(ValueError, match="Did you mean 'tiny-cnn'") as error:
            read(name)
        assert str(error.value).startswith(f"There is no pre-trained model '{name}'.")
        assert str(error.value).endswith("There are: tiny-cnn.")
    for name in (None, "../tiny-cnn", str(tmp_path / "tiny-cnn"), "tiny-cnn.safetensors", ""):
        with pytest.raises(ValueError, match=r"There are: tiny-cnn\."):
            read(name)
    monkeypatch.setattr(pretrained, "_folder", lambda: tmp_path.joinpath("none"))
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="This installation has none"):
        read("tiny-cnn")


def n_parameters(estimator):
    """Numbers that a model has learnt: weights of nets, thresholds and leaves of trees."""
    if hasattr(estimator, "steps"):
        return sum(n_parameters(step) for _, step in estimator.steps)
    if hasattr(estimator, "tree_"):
        return estimator.tree_.node_count
    if hasattr(estimator, "estimators_"):
        return sum(map(n_parameters, estimator.estimators_))
    if hasattr(estimator, "segmenter_"):
        return n_parameters(estimator.segmenter_)
    if hasattr(estimator, "net_") or hasattr(estimator, "module_"):
        module = estimator.net_.module_ if hasattr(estimator, "net_") else estimator.module_
        return sum(p.numel() for p in module.parameters())
    return 0


def test_numbers_of_a_pipeline_with_a_forest_are_counted():
    """By hand: the segmenter's convolutions and norms, and two trees of one split or none."""
    sounds, segmenter = fitted_segmenter(width=4, max_epochs=1)
    cycle = HeartCycleTransformer(FrozenEstimator(segmenter))
    forest = ExtraTreesClassifier(2, max_depth=1, random_state=0)
    pipeline = make_pipeline(cycle, forest).fit(sounds.data, sounds.target == "normal")
    layer = 4 * 4 * 5 + 4 + 2 * 4 + 4 * 4 + 4
    assert n_parameters(pipeline) == 32 * 4 * 5 + 4 + 5 * layer + 2 * 4 + 5 * 4 + 5 + 2 * 3


def test_parameters_are_counted(shelf):
    """Convolutions 3x3 of 1-4-8 channels, norms, and two 1x1 maps to 3 classes."""
    clf, _ = shelf
    head = 2 * (8 * 3 + 3) if clf.head == "attention" else None
    assert n_parameters(clf) == 9 * 4 + 2 * 4 + 9 * 4 * 8 + 2 * 8 + head


def test_the_files_are_in_the_distribution():
    config = skheart.__path__[0] + "/../setup.cfg"
    with open(config, encoding="utf-8") as file:
        text = file.read().split("skheart.pretrained =")[1].split("\n\n")[0]
    assert {"*.md", "*.safetensors"} <= set(text.split())


def shortcomings(name):
    """What a model that is shipped may not be, or must have and has not."""
    if (pretrained._folder() / f"{name}.safetensors").stat().st_size > 8_000_000:
        yield "size"
    model = load_pretrained(name)
    if n_parameters(model) > 5_000_000:
        yield "parameters"
    yield from missing_in_card(model_card(name))


def test_what_a_model_lacks_is_found(shelf):
    assert list(shortcomings("tiny-cnn")) == list(CARD)


def test_the_shipped_segmenter_finds_phases_of_generated_sounds():
    """It has heard children; generated beats are as long, and otherwise strange to it."""
    sounds = make_heart_sounds(6, duration=6.0, difficulty=0.1, random_state=0)
    score = load_pretrained("circor-phases").score(sounds.data, sounds.segmentation)
    always_diastole = np.mean(
        [(t["end"] - t["start"])[t["state"] == "diastole"].sum() / 6 for t in sounds.segmentation]
    )
    assert score > always_diastole + 0.1


def test_every_shipped_model_is_small_described_and_predicts():
    sounds = make_heart_sounds(3, duration=6.0, random_state=0)
    for name in SHIPPED:
        assert list(shortcomings(name)) == []
        model = load_pretrained(name)
        if name.endswith("-phases"):
            continue
        probabilities = model.predict_proba(sounds.data)
        assert probabilities.shape == (len(sounds.data), len(model.classes_))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        assert set(model.predict(sounds.data)) <= set(model.classes_)
