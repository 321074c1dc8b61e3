"""The skorch net inside the classifiers, its data, and the settings that a fit runs under."""

from __future__ import annotations

import inspect

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.helper import predefined_split
from skorch.utils import noop

from ..augmentation import augment_batch, resolve_augmentation
from ..nets import trimmed, uses_bfloat16
from ._callbacks import make_callbacks, to_stderr
from ._rows import batches

__all__ = ["HeartSoundNet", "make_net"]


class HeartSoundNet(NeuralNetClassifier):
    """skorch's NeuralNetClassifier with a weight for each recording in the loss.

    The classifiers of skheart hold one as ``net_``. Bring a subclass as ``net_class``, for example
    one that mixes in skorch's ``AccelerateMixin``. The module returns logits, and the criterion one
    loss for each recording (``reduction="none"``).

    Attributes
    ----------
    training_dtype : torch.dtype or None
        To what products are reduced in training steps, by `torch.autocast`.
    augmentation : Augmentation or None
        What is done to a batch before a training step.
    masked : bool
        Whether frames of NaN at the end of a recording are not there.
    """

    training_dtype = None
    augmentation = None
    masked = False

    def train_step(self, batch, **fit_params):
        """One step of the optimiser on a batch, augmented once however often it is looked at."""
        if self.augmentation is not None:
            batch = self._augmented(*batch)
        return super().train_step(batch, **fit_params)

    def _augmented(self, X, y):
        """A batch after augmentation; with mixup it has the other labels and weights too."""
        X = dict(X) if isinstance(X, dict) else {"x": X}
        x = X["x"].to(next(self.module_.parameters()).device, non_blocking=True)
        X["x"], partner, share = augment_batch(self.augmentation, x)
        if partner is not None:
            partner = partner.to(y.device)
            X |= {"mixed_y": y[partner], "share": share}
            if "sample_weight" in X:
                X["mixed_weight"] = X["sample_weight"][partner.to(X["sample_weight"].device)]
        return X, y

    def infer(self, x, **fit_params):
        """Run the module on a batch; the weights in it are for the loss alone."""
        if isinstance(x, dict):
            x = x["x"]
        device = next(self.module_.parameters()).device
        if device.type == "cuda":
            x = x.to(device, non_blocking=True)  # from pinned memory
        if self.masked:
            x, lengths = trimmed(x)
            if lengths is not None:
                fit_params["lengths"] = lengths
        if self.training_dtype is None or not self.module_.training:
            return super().infer(x, **fit_params)
        with torch.autocast(device.type, self.training_dtype):
            return super().infer(x, **fit_params)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Mean loss of a batch, weighted where the batch has weights, mixed where it is mixed."""
        X = X if isinstance(X, dict) else {}
        loss = self._losses(y_pred, y_true, X.get("sample_weight"), training)
        if "mixed_y" in X:
            other = self._losses(y_pred, X["mixed_y"], X.get("mixed_weight"), training)
            loss = loss * X["share"] + other * (1 - X["share"])
        return loss.mean()

    def _losses(self, y_pred, y_true, weight, training):
        """The loss of each recording, or of the batch where the criterion has no other."""
        loss = super().get_loss(y_pred, y_true, training=training)
        if weight is None:
            return loss
        if loss.ndim == 0:
            raise ValueError(
                f"The criterion {type(self.criterion_).__name__} returns one loss for the "
                "whole batch, so that recordings cannot be weighted. Use one with "
                "reduction='none', or leave out sample_weight and class_weight."
            )
        return loss * weight.to(loss)

    def get_iterator(self, dataset, training=False):
        """Batches of a dataset; to train on none is an error."""
        iterator = super().get_iterator(dataset, training=training)
        if training and len(iterator) == 0:
            raise ValueError(
                f"iterator_train__drop_last=True with {len(dataset)} recordings and "
                f"batch_size={self.batch_size} leaves no batch to train on. Reduce batch_size to "
                f"at most {len(dataset)}, or set iterator_train__drop_last=False."
            )
        return iterator


def make_net(clf, skorch_params, train_rows, valid_rows, device):
    """The skorch net of a classifier, not yet initialised.

    Parameters
    ----------
    clf : AttentionClassifier
        Its parameters, and what `fit` has learnt so far: classes_ and input_shape_.
    skorch_params : dict
        The user's, which come last.
    train_rows, valid_rows : Rows, Rows or None
        What is trained on, and watched.
    device : torch.device
        Where the net runs.
    """
    net_class = clf.net_class or HeartSoundNet
    if not issubclass(net_class, NeuralNetClassifier):
        raise TypeError(
            f"net_class must be a subclass of skorch's NeuralNetClassifier. Got {net_class}."
        )
    weighted = issubclass(net_class, HeartSoundNet)
    if train_rows.weight is not None and not weighted:
        raise TypeError(
            f"net_class={net_class.__name__} cannot weight recordings: derive it from "
            "skheart.classifiers.HeartSoundNet, or leave out sample_weight and class_weight."
        )
    augmentation = resolve_augmentation(clf.augment, clf.head, clf.input_shape_)
    for verb, name, used in [("augment", "augment", augmentation), ("mask", "masked", clf.masked)]:
        if used and not weighted:
            raise TypeError(
                f"net_class={net_class.__name__} cannot {verb} recordings: derive it from "
                f"skheart.classifiers.HeartSoundNet, or leave out {name}."
            )
    settings = {
        "module__n_classes": len(clf.classes_),
        "module__input_shape": clf.input_shape_,
        **{f"module__{name}": getattr(clf, name) for name in clf._net_params},
        "criterion": torch.nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": clf.lr,
        "max_epochs": clf.max_epochs,
        "batch_size": clf.batch_size,
        "iterator_train": batches,
        "iterator_train__shuffle": True,
        "iterator_train__pin_memory": device.type == "cuda",
        "iterator_valid": batches,
        "train_split": None if valid_rows is None else predefined_split(valid_rows),
        "classes": np.arange(len(clf.classes_)),
        # Accelerate places the module itself, and takes no device.
        "device": None if "accelerator" in skorch_params else str(device),
        "verbose": int(clf.verbose),
        "callbacks__print_log__sink": to_stderr if clf.verbose else noop,
    }
    if weighted and _accepts(skorch_params.get("criterion"), "reduction"):
        settings["criterion__reduction"] = "none"
    settings |= skorch_params
    callbacks = settings.pop("callbacks", None)
    net = net_class(clf._module_class, **settings)
    if weighted and "accelerator" not in skorch_params and uses_bfloat16(clf.precision, device):
        net.training_dtype = torch.bfloat16
    if weighted:
        net.augmentation, net.masked = augmentation, clf.masked
    net.callbacks = make_callbacks(
        callbacks,
        early_stopping=(clf.n_iter_no_change, clf.tol) if clf.early_stopping else None,
        lr_schedule=clf.lr_schedule,
        lr=clf.lr,
        n_steps=len(net.get_iterator(train_rows, training=True)) * clf.max_epochs,
        verbose=clf.verbose,
    )
    return net


def _accepts(target, argument):
    """Whether a callable (None: the default one) takes an argument."""
    return target is None or argument in inspect.signature(target).parameters
