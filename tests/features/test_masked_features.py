"""LogMelTransformer(pad="mask"): short recordings without padding."""

import numpy as np
import pytest
import soundfile
from sklearn.base import clone

from skheart import AttentionCNNClassifier, LogMelTransformer
from skheart.datasets import make_heart_sounds
from skheart.explain import explain
from skheart.pipeline import make_heart_pipeline

SETTINGS = [{}, {"power": 1.7}, {"n_fft": 200, "hop_length": 75}, {"hop_length": 300}]
SIZES = (8000, 256, 5000, 383, 384, 12000, 7999, 300, 4000)


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    return [0.1 * rng.normal(size=size) for size in SIZES]


def transformer(**params):
    return LogMelTransformer(**{"duration": 2.0, "pad": "mask", "n_mels": 32, **params})


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_missing_frames_are_nan(recordings, params):
    raw = transformer(standardize=False, crop="start", **params)
    X = raw.fit_transform(recordings)
    np.testing.assert_array_equal(raw.transform(recordings), X)
    for row, samples in zip(X, recordings, strict=True):
        size = min(len(samples), 8000)
        n_frames = 1 + (size - raw.n_fft) // raw.hop_length
        assert np.isnan(row[n_frames:]).all()
        alone = clone(raw).set_params(pad="repeat", duration=size / 4000).fit_transform([samples])
        np.testing.assert_allclose(row[:n_frames], alone[0], rtol=1e-5, atol=1e-5)
    assert X.shape[1] == 1 + (8000 - raw.n_fft) // raw.hop_length


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_mean_and_scale_ignore_missing_frames(recordings, params):
    raw = transformer(standardize=False, **params).fit_transform(recordings)
    frames = raw[~np.isnan(raw[:, :, 0])].astype(np.float64)
    found = transformer(**params)
    X = found.fit_transform(recordings)
    np.testing.assert_allclose(found.mean_, frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.scale_, frames.std(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(X), np.isnan(raw))
    np.testing.assert_allclose(X[~np.isnan(X)].reshape(-1, 32).mean(axis=0), 0, atol=1e-5)


def test_a_recording_does_not_depend_on_the_others(recordings):
    fitted = transformer().fit(recordings)
    X = fitted.transform(recordings)
    for row, samples in zip(X, recordings, strict=True):
        np.testing.assert_array_equal(fitted.transform([samples])[0], row)


def test_a_recording_shorter_than_a_frame_is_named(recordings, tmp_path):
    short = np.full(255, 0.1)
    soundfile.write(tmp_path / "short.wav", short, 4000)
    fitted = transformer().fit(recordings)
    with pytest.raises(ValueError, match="The recording at row 1 has 255 samples"):
        fitted.transform([recordings[0], short])
    with pytest.raises(ValueError, match="short.wav' has 255 samples at sr=4000 Hz, fewer than"):
        transformer().fit([str(tmp_path / "short.wav")])


def test_nan_samples_outside_frames_are_found(recordings):
    fitted = transformer().fit(recordings)
    for where in (0, 300, 382):
        spoilt = recordings[3].copy()  # 383 samples, one frame of 256
        spoilt[where] = np.nan
        with pytest.raises(ValueError, match="row 0"):
            fitted.transform([spoilt])


def test_a_pipeline_ignores_missing_frames():
    sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    data = [samples[: 4000 + 900 * k] for k, samples in enumerate(sounds.data)]
    pipeline = make_heart_pipeline("cnn", random_state=0).set_params(
        logmel__duration=3,
        logmel__pad="mask",
        clf=AttentionCNNClassifier(channels=(4, 8), max_epochs=1, masked=True, random_state=0),
    )
    pipeline.fit(data, sounds.target)
    probabilities = pipeline.predict_proba(data)
    for samples, expected in zip(data, probabilities, strict=True):
        np.testing.assert_array_equal(pipeline.predict_proba([samples])[0], expected)
    first = explain(pipeline, data[:2])[0]
    assert len(first.signal) == 4000
    assert first.features.shape == (30, 64)
    assert first.contribution.shape == (3, 30, 64)
    assert len(first.times) == 30
    np.testing.assert_allclose(first.contribution.sum((1, 2)), first.logits, atol=1e-4)
