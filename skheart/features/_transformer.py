"""LogMelTransformer: log-mel spectrograms of heart sound recordings."""

from __future__ import annotations

import contextlib
import itertools
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from .._cpu.work import expected_recordings
from .._utils.parallel import map_ranges, progress, read_ahead
from ..audio import is_path, load_kept, load_samples, recording_name, validate_recordings
from ._logmel import LogMel, Moments, standardise
from ._settings import make_plan

# Recordings per task. Moments are combined in these groups whatever n_jobs is, so that the mean and
# standard deviation do not depend on it.
_TASK = 4

# Seconds of sound from which the mel spectrogram is compiled: that takes 0.2 s, and saves 1 ms on
# 30 s of sound.
COMPILE_SECONDS = 2 * 3600


def _is_flat(transformer):
    if not transformer.flatten:
        raise AttributeError(
            "get_feature_names_out and set_output need 2-D output, but flatten=False gives 3-D "
            "output. Set flatten=True."
        )
    return True


class LogMelTransformer(TransformerMixin, BaseEstimator):
    """Transform heart sound recordings to log-mel spectrograms of one size.

    Each recording is cut or padded to `duration`, framed without padding its ends, multiplied by a
    window and Fourier-transformed. The magnitudes are summed by mel filters, and the natural
    logarithm is taken. The defaults are those of [1]_: 30 s at 4 kHz in Hamming windows of 256
    samples with half overlap give 1 + (120000 - 256) // 128 = 936 frames of 64 mel bins. Defaults
    marked "assumed" are not stated in the paper.

    Parameters
    ----------
    sr : int, default=4000
        Sampling rate in Hz. Files and pairs (samples, rate) of another rate are resampled (soxr,
        high quality); arrays alone must have this rate.
    duration : float, default=30.0
        Length in seconds to which every recording is cut or padded; with ``pad="mask"`` the
        maximum length.
    n_fft : int, default=256
        Length of a frame in samples.
    win_length : int, default=None
        Length of the window in samples, at most `n_fft`; a shorter window is centred in the
        frame. ``None`` means `n_fft`.
    hop_length : int, default=128
        Samples between frames.
    window : str or tuple, default="hamming"
        A window of `scipy.signal.get_window`, in its periodic form.
    n_mels : int, default=64
        Number of mel bins.
    fmin : float, default=20.0
        Lowest frequency of the filters in Hz. Assumed.
    fmax : float, default=None
        Highest frequency of the filters in Hz. ``None`` means ``sr / 2``. Assumed.
    htk : bool, default=False
        Use the mel scale of HTK instead of Slaney's. Filters are area-normalised in both cases.
        Assumed.
    power : float, default=1.0
        Exponent of the magnitude: 1 for magnitude, 2 for power. Assumed.
    log_floor : float, default=1e-8
        Added to the filtered magnitude or power before the logarithm, in its unit. Assumed.
    crop : {"center", "start"}, default="center"
        Part of a longer recording to keep. Assumed, as in the baseline of the HSS data set.
    pad : {"repeat", "zero", "mask"}, default="repeat"
        How to pad a shorter recording: with itself, or with zeros at its end. Assumed. "mask":
        no padding; the recording has 1 + (samples - n_fft) // hop_length frames, and the other
        frames are NaN, which a classifier with ``masked=True`` treats as padding.
    standardize : bool, default=True
        Standardise each mel bin to mean 0 and standard deviation 1 over all valid frames of the
        training set. Assumed.
    flatten : bool, default=False
        Return 2-D output, one row per recording, frame after frame, with `get_feature_names_out`
        and `set_output`.
    n_jobs : int, default=None
        Number of threads. ``None`` means 1 unless in a `joblib.parallel_config`; -1 means all
        processors. With 1, a second thread reads files ahead. The result does not depend on it.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    frame_times_ : ndarray of shape (n_frames,)
        Centre of each frame in seconds, from the start of the cut recording.
    mel_frequencies_ : ndarray of shape (n_mels,)
        Centre of each mel filter in Hz.
    mean_ : ndarray of shape (n_mels,) or None
        Mean of each mel bin over the training set, float64; None if ``standardize=False``.
    scale_ : ndarray of shape (n_mels,) or None
        Standard deviation of each mel bin over the training set, float64; 1 for constant bins;
        None if ``standardize=False``.
    n_features_in_ : int
        Samples per row. Defined only when `X` is a 2-D array of numbers.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names. Defined only when `X` is a DataFrame of numbers with string names.

    Notes
    -----
    `X` is one of:

    - a 2-D array of numbers, one recording per row (all of one length);
    - a list, a tuple, a 1-D object array or a Series of arrays of any lengths, each of shape (n,),
      (n, 1) or (1, n);
    - paths (str or Path) as a list, an array, a Series, an Index, an (n, 1) array or a
      one-column DataFrame. Files are decoded, mixed to mono and resampled one at a time, as by
      :func:`skheart.audio.read_recording`;
    - a list of tuples (samples, rate) with the rate in Hz, in either order.

    Integers are divided by the range of their type, so that int16 samples are in [-1, 1), as when
    read from a file; unsigned integers are centred first. Floats are not scaled. With
    ``standardize=False`` nothing is learnt: `fit` checks parameters and arrays and opens no file.

    References
    ----------
    .. [1] Ren, Z., Qian, K., Dong, F., Dai, Z., Nejdl, W., Yamamoto, Y., & Schuller, B. W.
       (2022). Deep attention-based neural networks for explainable heart sound
       classification. Machine Learning with Applications, 9, 100322.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import LogMelTransformer
    >>> rng = np.random.default_rng(0)
    >>> recordings = [rng.normal(size=size) for size in (90000, 120000, 150000)]
    >>> transformer = LogMelTransformer()
    >>> transformer.fit_transform(recordings).shape
    (3, 936, 64)
    >>> transformer.frame_times_[:3].tolist()
    [0.032, 0.064, 0.096]
    """

    _parameter_constraints = {
        "sr": [Interval(Integral, 1, None, closed="left")],
        "duration": [Interval(Real, 0, np.inf, closed="neither")],
        "n_fft": [Interval(Integral, 2, None, closed="left")],
        "win_length": [Interval(Integral, 1, None, closed="left"), None],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "window": [str, tuple],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "fmin": [Interval(Real, 0, None, closed="left")],
        "fmax": [Interval(Real, 0, None, closed="neither"), None],
        "htk": ["boolean"],
        "power": [Interval(Real, 0, np.inf, closed="neither")],
        "log_floor": [Interval(Real, 0, np.inf, closed="neither")],
        "crop": [StrOptions({"center", "start"})],
        "pad": [StrOptions({"repeat", "zero", "mask"})],
        "standardize": ["boolean"],
        "flatten": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        sr=4000,
        duration=30.0,
        n_fft=256,
        win_length=None,
        hop_length=128,
        window="hamming",
        n_mels=64,
        fmin=20.0,
        fmax=None,
        htk=False,
        power=1.0,
        log_floor=1e-8,
        crop="center",
        pad="repeat",
        standardize=True,
        flatten=False,
        n_jobs=None,
        verbose=0,
    ):
        self.sr = sr
        self.duration = duration
        self.n_fft = n_fft
        self.win_length = win_length
        self.hop_length = hop_length
        self.window = window
        self.n_mels = n_mels
        self.fmin = fmin
        self.fmax = fmax
        self.htk = htk
        self.power = power
        self.log_floor = log_floor
        self.crop = crop
        self.pad = pad
        self.standardize = standardize
        self.flatten = flatten
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and learn the mean and standard deviation of each mel bin.

        Parameters
        ----------
        X : array, list, Series or DataFrame
            Recordings or paths; see the notes of the class.
        y : None
            Ignored.

        Returns
        -------
        self : LogMelTransformer
            The fitted transformer.
        """
        self._learn(X, keep=False)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit to recordings and return their features, computed once.

        Parameters
        ----------
        X : array, list, Series or DataFrame
            Recordings or paths; see the notes of the class.
        y : None
            Ignored.

        Returns
        -------
        features : ndarray of shape (n_recordings, n_frames, n_mels), float32
            (n_recordings, n_frames * n_mels) with ``flatten=True``.
        """
        features = self._learn(X, keep=True)
        if self.standardize:

            def finish(rows):
                for row in rows:
                    standardise(features[row], self.mean_, self.scale_)

            map_ranges(finish, len(features), _TASK, effective_n_jobs(self.n_jobs))
        return self._shaped(features)

    def transform(self, X):
        """Compute the features of recordings.

        Parameters
        ----------
        X : array, list, Series or DataFrame
            Recordings or paths; see the notes of the class.

        Returns
        -------
        features : ndarray of shape (n_recordings, n_frames, n_mels), float32
            (n_recordings, n_frames * n_mels) with ``flatten=True``.
        """
        check_is_fitted(self, "mel_frequencies_")
        recordings = validate_recordings(self, X, reset=False)
        features = self._allocate(len(recordings), self._plan)
        self._compute(recordings, self._plan, features, self.mean_, self.scale_)
        return self._shaped(features)

    @available_if(_is_flat)
    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns with ``flatten=True``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Must be the names seen in `fit`. Not used otherwise.

        Returns
        -------
        names : ndarray of str objects
            ``"frame0_mel0"``, ``"frame0_mel1"``, ..., for the times and frequencies in
            `frame_times_` and `mel_frequencies_`.
        """
        check_is_fitted(self, "mel_frequencies_")
        _check_feature_names_in(self, input_features, generate_names=False)
        frames, bins = range(self._plan.n_frames), range(len(self.mel_frequencies_))
        return np.array([f"frame{t}_mel{m}" for t in frames for m in bins], dtype=object)

    @available_if(_is_flat)
    def set_output(self, *, transform=None):
        """Set the container of the output, with ``flatten=True``.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            As in scikit-learn; ``None`` leaves the setting unchanged.

        Returns
        -------
        self : LogMelTransformer
            The transformer itself.
        """
        return super().set_output(transform=transform)

    def _learn(self, X, keep):
        """Set the fitted attributes; with `keep`, return the features before standardisation."""
        recordings = validate_recordings(self, X, reset=True)
        plan = make_plan(self.get_params(deep=False))
        frequencies = plan.frequencies.copy()  # raises if a filter is empty
        features = self._allocate(len(recordings), plan) if keep else None
        mean = scale = None
        if self.standardize:
            total = self._compute(recordings, plan, features)
            mean, scale = total.mean, total.scale
        elif keep:
            self._compute(recordings, plan, features)
        else:
            for row, recording in enumerate(recordings):
                if not is_path(recording):
                    load_samples(recording, row, plan.sr)
        self._plan = plan
        self.mean_, self.scale_ = mean, scale
        self.frame_times_ = plan.frame_times
        self.mel_frequencies_ = frequencies
        return features

    def _compute(self, recordings, plan, features=None, mean=None, scale=None):
        """Features of all recordings, written to `features` where it is an array.

        Returns their moments where they are not standardised by `mean` and `scale`.
        """
        seconds = expected_recordings(len(recordings)) * plan.n_times / plan.sr
        log_mel = LogMel(plan, mean, scale, compiled=seconds >= COMPILE_SECONDS)

        def load(row):
            return load_kept(recordings[row], row, plan)

        def work(rows, loaded):
            batch = list(itertools.islice(loaded, len(rows)))
            if features is None:
                out = self._allocate(len(rows), plan)
            else:
                out = features[rows[0] : rows[-1] + 1]
            try:
                moments = log_mel(batch, out)
            except OverflowError as error:
                row, samples = rows[error.args[0]], batch[error.args[0]]
                load_samples(recordings[row], row, plan.sr)  # raises where that is NaN
                raise ValueError(
                    f"{recording_name(recordings[row], row)} has samples so large that its "
                    f"spectrum overflows (up to {np.abs(samples).max():.3g}). Scale it to [-1, 1]."
                ) from None
            advance(len(rows))
            return moments

        n_threads = effective_n_jobs(self.n_jobs)
        with contextlib.ExitStack() as stack:
            advance = stack.enter_context(progress(len(recordings), "log-mel", self.verbose))
            if n_threads == 1 and is_path(recordings[0]):
                ahead = stack.enter_context(read_ahead(load, range(len(recordings))))
                moments = map_ranges(lambda rows: work(rows, ahead), len(recordings), _TASK, 1)
            else:
                moments = map_ranges(
                    lambda rows: work(rows, map(load, rows)), len(recordings), _TASK, n_threads
                )
        return Moments.together(moments) if mean is None else None

    def _allocate(self, n_recordings, plan):
        shape = (n_recordings, plan.n_frames, len(plan.frequencies))
        return np.empty(shape, dtype=np.float32)

    def _shaped(self, features):
        return features.reshape(len(features), -1) if self.flatten else features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Paths are a list of files, not a table of strings.
        tags.input_tags.string = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
