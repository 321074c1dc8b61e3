"""Base class of the classifiers: parameters, fit and predict."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.helper import predefined_split
from skorch.utils import params_for

from .._utils.random import new_random_state
from .._utils.splits import plan_rows
from .._utils.suggest import closest
from .._utils.validation import check_targets
from ..augmentation import Augmentation, resolve_augmentation
from ..nets import detect_ctrl_c, resolve_device, torch_settings, uses_bfloat16
from ._callbacks import (
    LR_SCHEDULES,
    check_callback_names,
    close_progress,
    discard_training_state,
    make_callbacks,
)
from ._inference import check_logits, run_batches
from ._inputs import check_spectrograms, longest
from ._rows import Rows
from ._skorch_net import make_net
from ._skorch_params import check_skorch_params, is_skorch_name

__all__ = ["AttentionClassifier"]


class AttentionClassifier(ClassifierMixin, BaseEstimator):
    """Base class of the classifiers.

    A subclass lists its parameters in the constructor, which calls
    ``self._store_parameters(locals())``: `head`, those in `_parameter_constraints` below, and its
    own. It defines the attributes here and the methods under "hooks".

    Attributes
    ----------
    _module_class : type
        The torch module.
    _module_params : tuple of str
        Parameters of the classifier that are passed on to the module.
    _equal_length_heads : tuple of str
        Heads that only take recordings of the length in `fit`.
    _trains_in_chunks : bool
        Whether each thread trains on whole recordings of a batch (see `torch_settings`).
    """

    _module_class: type
    _module_params: tuple[str, ...] = ()
    _equal_length_heads: tuple[str, ...] = ()
    _trains_in_chunks: bool

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

    # ------------------------------------------------------------------ hooks

    def _default_n_threads(self, n_frames):
        """Return the number of CPU threads to train with if `n_threads` is None."""
        raise NotImplementedError

    def _predict_batch_size(self):
        """Return the number of recordings that one CPU thread predicts at once."""
        raise NotImplementedError

    # ------------------------------------------------------------------ parameters

    def _store_parameters(self, values):
        for name in self._get_param_names():
            setattr(self, name, values[name])

    def set_params(self, **params):
        """Set parameters of the classifier, or of skorch by skorch's names.

        Parameters
        ----------
        **params : dict
            Parameters of the classifier (``lr=1e-4``), or of the skorch net inside it
            (``optimizer__weight_decay=1e-4``, ``callbacks=[...]``), which are added to
            `skorch_params`.

        Returns
        -------
        self : object
            The classifier.
        """
        own = self._get_param_names()
        routed = {
            name: value
            for name, value in params.items()
            if name not in own and is_skorch_name(name)
        }
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
                f"{nested[0]} needs augment to be an Augmentation, not {augment!r}. Set "
                "augment=skheart.augmentation.Augmentation() first."
            )
        super().set_params(**{name: v for name, v in params.items() if name not in routed})
        if routed:
            merged = {**(self.skorch_params or {}), **routed}
            self._check_skorch_params(merged)
            self.skorch_params = merged
        return self

    def _check_skorch_params(self, skorch_params):
        check_skorch_params(
            type(self).__name__,
            skorch_params,
            self._get_param_names(),
            self._module_class,
            self._module_params,
        )

    def _check_combination(self):
        """Check parameters against each other; return the device."""
        self._check_skorch_params(self.skorch_params or {})
        if self.masked and self.head in self._equal_length_heads:
            raise ValueError(
                f"masked=True needs recordings of any length, which head={self.head!r} does not "
                "take. Use another head, or masked=False and pad='repeat'."
            )
        return resolve_device(self.device)

    def _check_params(self, shape):
        """Validate the parameters without data, for recordings of a shape, as far as possible.

        The network is built without memory for its weights.
        """
        self._validate_params()
        self._check_combination()
        skorch_params = self.skorch_params or {}
        clf = clone(self)
        clf._check_X(np.broadcast_to(np.float32(0), (2, *shape)), reset=True)
        clf.classes_ = np.arange(2)
        with torch.device("meta"):
            net = clf._make_net(torch.device("meta"))
            net.initialize()
        optimizer = skorch_params.get("optimizer", torch.optim.Adam)
        settings = params_for("optimizer", skorch_params)
        settings.pop("param_groups", None)  # skorch's own
        optimizer(net.module_.parameters(), lr=self.lr, **settings)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ------------------------------------------------------------------ fit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the network.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            Log-mel spectrograms of dtype float16, float32 or float64, or a memory map, read in
            batches. Rows of a 2-D array are unfolded with `n_mels`; without it, a row is a
            sequence of single-band frames, with a warning. With ``masked=True``, frames at the
            end of a recording may be NaN.
        y : array of shape (n,)
            Labels of any kind.
        sample_weight : array of shape (n,) or None, default=None
            Weight of each recording, at least 0. Recordings of weight 0 are left out. Whole
            weights (after division by their common divisor) that average at most 10 count as that
            many equal rows, which lengthens an epoch; other weights multiply the loss.
        groups : array of shape (n,) or None, default=None
            Subject of each recording. Each subject is on one side of the internal validation
            split. Only used with `early_stopping`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X, y, weights or groups are invalid, no validation part can be made, or the weights
            of the network are no longer finite.
        """
        for name in ("net_", "history_", "n_iter_", "feature_names_in_"):
            self.__dict__.pop(name, None)  # no older model is left if fit fails
        device = self._check_combination()
        X = self._check_X(X, reset=True)
        y, sample_weight, groups = check_targets(X, y, sample_weight, groups)
        # Recordings of weight 0 count for nothing, not even for the classes.
        kept = slice(None) if sample_weight is None else sample_weight > 0
        self.classes_, kept_codes = np.unique(y[kept], return_inverse=True)
        codes = np.zeros(len(y), np.int64)
        codes[kept] = kept_codes
        generator = new_random_state(self.random_state)
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
        net = self._make_net(device, train_rows, None if valid is None else Rows(X, codes, valid))
        prior = np.bincount(codes[train], weight) / len(train)
        n_threads = self._n_threads(longest(X) if self.masked else X.shape[1])
        with torch_settings(device, n_threads, seeds[2], in_chunks=self._trains_in_chunks):
            self._train(net, train_rows, prior, np.bincount(codes, sample_weight))
        discard_training_state(net)
        self.net_ = net
        self.history_ = net.history
        self.n_iter_ = len(net.history)
        return self

    def _make_net(self, device, train_rows=None, valid_rows=None):
        """Make the skorch net; without training rows, one that only predicts."""
        skorch_params = self.skorch_params or {}
        fixed = self.head in self._equal_length_heads
        augmentation = resolve_augmentation(self.augment, self.input_shape_, equal_lengths=fixed)
        reduced = train_rows is not None and uses_bfloat16(self.precision, device)
        net = make_net(
            self.net_class,
            self._module_class,
            {
                **{f"module__{name}": getattr(self, name) for name in self._module_params},
                "module__n_classes": len(self.classes_),
                "module__input_shape": self.input_shape_,
                "classes": np.arange(len(self.classes_)),
                "train_split": None if valid_rows is None else predefined_split(valid_rows),
                "lr": self.lr,
                "max_epochs": self.max_epochs,
                "batch_size": self.batch_size,
                "verbose": int(self.verbose),
            },
            {
                "augmentation": augmentation,
                "masked": self.masked,
                "training_dtype": torch.bfloat16 if reduced else None,
            },
            skorch_params,
            device,
            weighted=train_rows is not None and train_rows.weight is not None,
        )
        n_batches = 1 if train_rows is None else len(net.get_iterator(train_rows, training=True))
        net.callbacks = make_callbacks(
            skorch_params.get("callbacks"),
            early_stopping=(self.n_iter_no_change, self.tol) if self.early_stopping else None,
            lr_schedule=self.lr_schedule,
            lr=self.lr,
            n_steps=n_batches * self.max_epochs,
            verbose=self.verbose,
        )
        return net

    def _train(self, net, rows, prior, class_totals):
        """Train a net, given the class proportions in training and the class weights in y."""
        net.initialize()
        check_callback_names(net, self.skorch_params or {})
        net.module_.add_log_prior(prior)
        training = net.module_.training_on((len(rows), *self.input_shape_), self.max_epochs)
        with detect_ctrl_c() as pressed, training:
            net.partial_fit(rows, None)
        if pressed.is_set():
            close_progress(net)
            raise KeyboardInterrupt("training was interrupted; nothing is fitted")
        if self.prior_correction:
            ratio = np.divide(class_totals, prior, out=np.ones_like(prior), where=prior > 0)
            net.module_.add_log_prior(np.where(prior > 0, ratio / class_totals.sum(), 1))
        if not all(weights.isfinite().all() for weights in net.module_.state_dict().values()):
            raise ValueError(
                f"The weights of {type(self).__name__} are no longer finite after "
                f"{len(net.history)} epochs. Reduce lr={self.lr}, or look for extreme values in X."
            )

    def _check_X(self, X, *, reset):
        return check_spectrograms(self, X, reset=reset)

    def _n_threads(self, n_frames):
        """Return the number of CPU threads to train with."""
        return self._default_n_threads(n_frames) if self.n_threads is None else self.n_threads

    # ------------------------------------------------------------------ predict

    def decision_function(self, X):
        """Compute logits.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            Log-mel spectrograms, as for `fit`.

        Returns
        -------
        logits : array of shape (n, n_classes), or (n,) for two classes
            For two classes, the logit of ``classes_[1]`` minus that of ``classes_[0]``.
        """
        logits = self._logits(X)
        if logits.shape[1] == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def predict_proba(self, X):
        """Compute class probabilities.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            Log-mel spectrograms, as for `fit`.

        Returns
        -------
        probabilities : array of shape (n, n_classes)
            In the order of `classes_`; a row sums to 1.
        """
        return softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array of shape (n, n_frames, n_mels) or (n, n_features)
            Log-mel spectrograms, as for `fit`.

        Returns
        -------
        labels : array of shape (n,)
            The most probable class of each recording.
        """
        logits = self._logits(X)
        return self.classes_[logits.argmax(axis=1)]

    def _logits(self, X):
        check_is_fitted(self, "net_")
        logits = self._infer_array(self._check_X(X, reset=False), lambda output: output)
        check_logits(logits)
        return logits

    def _infer_array(self, X, get, **params):
        """Run the network on checked X and return ``get(output)`` of all, (n, n_classes)."""
        array = np.empty((len(X), len(self.classes_)))

        def collect(start, output):
            batch = get(output).float().cpu().numpy()
            array[start : start + len(batch)] = batch[: len(X) - start]

        self._infer(X, collect, **params)
        return array

    _infer = run_batches
