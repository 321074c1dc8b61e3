"""How often `skheart.audio.measure_quality` finds a heartbeat, where there is one and elsewhere.

    python -m benchmarks.studies.signal_quality [--circor FOLDER] [--physionet2016 FOLDER] [--small]

Prints two tables. Real recordings: how many have a heartbeat by database, and by the quality
labels of PhysioNet 2016 (1 good, 0 unsure); for CirCor, whose annotations tell it, also how often
the heart rate found is within 10% of the annotated one. Generated sounds without a heartbeat: the
fraction in which one is found, by duration, of 200 of each kind. The thresholds were chosen on
these real recordings, and on sounds like the generated ones from other random numbers. 2 minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from skheart.audio import measure_quality, quality

RATE = 4000  # Hz
DURATIONS = (0.5, 2, 4, 8, 15, 30)  # s
PITCHES = (90, 250)  # Hz


def noise(rng, n, slope=0):
    """Noise whose power falls with the frequency to the power of `slope`."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    spectrum[0] = 0
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (slope / 2)
    return np.fft.irfft(spectrum, n)


def hum(rng, n):
    """Mains hum with two harmonics and faint noise."""
    phases = 2 * np.pi * (np.arange(n) * 50 / RATE + rng.random())
    return sum(np.sin(k * phases) / k for k in (1, 2, 3)) + 1e-3 * rng.normal(size=n)


def speech(rng, n):
    """Bursts like syllables: harmonics of a pitch with noise, and pauses between them."""
    sound, start = 1e-3 * rng.normal(size=n), 0
    while start < n:
        size = min(int(RATE * rng.uniform(0.08, 0.35)), n - start)
        phase = 2 * np.pi * rng.uniform(*PITCHES) * np.arange(size) / RATE
        burst = sum(np.sin(k * phase + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 8))
        gain = 10 ** rng.uniform(-0.5, 0)
        burst = (burst + 0.3 * rng.normal(size=size)) * np.hanning(size) * gain
        sound[start : start + size] += burst
        pause = rng.uniform(0.02, 0.2) if rng.random() < 0.8 else rng.uniform(0.3, 1)
        start += size + int(RATE * pause)
    return sound


def clicks(rng, n, per_second=1.2):
    """Clicks at random times, of random length and loudness."""
    sound, size = 1e-3 * rng.normal(size=n), 200
    for start in rng.integers(max(1, n - size), size=rng.poisson(per_second * n / RATE)):
        decay = np.exp(-np.arange(size) / rng.uniform(10, 60)) * 10 ** rng.uniform(-1, 0)
        sound[start : start + size] += rng.normal(size=size) * decay
    return sound


def friction(rng, n):
    """Pink noise whose loudness changes at random, about 3 times a second."""
    knots = np.arange(0, n / RATE + 0.15, 0.15)
    loudness = np.exp(np.interp(np.arange(n) / RATE, knots, rng.normal(size=len(knots))))
    return loudness * noise(rng, n, slope=1)


SOUNDS = {
    "silence": lambda rng, n: np.zeros(n),
    "constant": lambda rng, n: np.full(n, rng.uniform(-1, 1)),
    "white noise": noise,
    "pink noise": lambda rng, n: noise(rng, n, slope=1),
    "brown noise": lambda rng, n: noise(rng, n, slope=2),
    "tone, 440 Hz": lambda rng, n: np.sin(2 * np.pi * (440 * np.arange(n) / RATE + rng.random())),
    "hum, 50 Hz": hum,
    "friction": friction,
    "clicks": clicks,
    "clicks, many": lambda rng, n: clicks(rng, n, per_second=4),
    "bursts like speech": speech,
}


def false_detections(number):
    """Return the fraction of sounds with a heartbeat, by kind and duration."""
    return pd.DataFrame(
        {
            f"{seconds:g} s": {
                kind: np.mean(
                    [
                        measure_quality(make(rng, int(seconds * RATE)), RATE).heartbeat
                        for rng in map(np.random.default_rng, range(1000, 1000 + number))
                    ]
                )
                for kind, make in SOUNDS.items()
            }
            for seconds in DURATIONS
        }
    )


def annotated_rate(segmentation):
    """Return the heart rate by annotated first heart sounds, in beats per minute."""
    starts = segmentation.loc[segmentation["state"] == "S1", "start"]
    beats = np.diff(starts)
    return 60 / np.median(beats[beats < 2.2])  # longer ones span what is not annotated


def summarise(found, **columns):
    return {
        "recordings": len(found),
        "heartbeat": found["heartbeat"].mean(),
        "periodicity, median": found["periodicity"].median(),
        **columns,
    }


def real_recordings(circor, physionet2016, small):
    """Return the table of real recordings."""
    from skheart.datasets import load_circor, load_physionet2016

    rows, step = {}, 20 if small else 1
    if circor:
        data = load_circor(circor)
        found = quality(data.data[::step])
        true = np.array([annotated_rate(table) for table in data.segmentation[::step]])
        close = np.abs(found["heart_rate"] / true - 1) < 0.1
        rows["CirCor"] = summarise(found, **{"rate right": close[found["heartbeat"]].mean()})
    if physionet2016:
        data = load_physionet2016(physionet2016)
        found, frame = quality(data.data[::step]), data.frame[::step].reset_index(drop=True)
        for name, rows_of in found.groupby(np.asarray(data.database)[::step]):
            rows[f"PhysioNet 2016, {name}"] = summarise(rows_of)
        for label in (1, 0) if "sqi" in frame else ():
            rows[f"PhysioNet 2016, sqi {label}"] = summarise(found[frame["sqi"] == label])
    return pd.DataFrame(rows).T


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--circor", metavar="FOLDER")
    parser.add_argument("--physionet2016", metavar="FOLDER")
    parser.add_argument("--small", action="store_true", help="few sounds, every 20th recording")
    args = parser.parse_args(argv)
    if args.circor or args.physionet2016:
        table = real_recordings(args.circor, args.physionet2016, args.small)
        print(table.to_string(float_format="{:.3f}".format), end="\n\n")
    table = false_detections(5 if args.small else 200)
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
