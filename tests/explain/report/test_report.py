"""Content of the report page, read by Python; test_browser.py opens it."""

import base64
import configparser
import fnmatch
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import skheart
from skheart.explain import Maps
from skheart.explain.report import write_report
from tests.helpers.explained import make_explanation


def written(tmp_path, explanations, **options):
    path = tmp_path / "report.html"
    write_report(explanations, path, **options)
    return path.read_text(encoding="utf-8")


def data(text, kind):
    """Decoded data of a page ("summary" or "maps"), one per recording."""
    return [json.loads(found) for found in re.findall(f'class="{kind}">(.*)</script>', text)]


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


# ---------------------------------------------------------------------- content


def test_the_page_contains_the_explanation(tmp_path):
    explanation = make_explanation()
    text = written(tmp_path, [explanation])
    assert "://" not in text  # loads nothing; test_browser.py tests the policy
    (summary,) = data(text, "summary")
    assert summary["name"] == "heart.wav"
    assert summary["classes"] == ["absent", "present", "unknown"]
    assert summary["probabilities"] == [0.125, 0.75, 0.125]
    assert summary["predicted"] == summary["shown"] == 1
    (maps,) = data(text, "maps")
    for name in ("contribution", "attention", "class_map"):
        values = floats(maps["head"][name]).reshape(maps["head"]["shape"])
        np.testing.assert_array_equal(values, getattr(explanation.head, name))
    np.testing.assert_array_equal(maps["head"]["times"], explanation.head.times)
    np.testing.assert_array_equal(maps["head"]["frequencies"], explanation.head.frequencies)
    np.testing.assert_array_equal(maps["frequencies"], explanation.frequencies)
    assert (maps["unit"], maps["cell"], maps["end"]) == ("s", [2, 4], 12.0)
    middles = maps["begin"] + maps["hop"] * (np.arange(len(explanation.times)) + 0.5)
    np.testing.assert_allclose(middles, explanation.times)


def test_the_sound_is_the_normalised_signal(tmp_path):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=48000).astype(np.float32)  # beyond 1: clipped if not normalised
    (maps,) = data(written(tmp_path, make_explanation(signal=signal)), "maps")
    samples, sr = soundfile.read(io.BytesIO(base64.b64decode(maps["wav"])))
    assert (sr, len(samples)) == (4000, 48000)
    assert abs(samples).max() == pytest.approx(0.95, abs=1e-4)
    np.testing.assert_allclose(samples, signal * (0.95 / abs(signal).max()), atol=1e-4)
    outline = np.frombuffer(base64.b64decode(maps["wave"]["values"]), np.int8).reshape(-1, 2)
    size = round(maps["wave"]["seconds"] * 4000)
    parts = signal.reshape(-1, size)
    expected = np.stack([parts.min(axis=1), parts.max(axis=1)], axis=1) / abs(signal).max()
    np.testing.assert_allclose(outline / 127, expected, atol=0.5 / 127)


def test_a_silent_recording(tmp_path):
    silence = make_explanation(
        signal=np.zeros(48000, np.float32), features=np.zeros((374, 18), np.float32)
    )
    (maps,) = data(written(tmp_path, silence), "maps")
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(maps["wav"])))
    assert not samples.any()


def test_a_low_rate_is_resampled_for_browsers(tmp_path):
    t = np.arange(1500 * 12) / 1500
    slow = make_explanation(signal=np.sin(2 * np.pi * 40 * t).astype(np.float32), sr=1500)
    (maps,) = data(written(tmp_path, slow), "maps")
    samples, sr = soundfile.read(io.BytesIO(base64.b64decode(maps["wav"])))
    assert (sr, len(samples)) == (4500, 54000)
    spectrum = abs(np.fft.rfft(samples))
    assert np.fft.rfftfreq(len(samples), 1 / sr)[spectrum.argmax()] == pytest.approx(40, abs=0.1)
    assert maps["end"] == 12.0


def test_the_class_that_is_shown_first(tmp_path):
    other = make_explanation("b.wav", label="unknown")
    summaries = data(written(tmp_path, [make_explanation(), other], label="absent"), "summary")
    assert [(s["predicted"], s["shown"]) for s in summaries] == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["Method: attention. The contributions add up"]),
        ({"method": "occlusion"}, ["Method: occlusion"]),
        ({"method": "integrated_gradients"}, ["integrated gradients, an estimate"]),
        (
            {"duration": 31.4, "start": 9.7},
            ["12.0 s of this recording of 31.4 s, starting at 9.7 s"],
        ),
        ({"duration": 5.0}, ["lasts 5.0 s", "repeated or padded to 12.0 s"]),
        ({"sound": False}, ["No sound to play"]),
        ({"sound": False, "known": False}, ["No sound to play", "count frames and mel bins"]),
    ],
)
def test_notes_and_method(tmp_path, changes, words):
    (summary,) = data(written(tmp_path, make_explanation(**changes)), "summary")
    said = " ".join([*summary["notes"], summary["method"]])
    assert all(word in said for word in words)
    assert len(summary["notes"]) == (bool(changes) and "method" not in changes) + (
        changes.get("known") is False
    )


def test_a_head_without_attention_or_frequencies(tmp_path):
    explanation = make_explanation()
    head = explanation.head
    stripes = Maps(
        None, None, head.contribution.sum(2, keepdims=True), head.times, np.array([975.0])
    )
    text = written(tmp_path, make_explanation(head=stripes, cell=(2, 18)))
    (summary,), (maps,) = data(text, "summary"), data(text, "maps")
    assert "stripes" in summary["notes"][0]
    assert "the model's last layer" in summary["method"]
    assert maps["head"]["attention"] is None
    assert maps["head"]["shape"] == [3, 187, 1]


# ---------------------------------------------------------------------- a page by itself


def test_a_name_that_cannot_be_encoded(tmp_path):
    """Python reads file names that are not UTF-8 with surrogates."""
    text = written(tmp_path, make_explanation("h\udcff.wav"), title="h\udcff")
    assert data(text, "summary")[0]["name"] == "h\udcff.wav"


@pytest.mark.parametrize(("shape", "most"), [((3, 936, 64), 1.5), ((3, 468, 16), 0.9)])
def test_thirty_seconds_stay_small(tmp_path, shape, most):
    rng = np.random.default_rng(0)
    maps = rng.normal(size=shape).astype(np.float32)
    cell = (936 // shape[1], 64 // shape[2])
    other = maps if cell != (1, 1) else None
    times = (np.arange(936) + 1) * 0.032
    head_times = times.reshape(-1, cell[0]).mean(axis=1)
    explanation = make_explanation(
        seconds=30.0,
        head=Maps(other, other, maps, head_times, np.linspace(50, 1900, shape[2])),
        features=rng.normal(size=(936, 64)).astype(np.float32),
        cell=cell,
        times=times,
        frequencies=np.linspace(50, 1900, 64),
    )
    assert len(written(tmp_path, explanation)) < most * 1e6


def test_the_files_of_the_page_are_in_the_package():
    folder = Path(skheart.__file__).parent / "explain" / "report"
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).parents[3] / "setup.cfg")
    patterns = parser["options.package_data"]["skheart.explain.report"].split()
    parts = [path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".py"]
    assert len(parts) == 7
    assert [name for name in parts if not any(fnmatch.fnmatch(name, p) for p in patterns)] == []


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("explanations", "options", "error", "words"),
    [
        ([], {}, ValueError, "explanations is empty"),
        ([None], {}, TypeError, "explanations[0] must be an Explanation"),
        ([make_explanation()], {"label": "loud"}, ValueError, "label='loud' is no class"),
    ],
)
def test_an_error_leaves_an_existing_file_unchanged(tmp_path, explanations, options, error, words):
    path = tmp_path / "report.html"
    path.write_text("before")
    with pytest.raises(error) as caught:
        write_report(iter(explanations), path, **options)
    assert words in str(caught.value)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
