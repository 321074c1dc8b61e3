"""The mel spectrogram of LANES frames at a time, a frame in each lane of the vector registers.

The transform is one of real numbers, in place: four transforms of `size` points become one of
four times as many, until there is one. The numbers of a transform are in the order Re 0, Re 1,
..., Re size / 2, Im size / 2 - 1, ..., Im 1, and four are read from the places to which their
successor is written.
"""

from __future__ import annotations

import functools
import threading

import numpy as np

from .._utils.parallel import hold_at_fork
from .vector_code import LANES, Function, store

__all__ = ["mel_spectrogram"]


_lock = threading.Lock()
hold_at_fork(_lock)


def mel_spectrogram(samples, window, hop_length, filters, power, floor, out):
    """Fill `out` as `MelSpectrogram` does, in float32 from the magnitudes on.

    The arrays are contiguous; samples are float32 or float64. The window has a power of two of at
    least 16 samples, there are at least LANES filters, and power is 1 or 2.
    """
    n_fft, (n_frames, n_mels) = len(window), out.shape
    groups, turns = _tables(n_fft)
    arrays = {
        "samples": samples,
        "window": window,
        "groups": groups,
        "turns": turns,
        "bins": filters.indices[filters.indptr[:-1]].astype(np.int64),
        "spans": filters.indptr.astype(np.int64),
        "weights": filters.data,
        "work": _aligned((n_fft, LANES), np.float64),
        "magnitudes": _aligned((1 + n_fft // 2, LANES), np.float32),
        "mels": _aligned((n_mels, LANES), np.float32),
        "out": out,
    }
    with _lock:  # or threads that start together would all compile it
        run = _compile(n_fft, int(power), samples.dtype.str[1:])
    addresses = (array.ctypes.data for array in arrays.values())
    run(n_frames, hop_length, n_mels, float(floor), *addresses)


def _aligned(shape, dtype):
    """Return an array that starts at a cache line, for vectors that fill one."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(size + 64, dtype=np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)


@functools.lru_cache(maxsize=64)
def _compile(n_fft, power, kind):
    arguments = {
        "frames": "i8",
        "hop_length": "i8",
        "n_mels": "i8",
        "floor": "f4",
        "samples": f"{kind}*",
        "window": "f8*",  # (n_fft,)
        "groups": "i8*",  # first sample of each group that is transformed in registers
        "turns": "f8*",  # cosines and sines of the passes
        "bins": "i8*",  # (n_mels,) first frequency of each filter
        "spans": "i8*",  # (n_mels + 1,) where the weights of each filter start
        "weights": "f4*",
        "work": "f8*",  # (n_fft, LANES)
        "magnitudes": "f4*",  # (1 + n_fft // 2, LANES)
        "mels": "f4*",  # (n_mels, LANES)
        "out": "f4*",  # (frames, n_mels)
    }
    function = Function(arguments)
    a = function.arguments
    with function.loop(0, a["frames"], LANES) as start:
        # Lanes beyond the last frame repeat it, and write it once more.
        last = a["frames"] - 1
        frames = [(start + k).where(start + k < last, last) for k in range(LANES)]
        rows = [a["out"].at(frame * a["n_mels"]) for frame in frames]
        frames = [a["samples"].at(frame * a["hop_length"]) for frame in frames]
        _transform_groups(function, frames, rows, n_fft)
        _transform(function, n_fft)
        _magnitudes(function, n_fft, power)
        _mels(function)
        _write(function, rows)
    return function.compile()


@functools.lru_cache(maxsize=64)
def _tables(n_fft):
    """First sample of each group, and cosines and sines of the passes."""
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


def _mels(function):
    """Write the filtered spectrum plus the floor."""
    a = function.arguments
    magnitudes, mels = a["magnitudes"].rows(), a["mels"].rows()
    with function.loop(0, a["n_mels"]) as mel:
        first, span = a["bins"][mel], a["spans"][mel]
        floor = a["floor"].spread()
        with function.loop(span, a["spans"][mel + 1], carry=floor) as (k, carried):
            carried.append(carried[0] + magnitudes[k - span + first] * a["weights"][k])
        mels[mel] = carried[-1]


def _write(function, rows):
    """Write each frame as a row: LANES mel bins at a time, transposed by shuffles."""
    a = function.arguments
    mels = a["mels"].rows()
    with function.loop(0, a["n_mels"], LANES) as mel:
        last = a["n_mels"] - LANES  # the last ones are written again if they are not LANES
        mel = mel.where(mel < last, last)
        tile = [mels[mel + k] for k in range(LANES)]
        half = LANES // 2
        for _ in range(LANES.bit_length() - 1):
            pairs = zip(tile[:half], tile[half:], strict=True)
            tile = [vector for x, y in pairs for vector in x.interleave(y)]
        for row, vector in zip(rows, tile, strict=True):
            store(row.at(mel), vector)
