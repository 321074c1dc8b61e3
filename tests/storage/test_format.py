"""The version of the format: files of every version load, newer ones are refused."""

from pathlib import Path

import numpy as np
import pytest

import skheart

# Written at commit f13fa4e: a vote of a network and a forest, fitted on `tones`.
FORMAT_1 = Path(__file__).parent / "data" / "format-1.safetensors"
FREQUENCIES = (50, 80, 130, 210, 340, 550)
MURMUR = [0.04626196, 0.01164065, 0.05933768, 0.82414647, 0.83283267, 0.81066441]
MURMUR_BY_NETWORK = [0.18504783, 0.04656260, 0.23735071, 0.29658588, 0.33133069, 0.24265766]


def test_a_file_of_format_1_predicts_the_same():
    time = np.arange(4000) / 4000
    tones = [0.5 * np.sin(2 * np.pi * frequency * time) for frequency in FREQUENCIES]
    model = skheart.load(FORMAT_1)
    assert model.classes_.tolist() == ["murmur", "normal"]
    network = model.named_estimators_["net"]
    np.testing.assert_allclose(model.predict_proba(tones)[:, 0], MURMUR, atol=1e-5)
    np.testing.assert_allclose(network.predict_proba(tones)[:, 0], MURMUR_BY_NETWORK, atol=1e-5)


def test_a_newer_format_is_refused(forge):
    def newer(document, header, data):
        document["format"] = 2
        document["versions"]["skheart"] = "7.1"
        document["novelty"] = {"model": None}

    words = r"m cannot be loaded: it was written by a newer skheart \(7.1, format 2\)\. This "
    words += r"version, .*, reads formats up to 1\. Update skheart\."
    with pytest.raises(ValueError, match=words):
        forge(newer)


@pytest.mark.parametrize("change", [{"format": 0}, {"format": "1"}, {"novelty": None}])
def test_a_damaged_document_is_refused(change, forge):
    with pytest.raises(ValueError, match="cannot be loaded: it is damaged"):
        forge(lambda document, header, data: document.update(change))
