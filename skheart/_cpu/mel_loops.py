"""Compiled loops of the mel spectrogram: eight frames side by side in vector registers.

A frame of n_fft real samples is transformed as n_fft / 2 complex numbers, whose real parts are the
even samples and whose imaginary parts the odd ones. A row of the working arrays holds one of these
numbers for each of the eight frames: real parts, then imaginary parts. Passes of radix 4 read rows
a fixed distance apart and write neighbours (Pease, J. ACM 15 (1968) 252).

The inner loops run over the eight lanes. Their number is passed as an argument, because LLVM
unrolls a loop of known length before it could vectorise it.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .mel_spectrogram import LANES

__all__ = ["mel_spectrogram"]

ROW = 2 * LANES


@compiled
def mel_spectrogram(
    samples, window, hop, factors, last_factors, order, root, bins, counts, weights, floor,
    lanes, out,
):  # fmt: skip
    """Fill `out` as `MelSpectrogram` does; `window` is half of the window.

    A filter has `counts` weights from the frequency `bins` on.
    """
    size, n_frames, n_mels = len(order), out.shape[0], out.shape[1]
    a, b = np.empty(size * ROW), np.empty(size * ROW)
    magnitudes = np.empty((size + 1) * LANES, np.float32)
    mels = np.empty(n_mels * LANES, np.float32)
    for start in range(0, n_frames, LANES):
        first = min(start, n_frames - LANES)  # the last frames again, to fill all lanes
        _load(samples[first * hop :], hop, window, a)
        done = 1
        for at in range(0, len(factors), size // 4):
            done *= 4
            _transform(a, b, factors[at : at + size // 4], lanes)
            a, b = b, a
        if done < size:
            _transform_pairs(a, b, lanes)
            a, b = b, a
        _square(a, order, last_factors, lanes, magnitudes)
        if root:
            _root(magnitudes)
        _filter(magnitudes, bins, counts, weights, floor, mels)
        _store(mels, first, out)


@compiled
def _load(samples, hop, window, rows):
    """Multiply eight frames by the window, and put sample n of each into half row n."""
    x0, x1, x2, x3 = samples, samples[hop:], samples[2 * hop :], samples[3 * hop :]
    x4, x5, x6, x7 = samples[4 * hop :], samples[5 * hop :], samples[6 * hop :], samples[7 * hop :]
    for n in range(len(window)):
        w, y = window[n], rows[n * LANES :]
        y[0], y[1], y[2], y[3] = w * x0[n], w * x1[n], w * x2[n], w * x3[n]
        y[4], y[5], y[6], y[7] = w * x4[n], w * x5[n], w * x6[n], w * x7[n]


@compiled
def _transform(a, b, factors, lanes):
    """Transform the rows t + (0, 1, 2, 3) * quarter to the rows 4 t + (0, 1, 2, 3)."""
    quarter = len(factors)
    for t in range(quarter):
        p, q = a[t * ROW :], a[(t + quarter) * ROW :]
        r, s = a[(t + 2 * quarter) * ROW :], a[(t + 3 * quarter) * ROW :]
        y = b[4 * t * ROW :]
        c1, s1, c2 = factors[t, 0], factors[t, 1], factors[t, 2]
        s2, c3, s3 = factors[t, 3], factors[t, 4], factors[t, 5]
        for k in range(lanes):
            i = k + LANES  # the imaginary part
            even, even_i, odd, odd_i = p[k] + r[k], p[i] + r[i], q[k] + s[k], q[i] + s[i]
            y[k], y[i] = even + odd, even_i + odd_i
            u, v = even - odd, even_i - odd_i
            y[k + 2 * ROW], y[i + 2 * ROW] = u * c2 - v * s2, u * s2 + v * c2
            even, even_i, odd, odd_i = p[k] - r[k], p[i] - r[i], q[k] - s[k], q[i] - s[i]
            u, v = even + odd_i, even_i - odd
            y[k + ROW], y[i + ROW] = u * c1 - v * s1, u * s1 + v * c1
            u, v = even - odd_i, even_i + odd
            y[k + 3 * ROW], y[i + 3 * ROW] = u * c3 - v * s3, u * s3 + v * c3


@compiled
def _transform_pairs(a, b, lanes):
    """The last pass where radix 4 leaves a factor of 2; it needs no twiddle factors."""
    half = len(a) // (2 * ROW)
    for t in range(half):
        p, q, y = a[t * ROW :], a[(t + half) * ROW :], b[2 * t * ROW :]
        for k in range(2 * lanes):
            y[k], y[k + ROW] = p[k] + q[k], p[k] - q[k]


@compiled
def _square(z, order, factors, lanes, out):
    """Square the magnitudes of the frequencies k and size - k of the real frames."""
    size = len(order)
    for k in range(size // 2 + 1):
        a, b = z[order[k] * ROW :], z[order[-k] * ROW :]
        low, high = out[k * LANES :], out[(size - k) * LANES :]
        c, s = factors[k, 0], factors[k, 1]
        for lane in range(lanes):
            i = lane + LANES
            even, even_i, u, v = a[lane] + b[lane], a[i] - b[i], a[i] + b[i], b[lane] - a[lane]
            odd, odd_i = u * c - v * s, u * s + v * c
            low[lane] = (even + odd) ** 2 + (even_i + odd_i) ** 2
            high[lane] = (even - odd) ** 2 + (even_i - odd_i) ** 2


@compiled
def _filter(magnitudes, bins, counts, weights, floor, out):
    """Sum the weighted magnitudes of each filter, in eight sums that stay in a register."""
    n = 0
    for m in range(len(bins)):
        a = b = c = d = e = f = g = h = floor
        x = magnitudes[bins[m] * LANES :]
        for k in range(counts[m]):
            w, i = weights[n], k * LANES
            n += 1
            a, b, c, d = a + w * x[i], b + w * x[i + 1], c + w * x[i + 2], d + w * x[i + 3]
            e, f, g, h = e + w * x[i + 4], f + w * x[i + 5], g + w * x[i + 6], h + w * x[i + 7]
        y = out[m * LANES :]
        y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7] = a, b, c, d, e, f, g, h


@compiled
def _root(values):
    for k in range(len(values)):
        values[k] = np.sqrt(values[k])


@compiled
def _store(mels, first, out):
    for lane in range(LANES):
        frame = out[first + lane]
        for m in range(len(frame)):
            frame[m] = mels[m * LANES + lane]
