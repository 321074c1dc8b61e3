"""The README's examples run, and what it names exists."""

import re
from pathlib import Path

import numpy as np
import pytest

import skheart

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example, patients, explanations = re.findall(r"```python\n(.*?)```", readme(), re.DOTALL)
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


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs" / "results.md"], ids=lambda p: p.name
)
def test_scores_of_the_pretrained_models_are_those_of_their_cards(page):
    text = page.read_text(encoding="utf-8").split("## Pretrained models")[1].split("\n## ")[0]
    scores = re.findall(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", text)
    cards = [skheart.pretrained.model_card(f"circor-murmur{end}") for end in ("", "-attention")]
    assert len(scores) == 6
    for number, score in enumerate(scores):
        assert f" {score} |" in cards[number // 3]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_and_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert links or page.name == "CHANGES.md"
    for link in links:
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_in_commands_exist(page):
    for module in re.findall(r"python -m (benchmarks[\w.]*)", page.read_text(encoding="utf-8")):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_names_in_the_table_of_contents_exist():
    table = readme().split("## Contents of the package")[1].split("\n## ")[0]
    first_column = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    names = [name for cell in first_column for name in re.findall(r"`([A-Za-z_.]+)`", cell)]
    assert len(names) > 8
    for name in names:
        owner = skheart
        for part in name.removeprefix("skheart").strip(".").split("."):
            owner = getattr(owner, part) if part else owner
