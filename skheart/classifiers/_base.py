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
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch.utils.data import DataLoader

from .._cpu.chunks import in_chunks
from .._utils.random import own_generator
from .._utils.splits import plan_rows
from .._utils.suggest import closest
from .._utils.validation import check_targets
from ..augmentation import Augmentation
from ..nets import detect_ctrl_c, resolve_device, torch_settings
from ._callbacks import LR_SCHEDULES, check_callback_names, close_progress, trim
from ._inputs import check_spectrograms, longest
from ._routing import check_skorch_params, is_skorch_name
from ._rows import Rows, read_rows
from ._skorch_net import make_net

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
        "prior_correction": ["boolean"],
        "augment": [StrOptions({"standard"}), Augmentation, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "masked": ["boolean"],
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
        augment = params.get("augment", self.augment)
        nested = [name for name in params if name.startswith("augment__")]
        if nested and not isinstance(augment, Augmentation):
            raise ValueError(
                f"{nested[0]} needs augment to be an Augmentation, not {augment!r}: set "
                "augment=skheart.augmentation.Augmentation() first."
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
            a sequence of single-band frames, and a warning says so. Frames at the end of a
            recording may be NaN with ``masked=True``.
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
        if self.masked and self.head == "flatten":
            raise ValueError(
                "masked=True needs a head that takes recordings of any length: head='flatten' is "
                "bound to one. Take another head, or masked=False and pad='repeat'."
            )
        X = self._check_X(X, reset=True)
        y, sample_weight, groups = check_targets(X, y, sample_weight, groups)
        # Rows of weight 0 are left out of everything, the classes included.
        kept = slice(None) if sample_weight is None else sample_weight > 0
        self.classes_, kept_codes = np.unique(y[kept], return_inverse=True)
        codes = np.zeros(len(y), np.int64)
        codes[kept] = kept_codes
        generator = own_generator(self.random_state)
        seeds = generator.randint(np.iinfo(np.int32).max, size=3).tolist()

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
        n_threads = self._n_threads(longest(X) if self.masked else X.shape[1])
        with torch_settings(device, n_threads, seeds[2], in_chunks=self._trains_in_chunks):
            net.initialize()
            check_callback_names(net, skorch_params)
            shares = np.bincount(codes[train], weight) / len(train)
            net.module_.add_log_prior(shares)
            with detect_ctrl_c() as pressed:
                net.partial_fit(train_rows, None)
            if self.prior_correction:
                of_y = np.bincount(codes, sample_weight)
                ratio = np.divide(of_y, shares, out=np.ones_like(shares), where=shares > 0)
                net.module_.add_log_prior(np.where(shares > 0, ratio / of_y.sum(), 1))
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
        return check_spectrograms(self, X, reset=reset)

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
        size = self.batch_size
        if device.type == "cpu":  # each alone where lengths differ, at its own
            size = 1 if self.masked else self._predict_rows()
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
