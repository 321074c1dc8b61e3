"""The verb explain, in process, on small tables of generated sounds."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import skheart
from skheart import explain as room
from tests.helpers.command import fails, run


def pages(path):
    """Return the summaries in a page."""
    found = re.findall(r'class="summary">(.*)</script>', path.read_text(encoding="utf-8"))
    return [json.loads(text) for text in found]


@pytest.fixture
def page(tmp_path):
    return tmp_path / "report.html"


def test_explain_writes_a_page(folder, model, wav, page, capsys):
    assert run("explain", model, folder / "table.csv", "-o", page) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "30/30" in err
    assert f"wrote {page}" in err
    summaries = pages(page)
    assert [summary["name"] for summary in summaries] == wav
    pipeline = skheart.load(model)
    probabilities = [summary["probabilities"] for summary in summaries]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(wav), atol=2e-6)
    labels = [summary["classes"][summary["predicted"]] for summary in summaries]
    assert labels == pipeline.predict(wav).tolist()
    assert list(page.parent.iterdir()) == [page]


def test_the_method_and_the_class(model, wav, page, capsys):
    argv = ["explain", model, wav[0], "-o", page, "--quiet", "--method", "occlusion"]
    assert run(*argv, "--label", "severe") == 0
    assert capsys.readouterr() == ("", "")
    (summary,) = pages(page)
    assert "occlusion" in summary["method"]
    assert summary["classes"][summary["shown"]] == "severe"


def test_one_that_cannot_be_read_does_not_lose_the_others(
    model, wav, page, tmp_path, capsys, monkeypatch
):
    def greedy(estimator, X, **options):
        if wav[2] in X:
            raise MemoryError
        return explain(estimator, X, **options)

    explain = room.explain
    monkeypatch.setattr(room, "explain", greedy)
    bad, missing = tmp_path / "bad.wav", tmp_path / "missing.wav"
    bad.write_bytes(b"no sound at all")
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(map(str, [wav[0], bad, wav[1], missing, wav[2]])))
    assert run("explain", model, listed, "-o", page) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "skheart: error:" in line]
    assert str(bad) in errors[0]
    assert str(missing) in errors[1]
    assert f"{wav[2]} is too long for the memory" in errors[2]
    assert [summary["name"] for summary in pages(page)] == wav[:2]


def test_models_that_cannot_be_explained_are_refused(model, wav, page, tmp_path, capsys):
    assert "nowhere.wav" in fails(["explain", model, "nowhere.wav", "-o", page], capsys)
    assert "nothing to do" in fails(["explain", model, wav[0]], capsys)
    for options, words in (
        (["--by-patient", "--patient-pattern=(.)"], "--by-patient needs a model that joins"),
        (["--patient-pattern=(.)"], "--patient-pattern needs --by-patient"),
        (["--by-patient", "--check"], "--check is for single recordings"),
        (["--label", "loud"], "label='loud' is no class of the model: mild, normal, severe."),
        (["--method", "decision_path"], "--method decision_path cannot explain Attention"),
    ):
        assert words in fails(["explain", model, wav[0], "-o", page, *options], capsys)
    listed = tmp_path / "list.txt"
    listed.write_text("a.wav\nb.wav\n")
    assert run("explain", model, listed, "-o", page) == 2
    assert "no recording could be read" in capsys.readouterr().err.splitlines()[-1]
    assert not page.exists()


def test_explain_replaces_its_own_page_and_nothing_else(model, wav, page, tmp_path, capsys):
    notes = tmp_path / "notes.html"
    notes.write_text("<!doctype html><title>mine</title>")
    line = fails(["explain", model, wav[0], "-o", notes], capsys)
    assert "already exists and is not a page of skheart explain" in line
    assert notes.read_text() == "<!doctype html><title>mine</title>"
    for read in (model, wav[0]):
        assert "is an input" in fails(["explain", model, wav[0], "-o", read], capsys)
    for n in (1, 2):
        assert run("explain", model, *wav[:n], "-o", page, "--quiet") == 0
        assert len(pages(page)) == n


def test_check_prints_the_table(model, wav, page, tmp_path, capsys, monkeypatch):
    """With and without a page; only of what can be read."""
    calls = []

    def checks(estimator, X, y=None, **options):
        calls.append((type(estimator).__name__, X, y))
        return pd.DataFrame({"check": ["completeness"], "value": [0.25]})

    monkeypatch.setattr(room, "explain_checks", checks)
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join([*wav[:2], "missing.wav"]))
    assert run("explain", "--check", "--quiet", model, *wav[:2]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["check", "value"], ["completeness", "0.25"]]
    assert run("explain", "--check", "--quiet", model, listed, "-o", page) == 1
    assert "completeness" in capsys.readouterr().out
    assert len(pages(page)) == 2
    assert calls == [("Pipeline", wav[:2], None)] * 2
