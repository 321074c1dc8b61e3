"""The log-mel spectrogram of LANES frames at a time, a frame in each lane of the vectors.

The numbers are float64 up to the squares: a rounding error of float32 in loud bins is larger than
the content of quiet ones, of all those above the old Nyquist frequency in a resampled file. From
there on they are float32, whose errors are relative to what they stand for.

The transform is one of real numbers, in place: four transforms of `size` points become one of
four times as many, until there is one. The numbers of a transform stand in the order Re 0, Re 1,
..., Re size / 2, Im size / 2 - 1, ..., Im 1, and four are read from the places to which their
successor is written.
"""

from __future__ import annotations

import functools
import math
import threading

import numpy as np

from .lanes import LANES, Function, store

_ARGUMENTS = {
    "n_recordings": "i8",
    "addresses": "i8*",  # (n_recordings,) of the samples of each
    "frames": "i8",
    "hop_length": "i8",
    "window": "f8*",  # (n_fft,)
    "groups": "i8*",  # the first sample of each group that is transformed in registers
    "turns": "f8*",  # the angles of the passes
    "n_mels": "i8",
    "bins": "i8*",  # (n_mels,) the first bin of each filter
    "spans": "i8*",  # (n_mels + 1,) where the weights of each filter start
    "weights": "f4*",
    "log_floor": "f4",
    "mean": "f8*",  # (n_mels,) subtracted from the logarithms
    "factor": "f8*",  # (n_mels,) by which they are then multiplied
    "work": "f8*",  # (n_fft, LANES)
    "magnitudes": "f4*",  # (1 + n_fft // 2, LANES)
    "finished": "f4*",  # (n_mels, LANES)
    "first": "f8*",  # (n_mels,) out: the logarithms in the first frame,
    "sums": "f8*",  # (n_mels, LANES) out: the sums of the differences from them,
    "squares": "f8*",  # (n_mels, LANES) out: the sums of their squares,
    "total": "f8*",  # (LANES,) out: the sum of all sums, not finite where a feature is not
    "out": "f4*",  # (n_recordings, frames, n_mels)
}


def is_made_for(n_fft, n_mels, power, log_floor):
    """Whether `Spectrogram` is for these settings; the floor hides what float32 cannot hold."""
    power_of_two = n_fft >= 16 and n_fft & (n_fft - 1) == 0
    return power_of_two and n_mels >= LANES and power in (1, 2) and log_floor >= 1e-16


class Spectrogram:
    """The compiled function for a plan, its tables, and a working memory for one thread.

    Parameters
    ----------
    plan : Plan
        What is to be computed.
    mean, scale : ndarray of shape (n_mels,) or None
        By which the features are standardised.
    """

    def __init__(self, plan, mean, scale):
        n_fft, n_mels = len(plan.window), len(plan.frequencies)
        groups, turns = _tables(n_fft)
        filters = plan.filters
        self._settings = n_fft, int(plan.power)
        self._plan, self._n_mels = plan, n_mels
        self._first = _aligned(n_mels, np.float64)
        self._sums = _aligned((2, n_mels, LANES), np.float64)
        self._total = _aligned(LANES, np.float64)
        factor = None if scale is None else 1 / scale
        self._kept = {
            "hop_length": int(plan.hop_length),
            "window": np.array(plan.window, dtype=np.float64),
            "groups": groups,
            "turns": turns,
            "n_mels": n_mels,
            "bins": filters.indices[filters.indptr[:-1]].astype(np.int64),
            "spans": filters.indptr.astype(np.int64),
            "weights": filters.data.astype(np.float32),
            "log_floor": float(plan.log_floor),
            "mean": _of_each_mel(0.0 if mean is None else mean, n_mels),
            "factor": _of_each_mel(1.0 if factor is None else factor, n_mels),
            "work": _aligned((n_fft, LANES), np.float64),
            "magnitudes": _aligned((1 + n_fft // 2, LANES), np.float32),
            "finished": _aligned((n_mels, LANES), np.float32),
            "first": self._first,
            "sums": self._sums[0],
            "squares": self._sums[1],
            "total": self._total,
        }
        self._fixed = [getattr(v, "ctypes", v) for v in self._kept.values()]
        self._fixed = [getattr(v, "data", v) for v in self._fixed]

    def __call__(self, recordings, out):
        """Write the features of recordings into `out`, (len(recordings), frames, mels) float32.

        All have so many frames. The recordings are lists of samples, float32 or float64,
        whichever: with the same result. Returns whether all magnitudes are within float32; if not,
        `out` is of no use.
        """
        kind = "f4" if all(samples.dtype == np.float32 for samples in recordings) else "f8"
        recordings = [np.require(samples, kind, "CA") for samples in recordings]
        shapes = {(len(recordings), self._n_frames(s), self._n_mels) for s in recordings}
        if shapes != {out.shape} or not _is_plain(out):
            raise ValueError(f"Recordings and output are not of one size: {shapes}, {out.shape}.")
        addresses = np.array([samples.ctypes.data for samples in recordings], dtype=np.int64)
        run, self._count = _compiled(*self._settings, kind), len(out) * out.shape[1]
        run(len(out), addresses.ctypes.data, out.shape[1], *self._fixed, out.ctypes.data)
        return math.isfinite(sum(self._total.tolist()))

    def _n_frames(self, samples):
        """Frames of a recording; None where it has another size than the plan says."""
        plan = self._plan
        fits = samples.size == plan.n_times or plan.pad == "mask"
        return plan.frames_of(samples.size) if fits and samples.ndim == 1 else None

    def moments(self):
        """Count, mean and sum of squared deviations of each bin over the last call.

        They are those before standardisation. The sums are of differences from the first
        frame, which is never far from the mean in units of the deviation.
        """
        sums, squares = self._sums.sum(axis=2)
        squares = np.maximum(squares - sums**2 / self._count, 0)
        return self._count, self._first + sums / self._count, squares


def _of_each_mel(values, n_mels):
    return np.array(np.broadcast_to(values, n_mels), dtype=np.float64)


def _is_plain(out):
    return out.dtype == np.float32 and out.flags.c_contiguous


def _aligned(shape, dtype):
    """An array that starts where a line of the cache starts, for vectors that fill one."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(size + 64, dtype=np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)


_lock = threading.Lock()


def _compiled(n_fft, power, kind):
    """The function of _ARGUMENTS for frames of n_fft samples of the type `kind`."""
    with _lock:  # or threads that start together would all compile it
        return _compile(n_fft, power, kind)


@functools.lru_cache(maxsize=64)
def _compile(n_fft, power, kind):
    function = Function(_ARGUMENTS)
    a = function.arguments
    sums, squares, total = (a[name].rows() for name in ("sums", "squares", "total"))
    zero = function.number(0.0).spread()
    with function.loop(0, a["n_mels"]) as mel:
        sums[mel], squares[mel] = zero, zero
    with function.loop(0, a["n_recordings"]) as number:
        samples = a["addresses"][number].pointer(kind)
        out = a["out"].at(number * a["frames"] * a["n_mels"])
        with function.loop(0, a["frames"], LANES) as start:
            # Lanes beyond the last frame repeat it, and write it once more.
            last = a["frames"] - 1
            frames = [(start + k).where(start + k < last, last) for k in range(LANES)]
            rows = [out.at(frame * a["n_mels"]) for frame in frames]
            frames = [samples.at(frame * a["hop_length"]) for frame in frames]
            _transform_groups(function, frames, rows, n_fft)
            _transform(function, n_fft)
            _magnitudes(function, n_fft, power)
            _mels(function, start, (number + start) < 1)
            _write(function, rows)
    with function.loop(0, a["n_mels"], carry=zero) as (mel, carried):
        carried.append(carried[0] + sums[mel])
    total[0] = carried[-1]
    return function.compile()


@functools.lru_cache(maxsize=64)
def _tables(n_fft):
    """The groups and the turns of a transform."""
    order, size = _order(list(range(n_fft))), _group(n_fft)
    groups = np.array(order[::size], dtype=np.int64)
    turns = [0.0]  # never empty
    while size < n_fft:
        turns += [number for k in range(1, size // 2) for number in _turn(size, k)]
        size *= 4
    return groups, np.array(turns)


def _group(n_fft):
    """The points that are transformed in registers: the rest is a power of four."""
    return 16 if n_fft.bit_length() % 2 else 8


def _order(samples):
    """The samples in the order in which the transform takes them."""
    if len(samples) <= 2:
        return samples
    return [sample for first in range(4) for sample in _order(samples[first::4])]


def _turn(size, k):
    """Cosine and sine of the angles that turn bin k of transforms 1, 2 and 3 out of four."""
    angles = -2 * np.pi * k * np.arange(1, 4) / (4 * size)
    return np.column_stack([np.cos(angles), np.sin(angles)]).ravel().tolist()


def _transform_groups(function, frames, rows, n_fft):
    """Load the samples of a group, multiply by the window, and transform in registers."""
    a, size = function.arguments, _group(n_fft)
    places, work = _order(list(range(n_fft)))[:size], a["work"].rows()
    with function.loop(0, n_fft // size) as group:
        first = a["groups"][group]
        # A fifth of the time is spared by fetching a share of the next frames, and of the output.
        for frame, row in zip(frames, rows, strict=True):
            frame.at(a["hop_length"] * LANES + group * size).prefetch()
            row.at(group * size).prefetch(write=True)
        values = []
        for place in places:
            sample = first + place
            lanes = function.gather([frame[sample] for frame in frames]).to("f8")
            values.append(lanes * a["window"][sample])
        done = 1
        if size == 8:
            done = 2
            for k in range(0, size, 2):
                x, y = values[k : k + 2]
                values[k : k + 2] = x + y, x - y
        while done < size:
            for at in range(0, size, 4 * done):
                _join_ends(values, at, done)
                for k in range(1, (done + 1) // 2):
                    _join(values, at + k, at + done - k, done, _turn(done, k))
            done *= 4
        for k, value in enumerate(values):
            work[group * size + k] = value


def _transform(function, n_fft):
    """The passes over the groups."""
    a, size, passed = function.arguments, _group(n_fft), 1
    work = a["work"].rows()
    while size < n_fft:
        with function.loop(0, n_fft, 4 * size) as at:
            _join_ends(work, at, size)
        with function.loop(1, size // 2) as k:
            turn = [a["turns"][k * 6 + (passed - 6 + number)] for number in range(6)]
            with function.loop(0, n_fft, 4 * size) as at:
                _join(work, at + k, at - k + size, size, turn)
        passed += 6 * (size // 2 - 1)
        size *= 4


def _join_ends(rows, at, size):
    """Join bins 0 and size / 2 of the four transforms from row `at` on, which are real."""
    a, b, c, d = (rows[at + k * size] for k in range(4))
    even, odd = a + c, b + d
    rows[at], rows[at + 2 * size] = even + odd, even - odd
    rows[at + size], rows[at + 3 * size] = a - c, d - b
    if size == 1:
        return
    at = at + size // 2
    a, b, c, d = (rows[at + k * size] for k in range(4))
    even, odd = (b - d) * 0.5**0.5, (b + d) * 0.5**0.5
    rows[at], rows[at + size] = a + even, a - even
    rows[at + 2 * size], rows[at + 3 * size] = c - odd, -c - odd


def _join(rows, re, im, size, turn):
    """Join a bin of four transforms whose real and imaginary parts are in rows `re` and `im`."""
    x, y = [rows[re]], [rows[im]]
    for k in (1, 2, 3):
        p, q, cosine, sine = rows[re + k * size], rows[im + k * size], *turn[2 * k - 2 : 2 * k]
        x.append(p * cosine - q * sine)
        y.append(p * sine + q * cosine)
    a, b, c, d = x[0] + x[2], y[0] + y[2], x[0] - x[2], y[0] - y[2]
    e, f, g, h = x[1] + x[3], y[1] + y[3], x[1] - x[3], y[1] - y[3]
    # Bins k and size + k, and the conjugates of bins 2 size + k and 3 size + k.
    rows[re], rows[im + 3 * size] = a + e, b + f
    rows[re + size], rows[im + 2 * size] = c + h, d - g
    rows[im + size], rows[re + 2 * size] = a - e, f - b
    rows[im], rows[re + 3 * size] = c - h, -d - g


def _magnitudes(function, n_fft, power):
    """The magnitude of each bin, or its square."""
    a = function.arguments
    work, magnitudes = a["work"].rows(), a["magnitudes"].rows()

    def finish(bin_, square):
        square = square.to("f4")
        magnitudes[bin_] = square.sqrt() if power == 1 else square

    for bin_ in (0, n_fft // 2):
        finish(bin_, work[bin_] * work[bin_])
    with function.loop(1, n_fft // 2) as bin_:
        re, im = work[bin_], work[-bin_ + n_fft]
        finish(bin_, re * re + im * im)


def _mels(function, start, is_first):
    """The logarithm of each filtered spectrum, its moments, and what it is to be written as."""
    a = function.arguments
    magnitudes, finished = a["magnitudes"].rows(), a["finished"].rows()
    sums, squares = a["sums"].rows(), a["squares"].rows()
    lanes = function.gather([start + k for k in range(LANES)])
    with function.loop(0, a["n_mels"]) as mel:
        first, span = a["bins"][mel], a["spans"][mel]
        floor = a["log_floor"].spread()
        with function.loop(span, a["spans"][mel + 1], carry=floor) as (k, carried):
            carried.append(carried[0] + magnitudes[k - span + first] * a["weights"][k])
        logarithm = _log(carried[-1]).to("f8")
        origin = logarithm.lane(0).where(is_first, a["first"][mel])
        a["first"][mel] = origin
        difference = logarithm - origin
        difference = difference.where(lanes < a["frames"], 0.0)
        sums[mel] = sums[mel] + difference
        squares[mel] = squares[mel] + difference * difference
        finished[mel] = ((logarithm - a["mean"][mel]) * a["factor"][mel]).to("f4")


@functools.cache
def _log_coefficients():
    """Those of (log(1 + x) - x) / x**2 between sqrt(1/2) - 1 and sqrt(2) - 1, as a polynomial.

    Fitted by least squares, weighted by what an error means for log(1 + x), at points that crowd
    at the ends. The relative error is 5e-9, that of float32 6e-8.
    """
    low, high = 0.5**0.5 - 1, 2**0.5 - 1
    x = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    y = np.log1p(x)
    return np.polyfit(x, (y - x) / x**2, 8, w=x**2 / np.abs(y)).tolist()


def _log(x):
    """The natural logarithm of positive float32; NaN for infinity and NaN."""
    bias, bits = 127, x.bits("i4")
    one = bias << 23
    # x = mantissa * 2**exponent with the mantissa from sqrt(1/2) to sqrt(2).
    exponent = (bits + (one - int(np.float32(0.5**0.5).view(np.int32)))) >> 23
    mantissa = (bits - (exponent << 23) + one).bits("f4")
    rest = mantissa - 1.0
    first, *others = _log_coefficients()
    series = rest * first
    for coefficient in others[:-1]:
        series = (series + coefficient) * rest
    result = (series + others[-1]) * (rest * rest) + rest
    result = (exponent - bias).to("f4") * float(np.log(2)) + result
    return result.where(x < float("inf"), float("nan"))


def _write(function, rows):
    """Write the features of each frame in a row: LANES mel bins at a time, turned by shuffles."""
    a = function.arguments
    finished = a["finished"].rows()
    with function.loop(0, a["n_mels"], LANES) as mel:
        last = a["n_mels"] - LANES  # the last ones are written again if they are not LANES
        mel = mel.where(mel < last, last)
        tile = [finished[mel + k] for k in range(LANES)]
        half = LANES // 2
        for _ in range(LANES.bit_length() - 1):
            pairs = zip(tile[:half], tile[half:], strict=True)
            tile = [vector for x, y in pairs for vector in x.interleave(y)]
        for row, vector in zip(rows, tile, strict=True):
            store(row.at(mel), vector)
