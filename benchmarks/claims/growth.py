"""Claim: time and memory grow no faster than the number and the length of the recordings.

    python -m benchmarks.claims.growth [--small] [--plot FILE]

`fit_transform` of arrays and of WAV files, and `fit` and `predict_proba` of a small CNN and of the
default one, at five sizes up to 16 times the smallest, in number and in length.

Time: a round takes every size once, in turns. The exponent is the slope of log time over log size
by least squares, of the fastest of the rounds at each size, and at most 1.1 (the lowest and the
highest of a single round stand beside it); no step to twice the size takes more than 3 times as
long. Costs that do not grow are not subtracted, so that exponents below 1 are theirs: making the
net and drawing its first weights in `fit`, Adam's step over all weights, which takes as long
however short the recordings are, and opening a file. All is on one thread: how well threads share
few recordings is another law.

Memory: the peak of resident memory above that before the call, in a fresh process for each size
(with --small, for the smallest and the largest), after a first call on two short recordings; the
lower of two calls counts, since what the allocator keeps differs from one to the next by some MiB.
16 times as many recordings take at most 20 MiB more besides the output of `fit_transform`, so that
nothing else grows with their number; in length, the exponent of the whole is at most 1.1. The net
is the small one, which is quick enough for recordings of the paper's 936 frames in numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from benchmarks import _measure
from benchmarks._measure import MIB, Row, fresh, in_turns

FACTORS = (1, 2, 4, 8, 16)
AXES = ("number", "length")
SR, N_MELS, HOP_SECONDS = 4000, 64, 0.032
SMALL_CNN, DEFAULT_CNN = (8, 16), (64, 128, 256, 256)
AT_MOST_EXPONENT, AT_MOST_STEP, AT_MOST_MIB = 1.1, 3.0, 20.0


class Task(NamedTuple):
    """What is measured, and how large.

    Attributes
    ----------
    make : callable
        Takes a number of recordings and their length, and returns what to call, without
        arguments, and the bytes of what that returns.
    number, length : tuple
        Number and length of the smallest, where the number grows and where the length does.
    many : tuple
        The same where memory is measured and the number grows.
    unit : float
        Seconds of sound in a unit of length.
    """

    make: object
    number: tuple
    length: tuple
    many: tuple | None = None
    unit: float = 1.0

    def size(self, axis, factor, memory=False):
        """Number and length of recordings that are `factor` times the smallest."""
        if axis == "length":
            return self.length[0], factor * self.length[1]
        number, length = self.many if memory else self.number
        return factor * number, length


def _sound(rng, seconds):
    return rng.normal(0, 0.1, round(seconds * SR)).astype(np.float32)


def transform_arrays(number, seconds, sounds=None):
    from skheart import LogMelTransformer

    rng = np.random.default_rng(0)
    sounds = sounds or [_sound(rng, seconds) for _ in range(number)]
    transformer = LogMelTransformer(duration=seconds)
    n_frames = 1 + (round(seconds * SR) - 256) // 128
    return lambda: transformer.fit_transform(sounds), 4 * number * n_frames * N_MELS


def transform_files(number, seconds):
    import soundfile

    folder, rng = tempfile.mkdtemp(), np.random.default_rng(0)  # inside the folder of `_scratch`
    paths = [os.path.join(folder, f"{row}.wav") for row in range(number)]
    for path in paths:
        soundfile.write(path, _sound(rng, seconds), SR)
    return transform_arrays(number, seconds, paths)


def _classifier(number, frames, channels):
    from skheart import AttentionCNNClassifier

    X = np.random.default_rng(0).normal(size=(number, frames, N_MELS)).astype(np.float32)
    clf = AttentionCNNClassifier(
        channels=channels, max_epochs=2, batch_size=8, n_threads=1, random_state=0
    )
    return clf, X, np.arange(number) % 2


def fit(channels):
    def make(number, frames):
        clf, X, y = _classifier(number, frames, channels)
        return lambda: clf.fit(X, y), 0

    return make


def predict(channels):
    def make(number, frames):
        clf, X, y = _classifier(number, frames, channels)
        clf.fit(X[:2], y[:2])
        return lambda: clf.predict_proba(X), 0

    return make


TASKS = {
    "fit_transform, arrays": Task(transform_arrays, (32, 30.0), (64, 7.5), (32, 30.0)),
    "fit_transform, files": Task(transform_files, (32, 30.0), (64, 7.5), (32, 30.0)),
    "fit, small CNN": Task(fit(SMALL_CNN), (16, 128), (16, 117), (16, 936), HOP_SECONDS),
    "predict, small CNN": Task(predict(SMALL_CNN), (16, 128), (16, 117), (16, 936), HOP_SECONDS),
    "fit, default CNN": Task(fit(DEFAULT_CNN), (8, 16), (4, 117), None, HOP_SECONDS),
    "predict, default CNN": Task(predict(DEFAULT_CNN), (8, 16), (4, 117), None, HOP_SECONDS),
}


@contextlib.contextmanager
def _scratch():
    """A folder for all temporary files of the block."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as tempfile.tempdir:
        try:
            yield
        finally:
            tempfile.tempdir = before


def exponent(values, factors=FACTORS):
    """Slope of log value over log size, by least squares."""
    from scipy.stats import linregress

    return linregress(np.log(factors), np.log(values)).slope


# ---------------------------------------------------------------------- time


def measure_times(rounds):
    """Seconds of every task and axis, as arrays (rounds, sizes)."""
    times = {}
    with _scratch():
        for name, task in TASKS.items():
            cases = {
                (axis, factor): task.make(*task.size(axis, factor))[0]
                for axis in AXES
                for factor in FACTORS
            }
            cases["number", 1](), cases["length", 1]()
            measured = in_turns(cases, rounds=rounds, warm_up=0)
            for axis in AXES:
                times[name, axis] = np.array([measured[axis, f] for f in FACTORS]).T
    return times


def time_rows(times):
    rows, steps = [], {}
    for (name, axis), rounds in times.items():
        seconds = rounds.min(axis=0)
        slope = exponent(seconds)
        slopes = [exponent(values) for values in rounds]
        others = {"lowest of a round": min(slopes), "highest": max(slopes)}
        claim = f"Time of {name}, against {axis}"
        rows.append(Row(claim, "(exponent)", slope, others, slope, AT_MOST_EXPONENT, True, 1.0))
        steps[f"{name}, {axis}"] = (seconds[1:] / seconds[:-1]).max()
    worst = max(steps, key=steps.get)
    claim = f"Time, the largest step to twice the size ({worst})"
    rows.append(Row(claim, "times", steps[worst], {}, steps[worst], AT_MOST_STEP, True, 2.0))
    return rows


# ---------------------------------------------------------------------- memory


def print_memory(name, axis, *factors):
    """Print the MiB that a call takes at some sizes: each in all, and for its output."""
    task, found = TASKS[name], []
    with _scratch():
        task.make(2, task.length[1])[0]()
        for factor in factors:
            case, output = task.make(*task.size(axis, int(factor), memory=True))
            found += [min(_peak(case) for _ in range(2)), output / MIB]
    print(*found)


def _peak(case):
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was kept from before would hide what is taken
    _measure.reset_peak()
    before = _measure.peak_mib()
    case()
    return _measure.peak_mib() - before


def measure_memory(factors, together=False):
    """MiB of every task and axis, as arrays (sizes, 2): in all, and of the output.

    Each size in a fresh process, or the sizes of a series together in one, which is quicker.
    """
    code = (
        "import sys; from benchmarks.claims.growth import print_memory; print_memory(*sys.argv[1:])"
    )
    series = [(n, axis) for n, task in TASKS.items() if task.many for axis in AXES]
    groups = [factors] if together else [[factor] for factor in factors]
    points = [(*one, *group) for one in series for group in groups]
    with ThreadPoolExecutor(2) as pool:  # memory does not mind company
        measured = list(pool.map(lambda point: fresh(code, *point, threads=1), points))
    return dict(zip(series, np.reshape(measured, (len(series), len(factors), 2)), strict=True))


def memory_rows(memory, factors):
    rows = []
    for (name, axis), values in memory.items():
        claim, peaks = f"Memory of {name}, against {axis}", values[:, 0]
        if axis == "number":
            beside = values[:, 0] - values[:, 1]
            grown = beside.max() - beside[0]
            others = {"output": values[-1, 1], "beside it at the smallest": beside[0]}
            rows.append(Row(claim, "MiB", peaks[-1], others, grown, AT_MOST_MIB, True))
        else:
            slope = exponent(peaks, factors)
            others = {"MiB at the longest": peaks[-1]}
            rows.append(Row(claim, "(exponent)", slope, others, slope, AT_MOST_EXPONENT, True, 1.0))
    return rows


# ---------------------------------------------------------------------- figure

COLOURS = dict(
    zip(TASKS, ("#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#000000", "#009E73"), strict=True)
)
MARKERS = dict(zip(TASKS, "osD^vP", strict=True))


def plot(times, memory, factors, path):
    """Draw time and memory against the sound in all, both axes logarithmic."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(9, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, axis), rounds in times.items():
        _line(left, name, axis, FACTORS, rounds.min(axis=0))
    for (name, axis), values in memory.items():
        _line(right, name, axis, factors, values[:, 0], memory=True)
    left.set(title="Time, one thread", ylabel="Seconds")
    right.set(title="Memory", ylabel="Peak above the start (MiB)")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="Sound in all (s)")
        axes.grid(alpha=0.3)
    left.plot([5, 40], [0.002, 0.016], color="0.5", ls=":")
    handles = [Line2D([], [], color=COLOURS[n], marker=MARKERS[n], ms=5, label=n) for n in TASKS]
    handles += [
        Line2D([], [], color="0.3", label="more recordings"),
        Line2D([], [], color="0.3", ls="--", marker="o", mfc="white", label="longer recordings"),
        Line2D([], [], color="0.5", ls=":", label="exponent 1"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(path, dpi=100)


def _line(axes, name, axis, factors, values, memory=False):
    task = TASKS[name]
    sizes = [task.size(axis, factor, memory) for factor in factors]
    sound = [number * length * task.unit for number, length in sizes]
    dashed = {"ls": "--", "mfc": "white"} if axis == "length" else {}
    axes.plot(sound, values, color=COLOURS[name], marker=MARKERS[name], ms=5, lw=1.3, **dashed)


def run(small=False, picture=None):
    """Rows of the table; the small size has fewer rounds, and for memory the two ends alone."""
    factors = FACTORS[::4] if small else FACTORS
    memory = measure_memory(factors, together=small)
    times = measure_times(rounds=3 if small else 5)
    if picture:
        plot(times, memory, factors, picture)
    return time_rows(times) + memory_rows(memory, factors)


def main():
    words = sys.argv[1:]
    picture = words[words.index("--plot") + 1] if "--plot" in words else None
    _measure.main(lambda small: run(small, picture))


if __name__ == "__main__":
    main()
