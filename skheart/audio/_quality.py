"""Signal quality of recordings."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np

from ._heartbeat import find_rhythm, least_periodicity
from ._reading import is_path, read_recording
from ._recordings import as_float, as_recording_list, is_pair, load_samples, pair_in_order

__all__ = ["RecordingQuality", "has_heartbeat", "measure_quality", "quality"]

AT_ONCE = 64  # seconds transformed at once, which bounds the memory
CLIPPED_RUN = 3  # samples
FLAT_RUN = 0.02  # s
OUTSIDE = 0.005  # of the power, on either side of the occupied bandwidth


class RecordingQuality(NamedTuple):
    """Signal quality of a recording, as `measure_quality` describes it."""

    heartbeat: bool
    heart_rate: float
    periodicity: float
    level: float
    clipped: float
    flat: float
    bandwidth: float
    duration: float


def measure_quality(samples, rate):
    """Measure the signal quality of one recording.

    Parameters
    ----------
    samples : array of shape (n_times,)
        Samples of one channel. Integers are divided by the range of their type; the full scale of
        floats is 1.
    rate : int or float
        Sampling rate of `samples` in Hz.

    Returns
    -------
    quality : RecordingQuality
        Named tuple of

        - ``heartbeat`` (bool): whether a heartbeat was found;
        - ``heart_rate`` (float): its rate in beats per minute; NaN if none was found;
        - ``periodicity`` (float): how regularly the sound recurs 30 to 220 times per minute, from
          0 to 1;
        - ``level`` (float): root mean square without the mean, in dB relative to full scale; minus
          infinity for silence;
        - ``clipped`` (float): fraction of samples in runs of 3 or more at the largest or smallest
          value of the recording;
        - ``flat`` (float): fraction of samples in runs of one value that last 20 ms or longer, as
          in silence and dropouts;
        - ``bandwidth`` (float): occupied bandwidth in Hz, which contains all but the lowest and
          highest 0.5% of the power;
        - ``duration`` (float): in seconds.

    See Also
    --------
    quality : Measure many recordings, or files.

    Notes
    -----
    A periodic envelope is the strongest single sign of a usable phonocardiogram [1]_ [2]_ [3]_. The
    periodicity is the highest peak of an autocorrelation at lags of 0.27 s to 2 s, as in [1]_, but
    of the logarithmic power in the octaves 25 to 50, 50 to 100 and 100 to 200 Hz together: noise of
    one octave, and single loud sounds, matter less than in the envelope of the whole band. A
    heartbeat is found if the periodicity is above 0.18 and above 0.6 divided by the square root of
    the duration in seconds. Recordings shorter than 2 s have a periodicity of 0.

    The thresholds were chosen on recordings of CirCor and PhysioNet 2016 and on generated noise,
    not so that every recording passes. A heartbeat is found in 94% of 1305 recordings of CirCor, at
    the annotated rate within 10% in 93% of those; in 89% to 100% of the recordings of four
    databases of PhysioNet 2016, 96% of those labelled good and 63% of those labelled unsure. It is
    found in none of 200 each of white, pink and brown noise, mains hum and tones, of any duration,
    but in up to a third of 8 s to 15 s of clicks, friction and bursts like speech. A rhythm of
    another origin, such as a ticking clock, counts as a heartbeat.
    ``python -m benchmarks.studies.signal_quality`` measures these figures.

    Clipping and low level are among the measures of [4]_ and [5]_.

    References
    ----------
    .. [1] Springer, D. B., Brennan, T., Ntusi, N., Abdelrahman, H. Y., Zühlke, L. J., Mayosi,
       B. M., Tarassenko, L., & Clifford, G. D. (2016). Automated signal quality assessment of
       mobile phone-recorded heart sound signals. Journal of Medical Engineering & Technology, 40,
       342-355.
    .. [2] Tang, H., Wang, M., Hu, Y., Guo, B., & Li, T. (2021). Automated signal quality assessment
       for heart sound signal by novel features and evaluation in open public datasets. BioMed
       Research International, 2021, 7565398.
    .. [3] Li, T., Qiu, T., & Tang, H. (2013). Optimum heart sound signal selection based on the
       cyclostationary property. Computers in Biology and Medicine, 43, 607-612.
    .. [4] Naseri, H., & Homaeinezhad, M. R. (2012). Computerized quality assessment of
       phonocardiogram signal measurement-acquisition parameters. Journal of Medical Engineering &
       Technology, 36, 308-318.
    .. [5] Grooby, E., Sitaula, C., Fattahi, D., Sameni, R., Tan, K., Zhou, L., King, A.,
       Ramanathan, A., Malhotra, A., Dumont, G. A., & Marzbanrad, F. (2022). Real-time multi-level
       neonatal heart and lung sound quality assessment for telehealth applications. IEEE Access,
       10, 10934-10948.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.audio import measure_quality
    >>> from skheart.datasets import make_heart_sounds
    >>> heart = make_heart_sounds(n_subjects=3, duration=5.0, random_state=0).data[0]
    >>> measure_quality(heart, 4000).heartbeat
    True
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 40000)
    >>> found = measure_quality(noise, 4000)
    >>> found.heartbeat, round(found.level), found.duration
    (False, -20, 10.0)
    """
    if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
        raise TypeError(f"rate must be the sampling rate in Hz. Got {rate!r:.80} instead.")
    return _measure(load_samples((samples, rate), 0, None), rate)


def quality(recordings, sr=None):
    """Measure the signal quality of recordings.

    Parameters
    ----------
    recordings : list, array, Series or DataFrame
        Paths, 1-D arrays, or tuples (samples, rate), as for `skheart.LogMelTransformer`.
    sr : int, default=None
        Sampling rate in Hz of arrays without a rate. Files and tuples have their own.

    Returns
    -------
    table : DataFrame
        One row per recording, in the order of `recordings`, with the columns that `measure_quality`
        describes, after the column ``path`` if the recordings are files.

    See Also
    --------
    measure_quality : The measures, for one array; needs no pandas.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.audio import quality
    >>> from skheart.datasets import make_heart_sounds
    >>> heart = make_heart_sounds(n_subjects=3, duration=5.0, random_state=0).data[0]
    >>> table = quality([heart, np.zeros(20000)], sr=4000)
    >>> table[["heartbeat", "flat", "duration"]]
       heartbeat  flat  duration
    0       True   0.0       5.0
    1      False   1.0       5.0
    """
    import pandas as pd

    items = as_recording_list(recordings)
    items = list(np.asarray(recordings)) if items is None else items
    rows = [_measure(*_load(item, row, sr)) for row, item in enumerate(items)]
    table = pd.DataFrame(rows, columns=RecordingQuality._fields)
    if is_path(items[0]):
        table.insert(0, "path", [str(item) for item in items])
    return table


def _load(recording, row, sr):
    """Return the samples of a recording and their rate."""
    if is_path(recording):
        return read_recording(recording)
    if is_pair(recording):
        return load_samples(recording, row, None), pair_in_order(recording)[1]
    if not isinstance(sr, numbers.Real) or isinstance(sr, bool) or not 0 < sr < math.inf:
        raise ValueError(
            f"sr must be the sampling rate of the arrays in Hz. Got {sr!r}, and the recording at "
            f"row {row} is an array without a rate. Pass sr, or tuples (samples, rate)."
        )
    return load_samples((recording, sr), row, None), sr


def _measure(samples, rate):
    """Return the `RecordingQuality` of checked samples."""
    duration, (clipped, flat) = len(samples) / rate, _find_runs(samples, FLAT_RUN * rate)
    samples, peak = _normalize(samples)
    power = float(np.dot(samples, samples)) / len(samples)
    level, periodicity, heart_rate, bandwidth = -math.inf, 0.0, math.nan, 0.0
    if power > 0:
        level = 10 * math.log10(power) + 20 * math.log10(peak)
        bandwidth = _occupied_bandwidth(samples, rate)
        periodicity, heart_rate = find_rhythm(samples, rate)
    heartbeat = periodicity > least_periodicity(duration)
    return RecordingQuality(
        heartbeat=heartbeat,
        heart_rate=heart_rate if heartbeat else math.nan,
        periodicity=periodicity,
        level=level,
        clipped=clipped,
        flat=flat,
        bandwidth=bandwidth,
        duration=duration,
    )


def has_heartbeat(samples, rate):
    """Return whether a heartbeat is found, as in `measure_quality` and in less time."""
    periodicity, _ = find_rhythm(_normalize(samples)[0], rate)
    return periodicity > least_periodicity(len(samples) / rate)


def _normalize(samples):
    """Return samples divided by their peak, less their mean, in float32, and the peak."""
    samples = as_float(samples)
    peak = float(np.abs(samples).max())
    samples = (samples / (peak or 1)).astype(np.float32)
    samples -= samples.mean(dtype=np.float64).astype(np.float32)
    return samples, peak


def _find_runs(samples, n_flat):
    """Return the fractions of samples in runs at the extremes, and in runs of `n_flat` or more."""
    lowest, highest = samples.min(), samples.max()
    if lowest == highest:
        return 0.0, 1.0
    repeats = np.flatnonzero(samples[1:] == samples[:-1])
    first = np.flatnonzero(np.diff(repeats, prepend=-2) > 1)
    lengths, values = np.diff(first, append=len(repeats)) + 1, samples[repeats[first]]
    extreme = (values == lowest) | (values == highest)
    clipped = lengths[extreme & (lengths >= CLIPPED_RUN)].sum()
    flat = lengths[lengths >= n_flat].sum()
    return float(clipped / len(samples)), float(flat / len(samples))


def _occupied_bandwidth(samples, rate):
    """Return the width in Hz of the band that holds the power, from spectra of 1 s."""
    from scipy.fft import rfft

    size = min(len(samples), round(rate))
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    power = np.zeros(size // 2 + 1)
    for start in range(0, len(samples) - size + 1, AT_ONCE * size):
        frames = samples[start : start + AT_ONCE * size]
        spectrum = rfft(frames[: len(frames) // size * size].reshape(-1, size) * window)
        power += np.square(np.abs(spectrum)).sum(axis=0)
    below = np.append(0, np.cumsum(power))
    edges = np.interp(np.array([OUTSIDE, 1 - OUTSIDE]) * below[-1], below, np.arange(len(below)))
    return float((edges[1] - edges[0]) * rate / size)
