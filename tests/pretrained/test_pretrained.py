"""Pretrained models; loading is tested with a small one that is not shipped."""

import numpy as np
import pytest

import skheart
from skheart import pretrained
from skheart.datasets import make_heart_sounds
from skheart.pretrained import list_pretrained, load_pretrained, model_card
from tests.helpers.model_files import missing_in_card
from tests.helpers.small import make, small_cnn

SHIPPED = list_pretrained()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with one model instead of the folder of the package."""
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


def test_the_files_are_in_the_distribution():
    config = skheart.__path__[0] + "/../setup.cfg"
    with open(config, encoding="utf-8") as file:
        text = file.read().split("skheart.pretrained =")[1].split("\n\n")[0]
    assert {"*.md", "*.safetensors"} <= set(text.split())


def test_the_shipped_segmenter_finds_phases_of_generated_sounds():
    """It was trained on children; generated beats have the same durations but sound different."""
    sounds = make_heart_sounds(6, duration=6.0, difficulty=0.1, random_state=0)
    score = load_pretrained("circor-phases").score(sounds.data, sounds.segmentation)
    always_diastole = np.mean(
        [(t["end"] - t["start"])[t["state"] == "diastole"].sum() / 6 for t in sounds.segmentation]
    )
    assert score > always_diastole + 0.1


def test_every_shipped_model_is_small_described_and_predicts():
    sounds = make_heart_sounds(3, duration=6.0, random_state=0)
    for name in SHIPPED:
        assert (pretrained._folder() / f"{name}.safetensors").stat().st_size < 8_000_000
        assert missing_in_card(model_card(name)) == []
        model = load_pretrained(name)
        if name.endswith("-phases"):
            continue
        probabilities = model.predict_proba(sounds.data)
        assert probabilities.shape == (len(sounds.data), len(model.classes_))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        assert set(model.predict(sounds.data)) <= set(model.classes_)
