"""Files that hold less than they declare, and valid files that are hard to read."""

import io
import os
import struct
import warnings
import wave

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from skheart.audio import RecordingWarning, read_recording

RNG = np.random.default_rng(0)
SOUND = 0.3 * np.sin(np.arange(20000) / 10) + 0.01 * RNG.normal(size=20000)
WRITABLE = []
for _format in soundfile.available_formats():
    for _subtype in soundfile.available_subtypes(_format):
        try:
            soundfile.write(io.BytesIO(), SOUND[:100], 8000, format=_format, subtype=_subtype)
        except (soundfile.SoundFileError, ValueError, TypeError):
            continue  # libsndfile cannot write it
        if _format not in ("RAW", "SD2"):  # without a header, or in two files
            WRITABLE.append((_format, _subtype))
NO_LENGTH = {"PAF", "PVF", "IRCAM", "XI"}  # formats whose header has none


def written(path, format="WAV", subtype=None, sound=SOUND, rate=8000):
    soundfile.write(path, sound, rate, format=format, subtype=subtype)
    return path.read_bytes()


def read(path, **options):
    """Samples, and the texts of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        samples, _ = read_recording(path, **options)
    assert all(issubclass(w.category, RecordingWarning) for w in caught)
    return samples, [str(w.message) for w in caught]


@pytest.mark.parametrize(("format", "subtype"), WRITABLE)
def test_a_whole_file_is_read_without_a_warning(tmp_path, format, subtype):
    path = tmp_path / "sound"
    written(path, format, subtype)
    samples, said = read(path)
    assert said == []
    if subtype in ("GSM610", "G721_32", "G723_24", "G723_40") or "DWVW" in subtype:
        assert len(SOUND) <= len(samples) < len(SOUND) + 650  # no seeking, whole blocks
    else:
        frames = soundfile.info(path).frames
        expected = soundfile.read(path, frames=frames, dtype="float32", fill_value=0)[0]
        np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-7)
        assert len(samples) >= len(SOUND)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
@pytest.mark.parametrize(("format", "subtype"), WRITABLE)
def test_a_file_that_was_cut_is_refused_or_warned_about(tmp_path, format, subtype, share):
    path = tmp_path / "sound"
    whole = written(path, format, subtype)
    path.write_bytes(whole[: int(share * len(whole))])
    said = samples = None
    try:
        samples, said = read(path)
    except ValueError as error:
        refusal = str(error)
    if said is None:
        assert str(path) in refusal
    else:
        slack = 2304 if format == "MP3" else 400
        assert format in NO_LENGTH or len(samples) > len(SOUND) - slack or len(said) == 1
        assert all(f"'{path}' is incomplete" in text for text in said)


def test_the_warning_says_how_much_is_missing(tmp_path):
    path = tmp_path / "a.wav"
    whole = written(path)
    path.write_bytes(whole[: 44 + 2 * 4000])
    samples, (said,) = read(path)
    np.testing.assert_array_equal(samples, soundfile.read(path, dtype="float32")[0])
    assert len(samples) == 4000
    with wave.open(str(path)) as stream:
        assert stream.getnframes() == 20000
    assert "declares 20000 samples (2.50 s), and 4000 (0.50 s) could be read" in said
    with pytest.warns(wavfile.WavFileWarning, match="prematurely"):
        wavfile.read(path)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_hole_in_ogg_and_streams_one_after_the_other(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    sound = np.tile(SOUND, 10)
    whole = written(path, "OGG", subtype, sound)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(3000) + whole[middle + 3000 :])
    samples, said = read(path)
    assert len(samples) < len(sound)
    assert len(said) == 1
    path.write_bytes(whole + whole)
    samples, said = read(path)
    assert len(samples) < 2 * len(sound)
    assert len(said) == 1


def test_flac_of_unknown_length(tmp_path):
    path = tmp_path / "a.flac"
    data = bytearray(written(path, "FLAC", "PCM_16"))
    known = int.from_bytes(data[18:26], "big")
    assert known & (2**36 - 1) == len(SOUND)
    data[18:26] = (known & ~(2**36 - 1)).to_bytes(8, "big")
    whole, _ = read(path)
    path.write_bytes(data)
    samples, said = read(path)
    np.testing.assert_array_equal(samples, whole)
    assert said == []


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_wav_whose_size_was_never_written(tmp_path, size):
    path = tmp_path / "a.wav"
    data = bytearray(written(path))
    whole, _ = read(path)
    data[4:8] = data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)
    samples, said = read(path)
    np.testing.assert_array_equal(samples, whole)
    assert len(said) == (size == 0)


def test_wav_that_holds_no_samples_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    data = bytearray(written(path, sound=SOUND[:0]))
    path.write_bytes(bytes(data) + b"LIST" + struct.pack("<I", 4) + b"INFO")
    with pytest.raises(ValueError, match=r"a\.wav' is an empty recording: the file holds no"):
        read_recording(path)


@pytest.mark.parametrize("rate", [1, 99, 768_001, 2**31 - 1])
def test_an_implausible_rate_is_refused(tmp_path, rate):
    path = tmp_path / "a.wav"
    data = bytearray(written(path))
    data[24:28] = struct.pack("<I", rate)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"a.wav' has a sampling rate of {rate} Hz.*100 to 768000"):
        read_recording(path, sr=4000)


def test_a_name_that_is_not_utf8(tmp_path):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav"))
    with open(path, "wb") as stream:
        soundfile.write(stream, SOUND, 8000, format="WAV")
    samples, said = read(path)
    assert (len(samples), said) == (len(SOUND), [])
    with open(path, "wb") as stream:
        stream.write(b"nothing")
    with pytest.raises(ValueError, match="caf.*cannot be read as a sound file"):
        read_recording(path)


def test_a_pipe_is_refused(tmp_path):
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"pipe\.wav' is a pipe or a device"):
        read_recording(path)
