"""Formats of phones, written by PyAV."""

import sys

import av
import numpy as np
import pytest

from skheart.audio import RecordingWarning, read_recording

RATES = {"libopus": 48000, "libopencore_amrnb": 8000}
FILES = [
    ("a.m4a", "ipod", "aac"),
    ("a.mp4", "mp4", "aac"),
    ("a.3gp", "3gp", "libopencore_amrnb"),
    ("a.aac", "adts", "aac"),
    ("a.amr", "amr", "libopencore_amrnb"),
    ("a.webm", "webm", "libopus"),
]


def beats(rate, seconds=3.0):
    """Bursts of 200 Hz, at times that are not evenly spaced."""
    times = np.arange(int(seconds * rate)) / rate
    loud = np.isin((times * 8).astype(int), [1, 3, 8, 10, 16, 21])
    return (0.4 * loud * np.sin(2 * np.pi * 200 * times)).astype(np.float32)


def envelope(sound, rate):
    n = rate // 20
    return np.sqrt((sound[: len(sound) // n * n].reshape(-1, n) ** 2).mean(axis=1))


def write(path, container, codec, sound, rate):
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        if codec == "libopencore_amrnb":
            stream.bit_rate = 12200
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate,
                                      frame_size=stream.frame_size or 960)  # fmt: skip
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))


@pytest.fixture(params=FILES, ids=lambda file: file[0])
def phone(request, tmp_path):
    name, container, codec = request.param
    rate = RATES.get(codec, 16000)
    write(tmp_path / name, container, codec, beats(rate), rate)
    return tmp_path / name, rate


def test_phone_formats_give_the_sound(phone):
    path, rate = phone
    samples, found = read_recording(path)
    assert (found, samples.dtype) == (rate, np.float32)
    sound = beats(rate)
    delay = np.correlate(np.abs(samples), np.abs(sound[: 2 * rate]), "valid").argmax()
    assert delay < 0.15 * rate  # encoders begin with silence
    samples = samples[delay : delay + len(sound)]
    assert len(samples) > 0.95 * len(sound)
    expected = envelope(sound[: len(samples)], rate)
    assert np.corrcoef(envelope(samples, rate), expected)[0, 1] > 0.95
    assert samples.std() == pytest.approx(sound.std(), rel=0.1)
    assert read_recording(path, sr=4000)[1] == 4000


def test_a_phone_format_is_known_without_its_suffix(phone):
    path, _ = phone
    expected, _ = read_recording(path)
    other = path.rename(path.with_name("renamed.wav"))
    np.testing.assert_array_equal(read_recording(other)[0], expected)


def test_without_the_extra_the_error_names_it(phone, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        ValueError, match=rf"{phone[0].name}' is in .*pip install 'skheart\[phone\]'"
    ):
        read_recording(phone[0])


def test_damaged_files_are_refused_or_warned_about(phone):
    path, _ = phone
    data, (whole, _) = path.read_bytes(), read_recording(path)
    path.write_bytes(data[: len(data) * 2 // 3])
    if path.suffix in (".m4a", ".mp4", ".3gp"):  # what is needed to decode them is at the end
        with pytest.raises(ValueError, match=f"{path.name}' cannot be read as a sound file"):
            read_recording(path)
    else:
        with pytest.warns(RecordingWarning, match=f"{path.name}' is incomplete"):
            samples, _ = read_recording(path)
        assert 0.5 * len(whole) < len(samples) < 0.8 * len(whole)
    path.write_bytes(b"nothing that makes a sound")
    with pytest.raises(ValueError, match=f"{path.name}' cannot be read as a sound file"):
        read_recording(path)
