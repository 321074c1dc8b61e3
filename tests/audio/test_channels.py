"""How channels become one, and recordings given as arrays."""

import warnings

import numpy as np
import pytest
import soundfile
import soxr
from scipy.io import wavfile

from skheart import LogMelTransformer
from skheart.audio import RecordingWarning, read_recording
from skheart.datasets import make_heart_sounds

SOUND = make_heart_sounds(3, recordings_per_subject=1, duration=3.0, random_state=0).data[0]


def written(tmp_path, *channels, rate=4000):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.column_stack(channels), rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("channels", [(0, 1), (1, 0), (1, 1), (1, 1, 1), (1e-5, 1), (1, 0, 1)])
def test_silent_and_equal_channels_give_the_mono_sound(tmp_path, channels):
    path = written(tmp_path, *(factor * SOUND for factor in channels))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples, _ = read_recording(path)
    np.testing.assert_array_equal(samples, SOUND.astype(np.float32))


@pytest.mark.parametrize("factor", [-1, -0.9, -0.5])
def test_opposite_polarity_does_not_cancel(tmp_path, factor):
    path = written(tmp_path, SOUND, factor * SOUND)
    with pytest.warns(
        RecordingWarning, match=r"a\.wav' has channels that differ .*-1\.00.*channel 0"
    ):
        samples, _ = read_recording(path)
    np.testing.assert_array_equal(samples, SOUND.astype(np.float32))


def test_the_loudest_of_unlike_channels_is_read_and_any_can_be_chosen(tmp_path):
    noise = np.random.default_rng(0).normal(size=SOUND.size) * SOUND.std() / 2
    path = written(tmp_path, noise, SOUND)
    with pytest.warns(RecordingWarning, match="channel 1 of 2, is used"):
        np.testing.assert_array_equal(read_recording(path)[0], SOUND.astype(np.float32))
    np.testing.assert_array_equal(read_recording(path, channel=0)[0], noise.astype(np.float32))
    with pytest.raises(
        ValueError, match=r"a\.wav' has 2 channel\(s\), and channel=2 does not exist"
    ):
        read_recording(path, channel=2)
    for channel in (-1, 1.0, True, "left"):
        with pytest.raises(ValueError, match="channel must be None or an int of at least 0"):
            read_recording(path, channel=channel)


# ---------------------------------------------------------------------- arrays


def features(recording):
    front_end = LogMelTransformer(duration=2, n_mels=16, standardize=False)
    return front_end.fit_transform([recording])


def test_a_rate_is_taken_into_account_in_either_order(tmp_path):
    high = soxr.resample(SOUND, 4000, 44100, quality="HQ")
    expected = features(soxr.resample(high, 44100, 4000, quality="HQ"))
    for pair in ((high, 44100), (44100, high), [high, np.int64(44100)], (list(high), 44100.0)):
        np.testing.assert_allclose(features(pair), expected, atol=1e-4)
    np.testing.assert_array_equal(features((SOUND, 4000)), features(SOUND))
    path = tmp_path / "b.wav"
    wavfile.write(path, 44100, np.round(high * 2**15).astype(np.int16))
    np.testing.assert_allclose(features(wavfile.read(path)), features(str(path)), atol=1e-4)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ((SOUND, 4000), r"one recording with its rate: pass \[\(samples, rate\)\]"),
        ([(SOUND, 1)], "row 0 has a sampling rate of 1 Hz"),
        ([(SOUND, -4000)], "row 0 has a sampling rate of -4000 Hz"),
        ([(SOUND, float("nan"))], "row 0 has a sampling rate of nan Hz"),
        ([np.stack([SOUND, SOUND])], r"row 0 has shape \(2, .*Pass one channel"),
        ([(np.append(SOUND, np.nan), 8000)], "row 0 contains NaN, first at sample"),
    ],
)
def test_wrong_forms_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        LogMelTransformer().fit(X)


@pytest.mark.parametrize("shape", [(1, -1), (-1, 1)])
def test_rows_and_columns_are_recordings(shape):
    np.testing.assert_array_equal(features(SOUND.reshape(shape)), features(SOUND))


INTEGERS = np.round(SOUND * 20000).astype(np.int16)
INTEGERS[100] = -32768


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_integers_in_another_type_give_a_warning(tmp_path, dtype):
    with pytest.warns(RecordingWarning, match="row 0 has .* of up to 32768|up to 32768"):
        features(INTEGERS.astype(dtype))
    if dtype == np.float32:
        path = written(tmp_path, INTEGERS.astype(dtype))
        with pytest.warns(RecordingWarning, match=r"a\.wav' has float samples of up to 32768"):
            read_recording(path)


@pytest.mark.parametrize("recording", [INTEGERS, SOUND, 3 * SOUND / np.abs(SOUND).max()])
def test_usual_units_give_no_warning(recording):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features(recording)
