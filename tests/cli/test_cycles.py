"""The command with the recipes of heart cycles: train, predict, evaluate, explain."""

import json
import os
import re

import numpy as np
import pytest

import skheart
from skheart import pretrained
from skheart.datasets import make_heart_sounds
from skheart.explain import explain
from skheart.segmentation import _cycles as cycles
from tests.helpers.command import fails, probabilities_of, read_csv, run
from tests.helpers.phases import fitted_segmenter

SMALL = ["--set=clf__n_estimators=20", "--seed=0"]


@pytest.fixture(scope="module", autouse=True)
def small_segmenter():
    """Replace the pretrained segmenter by one that was fitted to generated sounds."""
    _, segmenter = fitted_segmenter(max_epochs=20, batch_size=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycles, "load_pretrained", lambda name: segmenter)
        yield


def train(folder, path, *settings):
    assert run("train", folder / "table.csv", "-o", path, *settings, "--quiet") == 0
    return path


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("cycles") / "model"
    return train(folder, path, "--recipe=cycles", *SMALL)


def test_patients_are_predicted(folder, trained, capsys):
    table = folder / "table.csv"
    assert run("predict", trained, table, "--quiet") == 0
    rows = read_csv(capsys.readouterr().out)
    assert len(rows) == 30
    np.testing.assert_allclose([sum(probabilities_of(row)) for row in rows], 1, atol=1e-5)
    assert run("evaluate", trained, table, "--quiet") == 0
    assert "UAR" in capsys.readouterr().out


def test_it_is_cross_validated_by_subject(folder, tmp_path, capsys):
    argv = ["train", folder / "table.csv", "-o", tmp_path / "m", "--recipe=cycles", "--folds=2"]
    assert run(*argv, *SMALL) == 0
    out, err = capsys.readouterr()
    assert "cycles" in out
    assert "heart cycles" in err
    model = skheart.load(tmp_path / "m")
    assert model.verbose == 0
    assert model.estimators_[0]["cycle"].verbose == 0


def test_jobs_change_nothing(folder, trained, tmp_path):
    train(folder, tmp_path / "m", "--recipe=cycles", "--jobs=2", *SMALL)
    one, two = skheart.load(trained), skheart.load(tmp_path / "m")
    paths = sorted(str(path) for path in folder.rglob("*.wav"))[:6]
    assert (one.predict_proba(paths) == two.predict_proba(paths)).all()


PARTS = [
    "--set=forest__clf__n_estimators=10",
    "--set=net__clf__channels=(4, 8)",
    "--set=net__clf__augment__crop=60",
    "--set=net__clf__max_epochs=1",
    "--set=net__logmel__duration=10",
    "--seed=0",
]


@pytest.fixture(scope="module")
def voted(folder, tmp_path_factory):
    return train(folder, tmp_path_factory.mktemp("best") / "model", "--recipe=best", *PARTS)


def test_the_best_recipe_is_trained_and_predicts(folder, voted, capsys):
    model = skheart.load(voted)
    for member in model.estimators_:
        parts = member.named_estimators_
        assert len(parts["forest"]["clf"].estimators_) == 10
        assert parts["net"]["clf"].channels == (4, 8)
        assert (parts["forest"]["cycle"].verbose, parts["net"]["logmel"].verbose) == (0, 0)
    assert run("predict", voted, folder / "table.csv", "--quiet") == 0
    assert len(read_csv(capsys.readouterr().out)) == 30


def test_a_part_that_was_dropped_is_left_out(folder, tmp_path, capsys):
    sounds = make_heart_sounds(n_subjects=6, duration=4, random_state=0)
    model = skheart.make_heart_pipeline(recipe="best", random_state=0)
    model.set_params(estimator__net="drop", estimator__forest__clf__n_estimators=5)
    skheart.save(model.fit(sounds.data, sounds.target, groups=sounds.groups), tmp_path / "m")
    wav = next(folder.rglob("*.wav"))
    assert run("predict", tmp_path / "m", wav, "--quiet") == 0
    expected = skheart.load(tmp_path / "m").predict_proba([wav])[0]
    (row,) = read_csv(capsys.readouterr().out)
    np.testing.assert_allclose(probabilities_of(row), expected, atol=1e-6)
    assert run("explain", tmp_path / "m", wav, "-o", tmp_path / "p.html") == 0
    line = fails(
        ["explain", tmp_path / "m", wav, "-o", tmp_path / "p", "--method=attention"], capsys
    )
    assert "--method attention cannot explain any of forest (ExtraTrees" in line
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("method", [None, "decision_path", "attention"])
def test_explain_shows_the_weightiest_part_or_that_of_a_method(
    folder, voted, tmp_path, capsys, method
):
    wav = str(next(folder.rglob("*.wav")))
    page = tmp_path / "page.html"
    given = [] if method is None else ["--method", method]
    assert run("explain", voted, wav, "-o", page, "--quiet", *given) == 0
    line = fails(["explain", voted, wav, "--check"], capsys)
    assert "explain_checks(model.estimators_[0], recordings)" in line
    text = page.read_text(encoding="utf-8")
    summary = json.loads(re.search(r'class="summary">(.*?)</script>', text).group(1))
    model = skheart.load(voted)
    one = explain(model, [wav], method=method)[0]
    np.testing.assert_allclose(summary["probabilities"], one.probabilities)
    if method == "attention":
        assert summary["scale"] == "logit"
        assert summary["notes"] == [
            "Explanation and answer are those of one member of a vote: net."
        ]
        return
    expected = model.predict_proba([wav])[0]
    np.testing.assert_allclose(summary["probabilities"], expected, atol=1e-6)
    assert summary["classes"][summary["predicted"]] == model.predict([wav])[0]
    assert summary["scale"] == "probability"
    for label, p, sentence in zip(model.classes_, expected, summary["terms"], strict=True):
        said = re.fullmatch(
            r"The (.*)% for (.*) are the sum of (.*) from the class proportions in training, (.*) "
            r"from the rhythm, (.*) from the vote of net, (.*) from how the members of the model "
            r"are averaged and (.*) from the picture\.",
            sentence,
        )
        assert said.group(2) == label
        total, *terms = (float(said.group(number)) for number in (1, 3, 4, 5, 6, 7))
        assert total == pytest.approx(100 * p, abs=0.06)
        assert sum(terms) == pytest.approx(total, abs=0.3)


def test_explain_of_patients_together(folder, voted, tmp_path, capsys):
    table = read_csv((folder / "table.csv").read_text(encoding="utf-8"))
    wavs = [str(folder / row["path"]) for row in table][:4]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    lines = [f"{path},{who}" for path, who in zip([*wavs, bad], "abaab", strict=True)]
    listed = tmp_path / "list.csv"
    listed.write_text("\n".join(["path,patient", *lines]), encoding="utf-8")
    page = tmp_path / "page.html"
    assert run("explain", voted, listed, "--by-patient", "-o", page, "--quiet") == 1
    assert "bad.wav" in capsys.readouterr().err
    found = re.findall(r'class="summary">(.*?)</script>', page.read_text(encoding="utf-8"))
    summaries = [json.loads(text) for text in found]
    assert [summary["name"] for summary in summaries] == ["patient a", "patient b"]
    expected = skheart.load(voted).predict_patients(wavs, list("abaa"))
    for number, summary in enumerate(summaries):
        assert summary["classes"][summary["predicted"]] == expected.labels[number]
    assert summaries[1]["notes"][0].startswith(f"Joined: {os.path.basename(wavs[1])} (from 0.0 s).")
    argv = ["explain", voted, wavs[0], "-o", tmp_path / "p", "--by-patient"]
    assert f"--by-patient: the patient of {wavs[0]} is unknown" in fails(argv, capsys)
    assert not (tmp_path / "p").exists()


def test_explain_of_trees_and_its_limits(folder, trained, tmp_path, capsys):
    wav = str(next(folder.rglob("*.wav")))
    page = tmp_path / "page.html"
    assert run("explain", trained, wav, "-o", page, "--quiet") == 0
    assert "decision paths of trees on the average heart cycle" in page.read_text("utf-8")
    line = fails(["explain", trained, wav, "-o", tmp_path / "p", "--method=occlusion"], capsys)
    assert "--method occlusion cannot explain ExtraTreesClassifier" in line
    line = fails(["explain", trained, wav, "--check"], capsys)
    assert "--check is for one classifier, and this model averages 1" in line
    assert "explain_checks(model.estimators_[0], recordings)" in line
    assert not (tmp_path / "p").exists()


def test_a_segmenter_predicts_no_classes(folder, tmp_path, monkeypatch, capsys):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    skheart.save(fitted_segmenter(max_epochs=1)[1], shelf / "tiny-phases.safetensors")
    monkeypatch.setattr(pretrained, "_folder", lambda: shelf)
    wav = next(folder.rglob("*.wav"))
    line = fails(["predict", "--pretrained", "tiny-phases", wav], capsys)
    assert "--pretrained tiny-phases is a HeartPhaseSegmenter, which does not predict" in line
