"""The README's example runs, and what the README names is there."""

import re
from pathlib import Path

import numpy as np

import skheart

README = Path(__file__).parents[1] / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example, patients, explanations = blocks("python")
    assert len([line for line in example.splitlines() if line]) <= 10
    names = {}
    exec(example, names)
    exec(patients, names)
    exec(explanations, names)
    first = names["explanations"][0]
    np.testing.assert_allclose(first.contribution.sum((1, 2)), first.logits, atol=1e-4)
    assert len(names["scores"]) == len(names["by_patient"]) == 3
    assert len(names["predicted"].labels) == len(names["true"])
    assert np.all((names["scores"] > 0) & (names["scores"] <= 1))
    assert list(tmp_path.iterdir()) == []  # nothing is written that the user did not name


def test_the_scores_of_the_model_that_comes_along_are_those_of_its_card():
    text = README.read_text(encoding="utf-8").split("## A model that comes along")[1]
    scores = re.findall(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", text.split("\n## ")[0])
    cards = [skheart.pretrained.model_card(f"circor-murmur{end}") for end in ("", "-attention")]
    assert len(scores) == 6
    for number, score in enumerate(scores):
        assert f" {score} |" in cards[number // 3]


def test_nothing_is_left_to_be_written():
    text = README.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(RESULTS|TODO|TBD|XXX)\b", text, re.MULTILINE)


def test_the_pictures_and_names_of_the_readme_exist():
    text = README.read_text(encoding="utf-8")
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (README.parent / picture).is_file(), picture
    table = text.split("## What there is")[1].split("\n## ")[0]
    first_column = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    names = [name for cell in first_column for name in re.findall(r"`([A-Za-z_.]+)`", cell)]
    assert len(names) > 8
    for name in names:
        owner = skheart
        for part in name.removeprefix("skheart").strip(".").split("."):
            owner = getattr(owner, part) if part else owner
