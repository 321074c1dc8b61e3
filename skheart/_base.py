"""The one base class of the classifiers: everything but the choice of the net."""

from __future__ import annotations

import multiprocessing
import warnings
from numbers import Integral, Real

import joblib
import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)
from torch.utils.data import DataLoader

from ._arrays import IndexedRows, check_finite
from ._callbacks import LR_SCHEDULES, check_callback_names, close_progress, trim
from ._chunks import in_chunks
from ._net import make_net, noticing_ctrl_c, resolve_device, torch_settings
from ._routing import check_skorch_params, closest, is_skorch_name
from ._rows import Rows, read_rows
from ._split import plan_rows
from ._targets import check_targets

__all__ = ["AttentionClassifier"]

# Recurrent weights times frames, below which one thread trains faster than several.
SMALL_WORK = 1e8


class AttentionClassifier(ClassifierMixin, BaseEstimator):
    """Base class of the classifiers. A subclass names its net and the parameters of it."""

    _net_params: tuple[str, ...] = ()
    _trains_in_chunks: bool  # whether the threads that train share chunks of recordings

    _parameter_constraints = {
        "rectifier": [StrOptions({"sigmoid", "softmax"})],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES)), None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "oversample": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_mels": [Interval(Integral, 1, None, closed="left"), None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "net_class": [type, None],
        "skorch_params": [dict, None],
    }

    @property
    def _module_class(self):
        raise NotImplementedError

    # ------------------------------------------------------------------ parameters

    def set_params(self, **params):
        """Set parameters of the classifier, and skorch's by skorch's names.

        Parameters
        ----------
        **params : dict
            Parameters of the classifier (``lr=1e-4``), or of the skorch net inside it
            (``optimizer__weight_decay=1e-4``, ``callbacks=[...]``), which are kept in
            `skorch_params`.

        Returns
        -------
        self : object
            The classifier.
        """
        own = self._get_param_names()
        routed = {name: value for name, value in params.items() if is_skorch_name(name)}
        for name in params.keys() - routed.keys():
            if name.partition("__")[0] not in own:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"Valid parameters are: {own}, and skorch's (see 'skorch_params')."
                    f"{closest(name, own)}"
                )
        super().set_params(**{n: v for n, v in params.items() if n not in routed})
        if routed:
            merged = {**(self.skorch_params or {}), **routed}
            self._check_skorch_params(merged)
            self.skorch_params = merged
        return self

    def get_params(self, deep=True):
        """Parameters of the classifier; with ``deep=True`` also skorch's that were set.

        Parameters
        ----------
        deep : bool, default=True
            Add the entries of `skorch_params` under their own names.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.skorch_params, dict):
            params = {**self.skorch_params, **params}
        return params

    def _check_skorch_params(self, skorch_params):
        targets = {
            "module": self._module_class,
            "optimizer": skorch_params.get("optimizer", torch.optim.Adam),
            "criterion": skorch_params.get("criterion", torch.nn.CrossEntropyLoss),
            "iterator_train": skorch_params.get("iterator_train", DataLoader),
            "iterator_valid": skorch_params.get("iterator_valid", DataLoader),
        }
        reserved = {f"module__{name}": name for name in self._net_params}
        reserved |= {"module__n_classes": "y", "module__input_shape": "X", "optimizer__lr": "lr"}
        check_skorch_params(type(self).__name__, skorch_params, targets, reserved)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ------------------------------------------------------------------ fit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the net.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            Log-mel spectrograms; float16, float32, float64 or a memory map, read in batches and
            cast to float32. Rows of a 2-D array are unfolded with `n_mels`; without it, a row is
            a sequence of single-band frames, and a warning says so.
        y : array of shape (n,)
            Labels of any kind.
        sample_weight : array of shape (n,) or None, default=None
            Weight of each recording, not negative. Rows of weight 0 are left out. Whole weights,
            divided by what divides all of them, count as that many equal rows while they average
            at most 10, and make an epoch that much longer; other weights multiply the loss.
        groups : array of shape (n,) or None, default=None
            Subject of each recording; no subject stands on both sides of the internal validation
            split. Unused without `early_stopping`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X or y is not as above, no validation part can be made, or the weights are no longer
            finite.
        """
        for name in ("net_", "history_", "n_iter_", "feature_names_in_"):
            self.__dict__.pop(name, None)  # a fit that fails leaves no older model behind
        skorch_params = self.skorch_params or {}
        self._check_skorch_params(skorch_params)
        device = resolve_device(self.device)
        X = self._check_X(X, reset=True)
        y, sample_weight, groups = check_targets(X, y, sample_weight, groups)
        # Rows of weight 0 are left out of everything, the classes included.
        kept = slice(None) if sample_weight is None else sample_weight > 0
        self.classes_, kept_codes = np.unique(y[kept], return_inverse=True)
        codes = np.zeros(len(y), np.int64)
        codes[kept] = kept_codes
        # None must not draw from numpy's global generator: a fit leaves that as it was.
        random_state = np.random.RandomState() if self.random_state is None else self.random_state
        seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=3).tolist()

        train, weight, valid = plan_rows(
            X,
            codes,
            self.classes_,
            sample_weight=sample_weight,
            groups=groups,
            validation_fraction=self.validation_fraction if self.early_stopping else None,
            oversample=self.oversample,
            class_weight=self.class_weight,
            seeds=seeds[:2],
        )
        train_rows = Rows(X, codes, train, weight)
        valid_rows = None if valid is None else Rows(X, codes, valid)
        net = make_net(self, skorch_params, train_rows, valid_rows, device)
        n_threads = self._n_threads(X.shape[1])
        with torch_settings(device, n_threads, seeds[2], in_chunks=self._trains_in_chunks):
            net.initialize()
            check_callback_names(net, skorch_params)
            net.module_.start_at_prior(np.bincount(codes[train], weight) / len(train))
            with noticing_ctrl_c() as pressed:
                net.partial_fit(train_rows, None)
        if pressed.is_set():
            close_progress(net)
            raise KeyboardInterrupt("training was interrupted; nothing is fitted")
        if not all(weights.isfinite().all() for weights in net.module_.state_dict().values()):
            raise ValueError(
                f"The weights of {type(self).__name__} are no longer finite after "
                f"{len(net.history)} epochs. Reduce lr={self.lr}, or look for extreme values in X."
            )
        trim(net)
        self.net_ = net
        self.history_ = net.history
        self.n_iter_ = len(net.history)
        return self

    def _check_X(self, X, *, reset):
        """X as (n, n_frames, n_mels), with the shape learnt (reset) or compared."""
        if isinstance(X, IndexedRows):  # its rows are those of its base: checked once each
            return IndexedRows(self._check_X(X.base, reset=reset), X.index)
        n_dim = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
        options = {
            "dtype": (np.float32, np.float64, np.float16),
            "ensure_min_samples": 2 if reset else 1,
            "ensure_all_finite": False,  # it is checked below, without a mask of the size of X
        }
        name = type(self).__name__
        if n_dim != 3:
            X = validate_data(self, X, reset=reset, **options)
            check_finite(X, self)
            X = X.reshape(len(X), *self._unfold(X.shape[1], warn=reset))
        else:
            X = check_array(X, allow_nd=True, estimator=name, input_name="X", **options)
            check_finite(X, self)
            if self.n_mels is not None and X.shape[2] != self.n_mels:
                raise ValueError(
                    f"X has {X.shape[2]} mel bins, shape {X.shape}, but {name} has n_mels="
                    f"{self.n_mels}. Set n_mels=None: 3-D input says its own shape."
                )
        shape = X.shape[1:]
        if min(shape) < 1:
            raise ValueError(f"X has the shape {X.shape}: a recording needs a frame and a mel bin.")
        if reset:
            self.input_shape_ = shape
            self.n_features_in_ = shape[0] * shape[1]
        elif shape != self.input_shape_:
            raise ValueError(
                f"X has recordings of {shape[0]} frames x {shape[1]} mel bins, but {name} was "
                f"fitted on {self.input_shape_[0]} x {self.input_shape_[1]}. Use the same "
                "LogMelTransformer for both."
            )
        return X

    def _unfold(self, n_features, *, warn):
        """(n_frames, n_mels) of a row."""
        if self.n_mels is None:
            if warn:
                warnings.warn(
                    f"Each row of X is read as a sequence of {n_features} frames of one band. Pass "
                    "log-mel spectrograms as (n, n_frames, n_mels), or set n_mels to unfold rows.",
                    UserWarning,
                    stacklevel=5,
                )
            return n_features, 1
        if n_features % self.n_mels:
            raise ValueError(
                f"Rows of {n_features} features are no whole number of frames of n_mels="
                f"{self.n_mels}. Set n_mels to that of the LogMelTransformer."
            )
        return n_features // self.n_mels, self.n_mels

    def _n_threads(self, n_frames):
        """Threads on the CPU: where their number may change a model, from its size alone."""
        if self.n_threads is not None:
            return self.n_threads
        if self._trains_in_chunks:
            return torch.get_num_threads()  # in a worker process, as many as joblib leaves it
        n_weights = sum(n_units**2 for n_units in self.units)
        if n_weights * n_frames < SMALL_WORK:
            return 1
        n_cores = joblib.cpu_count(only_physical_cores=True)
        if n_cores > 1 and multiprocessing.current_process().name.startswith("Loky"):
            warnings.warn(
                f"{type(self).__name__} uses {n_cores} threads in a worker process, so that the "
                "model does not depend on n_jobs. Where several workers train large nets, set "
                "n_threads=1.",
                UserWarning,
                stacklevel=2,
            )
        return n_cores

    # ------------------------------------------------------------------ predict

    def decision_function(self, X):
        """Logits.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            As for `fit`.

        Returns
        -------
        logits : array of shape (n, n_classes), or (n,) for two classes
            For two classes, the logit of ``classes_[1]`` less that of ``classes_[0]``.
        """
        logits = self._logits(X)
        if logits.shape[1] == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def predict_proba(self, X):
        """Class probabilities.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            As for `fit`.

        Returns
        -------
        probabilities : array of shape (n, n_classes)
            In the order of `classes_`; a row sums to 1.
        """
        return softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Labels.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            As for `fit`.

        Returns
        -------
        labels : array of shape (n,)
            The most probable class of each recording.
        """
        logits = self._logits(X)
        return self.classes_[logits.argmax(axis=1)]

    def _predict_rows(self):
        """Recordings that a thread of the CPU predicts at once."""
        raise NotImplementedError

    def _logits(self, X):
        check_is_fitted(self, "net_")
        X = self._check_X(X, reset=False)
        logits = np.empty((len(X), len(self.classes_)))

        def collect(start, chunk):
            chunk = chunk.float().cpu().numpy()
            logits[start : start + len(chunk)] = chunk[: len(X) - start]

        self._infer(X, collect)
        self._check_logits(logits)
        return logits

    def _infer(self, X, collect, **params):
        """Run the net on checked X and hand each batch's first row and output to `collect`.

        The last batch may be longer than what is left of X. `params` are for the module.
        """
        net = self.net_
        device = next(net.module_.parameters()).device
        size = self._predict_rows() if device.type == "cpu" else self.batch_size
        reduced = self.precision == "bfloat16"
        dtype = torch.bfloat16 if reduced else torch.float32

        def predict(start):
            # Every batch has the same number of rows, the last one filled up with its last row: the
            # number changes the order of sums, and a prediction must not depend on it.
            rows = np.minimum(np.arange(start, start + size), len(X) - 1)
            # A value beyond float32 becomes infinite here, and is found later with its row.
            batch = read_rows(X, rows)
            with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
                collect(start, net.infer(batch, **params))

        net.module_.eval()
        n_threads = 1 if device.type == "cuda" else self.n_threads or torch.get_num_threads()
        with torch_settings(device, n_threads), net.module_.predicting(dtype):
            in_chunks(predict, range(0, len(X), size))

    @staticmethod
    def _check_logits(logits):
        wrong = np.flatnonzero(~np.isfinite(logits).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"X has values too large for the net: the logits of {len(wrong)} recordings are "
                f"not finite, the first in row {wrong[0]}. Use the LogMelTransformer that the "
                "classifier was trained with."
            )
