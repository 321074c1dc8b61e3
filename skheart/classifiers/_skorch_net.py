"""The skorch net inside the classifiers: weighted, augmented and masked batches."""

from __future__ import annotations

import inspect

import torch
from skorch import NeuralNetClassifier
from skorch.utils import noop

from ..augmentation import augment_batch
from ..nets import crop_padding, let_others_predict
from ._callbacks import to_stderr
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
        step = super().train_step(batch, **fit_params)
        # An autocast around the fit would keep the weights of this step in its cache.
        torch.clear_autocast_cache()
        let_others_predict()
        return step

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a batch."""
        step = super().validation_step(batch, **fit_params)
        let_others_predict()
        return step

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
            x, lengths = crop_padding(x)
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


def make_net(net_class, module_class, settings, extensions, skorch_params, device, weighted=False):
    """Make a skorch net, not yet initialised.

    `settings` are parameters of any skorch net, `extensions` of a `HeartSoundNet` (the default
    `net_class`), and `skorch_params` those of the user, which take precedence.
    """
    net_class = net_class or HeartSoundNet
    if not issubclass(net_class, NeuralNetClassifier):
        raise TypeError(
            f"net_class must be a subclass of skorch's NeuralNetClassifier. Got {net_class}."
        )
    if issubclass(net_class, HeartSoundNet):
        settings = {**settings, **extensions}
        if _accepts(skorch_params.get("criterion"), "reduction"):
            settings["criterion__reduction"] = "none"
        if "accelerator" in skorch_params:
            settings["training_dtype"] = None  # Accelerate has its own
    else:
        _check_foreign_class(net_class, {**extensions, "weighted": weighted})
    defaults = {
        "criterion": torch.nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "iterator_train": batches,
        "iterator_train__shuffle": True,
        "iterator_train__pin_memory": device.type == "cuda",
        "iterator_valid": batches,
        # Accelerate moves the module itself, and takes no device.
        "device": None if "accelerator" in skorch_params else str(device),
        "callbacks__print_log__sink": to_stderr if settings["verbose"] else noop,
    }
    return net_class(module_class, **{**defaults, **settings, **skorch_params})


def _check_foreign_class(net_class, used):
    """Refuse what only a HeartSoundNet can do."""
    for name, verb, parameter in [
        ("weighted", "weight", "sample_weight and class_weight"),
        ("augmentation", "augment", "augment"),
        ("masked", "mask", "masked"),
    ]:
        if used[name]:
            raise TypeError(
                f"net_class={net_class.__name__} cannot {verb} recordings: derive it from "
                f"skheart.classifiers.HeartSoundNet, or leave out {parameter}."
            )


def _accepts(target, argument):
    """Whether a callable takes an argument; None stands for the default criterion, which does."""
    return target is None or argument in inspect.signature(target).parameters
