"""The skorch net inside the classifiers: weighted, augmented and masked batches."""

from __future__ import annotations

import inspect

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.helper import predefined_split
from skorch.utils import noop

from ..augmentation import augment_batch
from ..nets import trimmed
from ._callbacks import make_callbacks, to_stderr
from ._rows import batches

__all__ = ["HeartSoundNet", "make_net"]


class HeartSoundNet(NeuralNetClassifier):
    """skorch's NeuralNetClassifier with weighted, augmented and masked batches.

    The classifiers hold one as ``net_``. Pass a subclass as `net_class`, for example one that mixes
    in skorch's ``AccelerateMixin``. The module returns logits, and the criterion one loss per
    recording (``reduction="none"``).

    Parameters
    ----------
    *args, **kwargs
        Parameters of skorch's NeuralNetClassifier.
    training_dtype : torch.dtype or None, default=None
        Autocast dtype of training steps.
    augmentation : Augmentation or None, default=None
        Changes each batch before a training step.
    masked : bool, default=False
        Treat trailing all-NaN frames as padding.

    Notes
    -----
    The optimizer is created when it is first used, not by ``initialize``: creating one imports
    ``torch._dynamo``, which takes seconds, and a loaded model predicts without it.
    """

    def __init__(self, *args, training_dtype=None, augmentation=None, masked=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.training_dtype = training_dtype
        self.augmentation = augmentation
        self.masked = masked

    def initialize_optimizer(self):
        """Register the optimizer with skorch, which `__getattr__` creates."""
        vars(self).pop("optimizer_", None)
        if "optimizer" not in self.prefixes_:
            self._register_attribute("optimizer_", None)
        return self

    def __getattr__(self, name):
        if name != "optimizer_" or "optimizer" not in self._optimizers:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        super().initialize_optimizer()
        return vars(self)[name]

    def train_step(self, batch, **fit_params):
        """Take one optimizer step on a batch, augmented once."""
        if self.augmentation is not None:
            batch = self._augment(*batch)
        return super().train_step(batch, **fit_params)

    def _augment(self, X, y):
        """Augment a batch; mixup adds the labels and weights of the other recordings."""
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
        """Run the module on a batch, without its weights."""
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
        """Return the mean loss of a batch, weighted and mixed as the batch says."""
        X = X if isinstance(X, dict) else {}
        loss = self._losses(y_pred, y_true, X.get("sample_weight"), training)
        if "mixed_y" in X:
            other = self._losses(y_pred, X["mixed_y"], X.get("mixed_weight"), training)
            loss = loss * X["share"] + other * (1 - X["share"])
        return loss.mean()

    def _losses(self, y_pred, y_true, weight, training):
        """Return the loss of each recording, or of the batch if the criterion averages."""
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
        """Return the batches of a dataset; training on none is an error."""
        iterator = super().get_iterator(dataset, training=training)
        if training and len(iterator) == 0:
            raise ValueError(
                f"iterator_train__drop_last=True with {len(dataset)} recordings and "
                f"batch_size={self.batch_size} leaves no batch to train on. Reduce batch_size to "
                f"at most {len(dataset)}, or set iterator_train__drop_last=False."
            )
        return iterator


def make_net(
    module_class,
    module_params,
    *,
    net_class,
    skorch_params,
    device,
    verbose,
    train_rows=None,
    valid_rows=None,
    augmentation=None,
    masked=False,
    training_dtype=None,
    early_stopping=None,
    lr_schedule=None,
    **settings,
):
    """Make a skorch net, not yet initialised.

    Parameters
    ----------
    module_class : type
        The torch module.
    module_params : dict
        Its parameters.
    net_class : type or None
        Class of the net; None is `HeartSoundNet`.
    skorch_params : dict
        Parameters of the user, which take precedence.
    device : torch.device
        Where the net runs.
    verbose : int
        Print progress.
    train_rows : Rows or None
        What the net will be trained on; None if it only predicts.
    valid_rows : Rows or None
        Validation part.
    augmentation, masked, training_dtype
        Parameters of `HeartSoundNet`.
    early_stopping, lr_schedule
        Parameters of `make_callbacks`.
    **settings : dict
        `lr`, `max_epochs` and `batch_size` of the net.
    """
    net_class = net_class or HeartSoundNet
    if not issubclass(net_class, NeuralNetClassifier):
        raise TypeError(
            f"net_class must be a subclass of skorch's NeuralNetClassifier. Got {net_class}."
        )
    if issubclass(net_class, HeartSoundNet):
        if "accelerator" in skorch_params:
            training_dtype = None  # Accelerate has its own
        settings |= {"augmentation": augmentation, "masked": masked}
        settings["training_dtype"] = training_dtype
        if _accepts(skorch_params.get("criterion"), "reduction"):
            settings["criterion__reduction"] = "none"
    else:
        weight = None if train_rows is None else train_rows.weight
        _check_foreign_class(net_class, weight is not None, augmentation is not None, masked)
    settings |= {
        **{f"module__{name}": value for name, value in module_params.items()},
        "criterion": torch.nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "iterator_train": batches,
        "iterator_train__shuffle": True,
        "iterator_train__pin_memory": device.type == "cuda",
        "iterator_valid": batches,
        "train_split": None if valid_rows is None else predefined_split(valid_rows),
        "classes": np.arange(module_params["n_classes"]),
        # Accelerate moves the module itself, and takes no device.
        "device": None if "accelerator" in skorch_params else str(device),
        "verbose": int(verbose),
        "callbacks__print_log__sink": to_stderr if verbose else noop,
    }
    settings |= skorch_params
    callbacks = settings.pop("callbacks", None)
    net = net_class(module_class, **settings)
    n_batches = 1 if train_rows is None else len(net.get_iterator(train_rows, training=True))
    net.callbacks = make_callbacks(
        callbacks,
        early_stopping=early_stopping,
        lr_schedule=lr_schedule,
        lr=net.lr,
        n_steps=n_batches * net.max_epochs,
        verbose=verbose,
    )
    return net


def _check_foreign_class(net_class, weighted, augmented, masked):
    """Refuse what only a HeartSoundNet can do."""
    for verb, parameter, used in [
        ("weight", "sample_weight and class_weight", weighted),
        ("augment", "augment", augmented),
        ("mask", "masked", masked),
    ]:
        if used:
            raise TypeError(
                f"net_class={net_class.__name__} cannot {verb} recordings: derive it from "
                f"skheart.classifiers.HeartSoundNet, or leave out {parameter}."
            )


def _accepts(target, argument):
    """Whether a callable takes an argument; None stands for the default criterion, which does."""
    return target is None or argument in inspect.signature(target).parameters
