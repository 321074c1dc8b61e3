"""PatientClassifier with recordings that cannot be read."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skheart
from skheart.audio import RecordingWarning, read_recording
from skheart.patients import PatientClassifier
from tests.helpers import model_files


def loudness(paths):
    return np.array([[np.std(read_recording(path)[0])] for path in paths])


@pytest.fixture
def table(tmp_path):
    """Patients a to f with two recordings each; the second of b and of e is no sound."""
    rng = np.random.default_rng(0)
    rows = []
    for number, patient in enumerate("abcdef"):
        for site in ("AV", "MV"):
            path = tmp_path / f"{patient}_{site}.wav"
            soundfile.write(path, rng.normal(0, 0.05 + 0.1 * (number % 2), 400), 4000)
            rows.append((str(path), patient, site, number % 2))
    for name in ("b_MV", "e_MV"):
        (tmp_path / f"{name}.wav").write_bytes(b"no sound")
    return pd.DataFrame(rows, columns=["path", "patient", "site", "label"])


def classifier(**params):
    pipeline = make_pipeline(FunctionTransformer(loudness), LogisticRegression(C=1e3))
    return PatientClassifier(pipeline, **params)


def good(table):
    return table[~table["path"].str.contains("b_MV|e_MV")]


def test_by_default_they_are_an_error(table):
    with pytest.raises(ValueError, match=r"b_MV\.wav' cannot be read"):
        classifier().fit(table, table["label"])


@pytest.mark.parametrize("aggregate", ["mean_probability", "noisy_or"])
def test_the_others_are_fitted_and_predicted_as_if_alone(table, aggregate):
    model = classifier(on_error="skip", aggregate=aggregate, cv=2, random_state=0)
    model.fit(table, table["label"])
    assert [path[-8:] for path, _ in model.skipped_] == ["b_MV.wav", "e_MV.wav"]
    assert all("cannot be read" in reason for _, reason in model.skipped_)
    own = good(table)
    plain = classifier(aggregate=aggregate, cv=2, random_state=0).fit(own, own["label"])
    assert plain.skipped_ == []
    found, expected = model.predict_patients(table), plain.predict_patients(own)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert found.n_recordings.tolist() == expected.n_recordings.tolist() == [2, 1, 2, 2, 1, 2]
    assert found.skipped == model.skipped_
    assert len(expected.skipped) == 0
    # One answer per row, that of the patient, also for a row that cannot be read.
    assert len(model.predict(table)) == len(table)
    rows = np.repeat(expected.probabilities, 2, axis=0)
    np.testing.assert_array_equal(model.predict_proba(table), rows)


def test_one_warning_names_them(table):
    with pytest.warns(RecordingWarning, match=r"2 recording\(s\) are left out: .*b_MV.*e_MV") as w:
        model = classifier(on_error="warn").fit(table, table["label"])
    assert len(w) == 1
    with pytest.warns(RecordingWarning, match=r"2 recording\(s\) are left out"):
        model.predict(table)


def test_a_patient_without_any_recording_is_left_out_of_fit_and_refused_by_predict(table):
    for path in table["path"][:2]:
        with open(path, "wb"):
            pass
    model = classifier(on_error="skip").fit(table, table["label"])
    assert model.n_patients_ == 5
    assert len(model.skipped_) == 4
    with pytest.raises(ValueError, match=r"None of the recordings of patient a can be read"):
        model.predict(table)
    assert model.predict_patients(table[2:]).patients.tolist() == list("bcdef")


def test_a_prediction_per_recording_needs_them_all(table):
    model = classifier(on_error="skip", level="recording").fit(table, table["label"])
    with pytest.raises(ValueError, match=r"b_MV\.wav' cannot be read"):
        model.predict(table)
    assert len(model.predict(good(table))) == 10


def test_groups_instead_of_a_table(table):
    model = classifier(on_error="skip").fit(list(table["path"]), table["label"], table["patient"])
    found = model.predict_patients(list(table["path"]), table["patient"])
    assert found.n_recordings.tolist() == [2, 1, 2, 2, 1, 2]


def test_an_unknown_value_is_named(table):
    with pytest.raises(ValueError, match="'on_error' parameter .* Got 'drop'"):
        classifier(on_error="drop").fit(table, table["label"])


def test_joined_recordings_and_stored_models(table, tmp_path):
    front_end = skheart.LogMelTransformer(duration=0.1, n_mels=4, flatten=True)
    model = PatientClassifier(
        make_pipeline(front_end, LogisticRegression()), join=True, on_error="skip", cv=2
    )
    model.fit(table, table["label"])
    own = good(table)
    expected = model.predict_patients(own).probabilities
    np.testing.assert_array_equal(model.predict_patients(table).probabilities, expected)
    skheart.save(model, tmp_path / "m")
    again = skheart.load(tmp_path / "m")
    assert (again.on_error, again.skipped_) == ("skip", model.skipped_)
    np.testing.assert_array_equal(again.predict_patients(table).probabilities, expected)


def test_files_written_before_on_error_load(table, tmp_path):
    """They hold named tuples of four fields, and no such parameter."""
    front_end = skheart.LogMelTransformer(duration=0.1, n_mels=4, flatten=True)
    own = good(table)
    model = PatientClassifier(make_pipeline(front_end, LogisticRegression()), cv=2)
    model.fit(own, own["label"])
    skheart.save(model, tmp_path / "m")
    document, header, data = model_files.read(tmp_path / "m")
    stored = document["model"]["estimator"]
    del stored["params"]["on_error"], stored["fitted"]["skipped_"]
    assert len(stored["fitted"]["oof_"]["named_tuple"][1].pop()) in (0, 1)
    model_files.write(tmp_path / "old", document, header, data)
    again = skheart.load(tmp_path / "old")
    assert again.on_error == "raise"
    assert again.oof_.patients.tolist() == list("abcdef")
    assert len(again.oof_.skipped) == 0
    expected = model.predict_patients(own).probabilities
    np.testing.assert_array_equal(again.predict_patients(own).probabilities, expected)
