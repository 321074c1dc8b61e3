"""The average heart cycle: against arithmetic, on segmenters whose phases are given."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skheart import PatientClassifier
from skheart.audio import RecordingWarning
from skheart.segmentation import HeartCycleTransformer, HeartPhaseSegmenter
from skheart.segmentation import _cycles as cycles
from skheart.segmentation._average_cycle import compute_features
from skheart.segmentation._segmenter import FrameScores
from tests.helpers.phases import fitted_segmenter


@pytest.fixture(scope="module")
def fitted():
    sounds, segmenter = fitted_segmenter(
        n_subjects=8, width=16, max_epochs=50, batch_size=4, crop=2.0, lr=6e-3
    )
    return sounds, HeartCycleTransformer(FrozenEstimator(segmenter)).fit(sounds.data)


def frame_scores(log_mel, phases, quality=None):
    """As if a segmenter were quite sure of given phases."""
    n = len(phases)
    probabilities = np.full((4, n), 0.01)
    probabilities[phases, range(n)] = 0.97
    return FrameScores(
        log_mel, probabilities, np.ones(n) if quality is None else quality, n * 0.016
    )


def test_cells_are_means_over_beats_less_the_quiet_diastole():
    """Three whole beats between two that the recording cuts; by plain loops."""
    rng = np.random.default_rng(0)
    beat = [4, 6, 4, 8]
    phases = np.concatenate([[3] * 5, np.tile(np.repeat(range(4), beat), 3), [0] * 2])
    log_mel = rng.normal(size=(len(phases), 3)).astype(np.float32)
    quality = np.ones(len(phases))
    quality[5 : 5 + 22] = 0.5  # the first beat counts half
    n_cells = (2, 3, 1, 4)
    found = compute_features(frame_scores(log_mel, phases, quality), phases, n_cells, quiet=0.5)
    means, deviations, weight = [], [], np.array([0.5, 1, 1]) / 2.5
    start = 5
    for length, n in zip(beat, n_cells, strict=True):
        for cell in range(n):
            low, high = start + cell * length // n, start + (cell + 1) * length // n
            beats = np.array([log_mel[low + 22 * b : high + 22 * b].mean(axis=0) for b in range(3)])
            mean = weight @ beats
            means.append(mean)
            deviations.append(np.sqrt(weight @ (beats - mean) ** 2))
        start += length
    quiet = np.mean(means[-2:], axis=0)
    n = 10 * 3
    np.testing.assert_allclose(found[:n], (np.array(means) - quiet).ravel(), atol=1e-5)
    np.testing.assert_allclose(found[n : n + 3], quiet, atol=1e-5)
    np.testing.assert_allclose(found[n + 3 : 2 * n + 3], np.ravel(deviations), atol=1e-5)
    rhythm = found[2 * n + 3 :]
    expected = [0.97, quality.mean(), 12 / len(phases), 4, 0, 6, 0, 4, 0, 8, 0]
    np.testing.assert_allclose(rhythm, expected, atol=1e-6)


def test_gain_changes_only_the_level():
    rng = np.random.default_rng(1)
    phases = np.tile(np.repeat(range(4), [6, 12, 6, 20]), 4)
    log_mel = rng.normal(size=(len(phases), 5))
    one, louder = (
        compute_features(frame_scores(log_mel + gain, phases), phases, (2, 6, 2, 8), 0.75)
        for gain in (0, 2.5)
    )
    level = slice(18 * 5, 19 * 5)
    np.testing.assert_allclose(louder[level] - one[level], 2.5)
    one[level] = louder[level] = 0
    np.testing.assert_allclose(louder, one, atol=1e-9)


def test_a_faint_sound_in_every_systole_is_found_in_noise():
    """What a mean over beats is for: a tenth of the noise, in the systole's last third."""
    rng = np.random.default_rng(2)
    phases = np.tile(np.repeat(range(4), [6, 18, 6, 24]), 400)
    log_mel = rng.normal(size=(len(phases), 1))
    inside = np.tile(np.concatenate([np.zeros(18), np.ones(6), np.zeros(30)]), 400)
    found = compute_features(
        frame_scores(log_mel + 0.1 * inside[:, None], phases), phases, (2, 6, 2, 8), 0.75
    )
    assert found[[6, 7]].min() > 0.05
    assert found[[2, 3, 4, 5]].max() < 0.05


@pytest.mark.parametrize("phases", [[3] * 40, [1] * 5 + [2] * 30, [0, 1, 2]])
def test_where_phases_are_missing_the_features_are_finite(phases):
    phases = np.array(phases)
    log_mel = np.random.default_rng(0).normal(size=(len(phases), 4))
    found = compute_features(frame_scores(log_mel, phases), phases, (2, 6, 2, 8), 0.75)
    assert found.shape == (2 * 18 * 4 + 4 + 11,)
    assert np.isfinite(found).all()


def test_names_describe_the_columns(fitted):
    sounds, transformer = fitted
    features = transformer.transform(sounds.data)
    names = transformer.get_feature_names_out()
    assert features.dtype == np.float32
    assert features.shape == (len(sounds.data), len(names))
    assert len(set(names)) == len(names) == 2 * 18 * 32 + 32 + 11
    assert [names[k] for k in (0, 2 * 32 + 3, 18 * 32)] == [
        "mean_S10_mel0", "mean_systole0_mel3", "quiet_mel0",
    ]  # fmt: skip
    frame = clone(transformer).set_output(transform="pandas").fit_transform(sounds.data)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(names)
    np.testing.assert_array_equal(frame.to_numpy(), features)


def test_lengths_of_phases_are_those_of_the_annotations(fitted):
    sounds, transformer = fitted
    names = transformer.get_feature_names_out().tolist()
    features = transformer.transform(sounds.data)
    for phase in ("systole", "diastole"):
        annotated = []
        for table in sounds.segmentation:
            whole = table.iloc[1:-1]
            own = whole[whole["state"] == phase]
            annotated.append((own["end"] - own["start"]).mean())
        found = features[:, names.index(f"mean_length_{phase}")] * 0.016
        assert np.median(np.abs(found / annotated - 1)) < 0.1


def test_rows_do_not_depend_on_each_other(fitted):
    sounds, transformer = fitted
    together = transformer.transform(sounds.data)
    for row in (0, 5):
        np.testing.assert_array_equal(transformer.transform([sounds.data[row]])[0], together[row])
    np.testing.assert_array_equal(transformer.transform(np.stack(sounds.data)), together)


def test_it_works_in_pipelines_and_for_patients(fitted):
    sounds, transformer = fitted
    pipeline = make_pipeline(transformer, ExtraTreesClassifier(50, random_state=0))
    y = np.where(sounds.target == "normal", "normal", "other")
    cv = GroupKFold(2)
    scores = cross_val_score(pipeline, sounds.data, y, groups=sounds.groups, cv=cv)
    assert scores.shape == (2,)
    model = PatientClassifier(pipeline, join=True).fit(sounds.data, y, groups=sounds.groups)
    found = model.predict_patients(sounds.data, sounds.groups)
    first = [np.flatnonzero(sounds.groups == patient)[0] for patient in found.patients]
    assert (found.labels == y[first]).all()  # it has seen them


def test_progress_is_shown_when_asked_for(fitted, capsys):
    sounds, transformer = fitted
    transformer.transform(sounds.data[:2])
    assert capsys.readouterr() == ("", "")
    clone(transformer).set_params(verbose=1).fit_transform(sounds.data[:2])
    out, err = capsys.readouterr()
    assert out == ""
    assert "heart cycles: 100%" in err


def test_without_a_segmenter_the_one_of_the_package_is_taken(fitted, monkeypatch):
    sounds, transformer = fitted
    asked = []
    monkeypatch.setattr(
        cycles, "load_pretrained", lambda name: asked.append(name) or transformer.segmenter_
    )
    own = HeartCycleTransformer().fit(sounds.data)
    assert asked == ["circor-phases"]
    np.testing.assert_array_equal(
        own.transform(sounds.data[:2]), transformer.transform(sounds.data[:2])
    )


def test_other_segmenters_are_refused(fitted):
    sounds, transformer = fitted
    fit = lambda *args, **params: HeartCycleTransformer(*args, **params).fit(sounds.data)  # noqa: E731
    with pytest.raises(ValueError, match=r"pass FrozenEstimator\(segmenter\)"):
        fit(transformer.segmenter_)
    with pytest.raises(TypeError, match="must be None or a FrozenEstimator .* Got 'circor-phases'"):
        fit("circor-phases")
    with pytest.raises(TypeError, match="FrozenEstimator of a fitted HeartPhaseSegmenter"):
        fit(FrozenEstimator(ExtraTreesClassifier()))
    with pytest.raises(ValueError, match="segmenter is not fitted"):
        fit(FrozenEstimator(HeartPhaseSegmenter()))
    for n_cells in ((2, 6, 2), (2, 6, 2, 0), 3, (1.5, 2, 2, 2), None, "abcd", [[1], [1, 2], 1, 1]):
        with pytest.raises(ValueError, match="n_cells must be 4 ints of at least 1"):
            fit(transformer.segmenter, n_cells=n_cells)
    for quiet in (0, 1.1, -1, "x", None):
        with pytest.raises(ValueError, match="'quiet' parameter of HeartCycleTransformer"):
            fit(transformer.segmenter, quiet=quiet)
    with pytest.raises(ValueError, match="The recording at row 1 lasts"):
        transformer.transform([sounds.data[0], sounds.data[1][:100]])
    table = np.ones((3, 4000))
    table[2, 5] = np.nan
    with pytest.raises(ValueError, match="The recording at row 2 .*NaN"):
        transformer.transform(table)
    with pytest.raises(ValueError, match="Complex data not supported"):
        transformer.transform(np.ones((2, 4000), complex))


def test_recordings_without_a_heartbeat_are_named_once_and_have_features(fitted):
    sounds, cycle = fitted
    noise = np.random.default_rng(0).normal(0, 0.1, 40000)
    X = [noise, sounds.data[0], np.zeros(40000), noise, noise + 0.1, -noise]
    with pytest.warns(RecordingWarning) as caught:
        features = cycle.transform(X)
    (message,) = [str(one.message) for one in caught]
    assert "in 5 of 6 recordings: row 0, row 2, row 3 and 2 more. Their features" in message
    assert np.isfinite(features).all()
    assert (features[0] == features[3]).all()
    assert (features[1] == cycle.transform(sounds.data[:1])[0]).all()
