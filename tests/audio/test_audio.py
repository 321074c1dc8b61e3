"""Reading sound files, and all forms of recordings."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile

from skheart.audio import as_recording_list, load_samples, read_recording


def tone(frequency, rate, seconds=2.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(-0.9, 0.9, size=5000)


def test_pcm16_written_by_the_standard_library(tmp_path, noise):
    integers = np.round(noise * 32768).astype("<i2")
    integers[:2] = -32768, 32767
    path = tmp_path / "pcm.wav"
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, 2000, 0, "NONE", ""))
        stream.writeframes(integers.tobytes())
    samples, rate = read_recording(path)
    assert rate == 2000
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, integers / 32768.0)
    assert samples.min() == -1.0
    assert samples.max() < 1.0


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_what_soundfile_reads_as_float32(tmp_path, name, channels):
    rng = np.random.default_rng(0)
    alike = rng.integers(-(2**14), 2**14, (3000, 1)) + rng.integers(
        -(2**13), 2**13, (3000, channels)
    )
    soundfile.write(tmp_path / name, alike.astype(np.int16), 4000, subtype="PCM_16")
    expected, _ = soundfile.read(tmp_path / name, dtype="float32", always_2d=True)
    samples, _ = read_recording(tmp_path / name)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, expected.mean(axis=1))


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_24", 2**-22),
        ("a.wav", "PCM_32", 2**-24),
        ("a.wav", "FLOAT", 2**-24),
        ("a.wav", "DOUBLE", 2**-24),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-22),
        ("a.aiff", "PCM_16", 2**-15),
        ("a.ogg", None, 0.05),
    ],
)
def test_formats(tmp_path, name, subtype, step):
    sound = tone(100, 4000)
    soundfile.write(tmp_path / name, sound, 4000, subtype=subtype)
    samples, rate = read_recording(str(tmp_path / name))
    assert (rate, samples.shape, samples.dtype) == (4000, sound.shape, np.float32)
    np.testing.assert_allclose(samples, sound, atol=step, rtol=0)
    np.testing.assert_array_equal(read_recording(tmp_path / name, sr=4000)[0], samples)


def test_channels_are_averaged(tmp_path, noise):
    channels = np.column_stack([noise, 0.2 * noise, 0.6 * noise])
    soundfile.write(tmp_path / "a.wav", channels, 4000, subtype="FLOAT")
    samples, _ = read_recording(tmp_path / "a.wav")
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, noise * 0.6, atol=1e-7)


@pytest.mark.parametrize("rate", [1000, 2000, 8000, 44100])
def test_resampled_sine_is_the_sine_at_the_other_rate(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(150, rate), rate, subtype="FLOAT")
    samples, new_rate = read_recording(tmp_path / "a.wav", sr=4000)
    assert (new_rate, samples.dtype) == (4000, np.float32)
    expected = tone(150, 4000)
    assert samples.shape == expected.shape
    # The tone starts and stops abruptly, which rings at the ends.
    np.testing.assert_allclose(samples[1000:-1000], expected[1000:-1000], atol=1e-5)


def test_resampling_agrees_with_scipy_and_does_not_alias(tmp_path):
    band = scipy.signal.firwin(401, 600, fs=8000)
    noise = np.convolve(np.random.default_rng(0).normal(size=16000), band, "same")
    aliased = tone(3000, 8000)  # would appear at 1 kHz
    soundfile.write(tmp_path / "a.wav", noise + aliased, 8000, subtype="FLOAT")
    samples, _ = read_recording(tmp_path / "a.wav", sr=4000)
    expected = scipy.signal.resample_poly(noise, 1, 2, window=("kaiser", 14.0))
    np.testing.assert_allclose(samples[1000:-1000], expected[1000:-1000], atol=1e-4)


def test_unreadable_files(tmp_path, noise):
    (tmp_path / "text.wav").write_text("this is no sound" * 20)
    (tmp_path / "zero.wav").touch()
    (tmp_path / "bare.raw").write_bytes(b"\0" * 100)
    soundfile.write(tmp_path / "header.wav", noise[:0], 4000)
    soundfile.write(tmp_path / "tiny.wav", noise[:1], 44100)
    soundfile.write(tmp_path / "cut.flac", noise, 4000)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    for name, value in (("nan.wav", np.nan), ("inf.wav", -np.inf)):
        noise[17] = value
        soundfile.write(tmp_path / name, noise, 4000, subtype="FLOAT")
    cases = [
        ("absent.wav", FileNotFoundError, "does not exist"),
        (".", IsADirectoryError, "is a folder"),
        ("text.wav", ValueError, "cannot be read as a sound file: Format not recognised"),
        ("bare.raw", ValueError, "cannot be read as a sound file: samplerate"),
        ("cut.flac", ValueError, r"cannot be read as a sound file: |\(0\.00 s\) could be read"),
        ("zero.wav", ValueError, "empty recording: the file has 0 bytes"),
        ("header.wav", ValueError, "empty recording: the file holds no samples"),
        ("tiny.wav", ValueError, "empty recording: it is shorter than a sample at 1000 Hz"),
        ("nan.wav", ValueError, "contains NaN, first at sample 17"),
        ("inf.wav", ValueError, "contains infinity, first at sample 17"),
    ]
    for name, kind, message in cases:
        path = tmp_path / name
        with pytest.raises(kind, match=message) as caught:
            read_recording(path, sr=1000)
        assert f"'{path}'" in str(caught.value)


def test_forbidden_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), 4000)
    # The tests may run as root, who may read everything.
    monkeypatch.setattr("os.access", lambda *args, **kwargs: False)
    with pytest.raises(PermissionError, match=r"a\.wav' is not readable"):
        read_recording(path)


@pytest.mark.parametrize("sr", [0, -1, 4000.5, "4000"])
def test_wrong_rate(tmp_path, sr):
    with pytest.raises(ValueError, match="sr must be None or an int"):
        read_recording(tmp_path / "a.wav", sr=sr)


@pytest.mark.parametrize("path", [3, None, b"a.wav", ["a.wav"]])
def test_wrong_path(path):
    with pytest.raises(TypeError, match="path must be a str or a path object"):
        read_recording(path)


PATHS = ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    "X",
    [
        PATHS,
        tuple(PATHS),
        [Path(path) for path in PATHS],
        np.array(PATHS),
        np.array(PATHS, dtype=object),
        np.array(PATHS)[:, None],
        np.array(PATHS, dtype=object)[:, None],
        [[path] for path in PATHS],
        pd.Series(PATHS, index=[7, 3]),
        pd.Series(PATHS, dtype=object),
        pd.Index(PATHS),
        pd.DataFrame({"path": PATHS}, index=[7, 3]),
        pd.DataFrame({"path": [Path(path) for path in PATHS]}),
    ],
)
def test_forms_of_paths(X):
    assert [str(path) for path in as_recording_list(X)] == PATHS


def test_forms_of_arrays():
    arrays = [np.arange(3), np.ones(5, dtype=np.float32)]
    column = np.empty(2, dtype=object)
    column[:] = arrays
    for X in (arrays, tuple(arrays), column, column[:, None], pd.Series(arrays)):
        taken = as_recording_list(X)
        assert [a is b for a, b in zip(taken, arrays, strict=True)] == [True, True]


@pytest.mark.parametrize(
    "X", [np.ones((2, 1)), np.ones((2, 3)), [[1.0, 2.0], [3.0, 4.0]], pd.DataFrame(np.ones((2, 1)))]
)
def test_numbers_in_two_dimensions_are_left_to_scikit_learn(X):
    assert as_recording_list(X) is None


@pytest.mark.parametrize(
    ("X", "kind", "message"),
    [
        ("a.wav", TypeError, r"pass \[path\]"),
        (Path("a.wav"), TypeError, r"pass \[path\]"),
        (b"a.wav", TypeError, r"pass \[path\]"),
        ([], ValueError, r"0 sample\(s\)"),
        ([0.1, 0.2], ValueError, r"Expected 2D array, got 1D.*Reshape your data.*\[recording\]"),
        (np.zeros(9), ValueError, r"got 1D array instead: 9 numbers"),
        (pd.Series([1, 2]), ValueError, "got 1D array"),
        (["a.wav", np.ones(3)], TypeError, "row 1 is of type ndarray.*row 0 is the path 'a.wav'"),
        ([np.ones(3), "a.wav"], TypeError, "row 1 is the path 'a.wav'.*not both"),
        ([np.ones(3), None], TypeError, "row 1 is of type NoneType"),
        (pd.Series([None, "a.wav"]), TypeError, "row 0 is of type"),
        ([np.ones(3), [1, 2]], TypeError, "row 1 is of type list"),
        ([[1, 2], np.ones(2)], TypeError, "row 1 is of type ndarray, the one at row 0 is a list"),
        ([[1, 2], [3, [4]]], ValueError, "row 1 is a nested list"),
        ([[1, 2], [3, 4, 5]], ValueError, "row 1 is a list of 3 values, not 2"),
        (pd.DataFrame({"path": PATHS, "age": [1, 2]}), ValueError, "2 columns with paths"),
    ],
)
def test_invalid_forms(X, kind, message):
    with pytest.raises(kind, match=message):
        as_recording_list(X)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (np.ones((2, 3)), r"shape \(2, 3\).*Pass one channel"),
        (np.float64(1).reshape(()), r"shape \(\)"),
        (np.ones(3) * 1j, "Complex data not supported: The recording at row 4"),
        (np.array(["x", "y"]), "not numbers"),
        (np.array([1, "y"], dtype=object), "is not an array of numbers"),
        (np.ones(0), "empty"),
        (np.array([0, np.nan]), "NaN, first at sample 1"),
        (np.array([0, 0, -np.inf], dtype=np.float32), "infinity, first at sample 2"),
    ],
)
def test_invalid_arrays(recording, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_samples(recording, 4, 4000)
    assert "at row 4" in str(caught.value)


def test_valid_arrays():
    for dtype in (np.int8, np.int16, np.uint8, np.int64, np.float16, np.float64):
        samples = np.arange(5).astype(dtype)
        assert load_samples(samples, 0, 4000) is samples
    np.testing.assert_array_equal(
        load_samples(np.array([1, 2.5], dtype=object), 0, 4000), [1.0, 2.5]
    )
    np.testing.assert_array_equal(load_samples(pd.Series([1.0, 2.0]), 0, 4000), [1.0, 2.0])


def test_audio_does_without_scikit_learn_and_pandas():
    code = (
        "import sys, numpy, skheart.audio as audio\n"
        "audio.load_samples(audio.as_recording_list([numpy.ones(9)])[0], 0, 4000)\n"
        "assert not {'sklearn', 'pandas', 'librosa', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
