"""Model files of the attention classifiers: parameters, weights and history."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from skorch.history import History

from ..nets import resolve_device, torch_settings
from ..storage import InvalidModel, check_weights, is_count
from ._callbacks import check_callback_names, discard_training_state
from ._skorch_net import HeartSoundNet

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("net_", "history_")
JOBLIB = "Leave it out, or save this model with joblib.dump (loading that runs code of the file)."
# What building a network from bad parameters or weights may raise.
BUILD_ERRORS = (ValueError, TypeError, RuntimeError, AttributeError, OverflowError)


def _can_store(name, value):
    """Whether an entry of skorch_params is stored: settings are, code is not.

    Nor are `compile`, `torch_load_kwargs` and the like, which concern the process, not the model.
    """
    if name == "callbacks":
        return value in (None, "disable")
    prefix, delimiter, _ = name.partition("__")
    return (bool(delimiter) and prefix != "compile") or name in ("optimizer", "criterion")


def pack(packer, clf, fitted, where):
    """Pack the weights as tensors, and the history."""
    if clf.net_class is not None:
        name = getattr(clf.net_class, "__name__", clf.net_class)
        raise TypeError(
            f"{where}.net_class={name} is code, which a model file cannot hold. {JOBLIB}"
        )
    for name, value in (clf.skorch_params or {}).items():
        if not _can_store(name, value):
            raise TypeError(
                f"{where}.skorch_params[{name!r}] cannot be stored in a model file. {JOBLIB}"
            )
    if "net_" not in fitted:
        return {}
    net, history = fitted.pop("net_"), fitted.pop("history_")
    if type(net) is not HeartSoundNet or type(net.module_) is not clf._module_class:
        raise TypeError(f"{where}.net_ is not the net that fit made. {JOBLIB}")
    for name in clf._module_params:
        if getattr(net, f"module__{name}") != getattr(clf, name):
            raise ValueError(
                f"{where}.{name}={getattr(clf, name)!r} was changed after fit, from "
                f"{getattr(net, f'module__{name}')!r}. Set that again, or fit again."
            )
    weights = {
        name: packer.put(f"{where}.net_.{name}", weight.detach().cpu().numpy())
        for name, weight in net.module_.state_dict().items()
    }
    # There may be a million batches, and nothing reads their records.
    epochs = [{**epoch, "batches": []} for epoch in history]
    return {"net_": weights, "history_": packer.pack(epochs, f"{where}.history_")}


def unpack(unpacker, clf, packed, where):
    """Build the net from the parameters and load its weights, if the classifier was fitted."""
    if clf.net_class is not None:
        raise InvalidModel(f"{where}.net_class is there, which is never kept")
    for name, value in (clf.skorch_params or {}).items():
        if type(name) is not str or not _can_store(name, value):
            raise InvalidModel(f"{where}.skorch_params[{str(name)[:80]!r}] is never kept")
    if not packed:
        return
    if set(packed) != set(NAMES):
        raise InvalidModel(f"{where} has lost its net or its history")
    history = unpacker.unpack(packed["history_"], f"{where}.history_")
    if type(history) is not list or any(
        type(epoch) is not dict or epoch.get("batches") != [] for epoch in history
    ):
        raise InvalidModel(f"{where}.history_ is no list of epochs")
    if type(packed["net_"]) is not dict:
        raise InvalidModel(f"{where}.net_ is no net")
    weights = {
        name: torch.from_numpy(unpacker.take(tensor, f"{where}.net_.{name}"))
        for name, tensor in packed["net_"].items()
    }
    _check_fitted_attributes(clf, where)
    _check_weights(clf, weights, where)
    try:
        net = _build(clf, weights)
    except BUILD_ERRORS as error:
        raise InvalidModel(f"{where}.net_ cannot be built: {error}") from error
    net.history_ = History(history)
    clf.net_, clf.history_ = net, net.history_


def _check_fitted_attributes(clf, where):
    classes, shape = getattr(clf, "classes_", None), getattr(clf, "input_shape_", None)
    if type(classes) is not np.ndarray or classes.ndim != 1:
        raise InvalidModel(f"{where}.classes_ is no array of labels")
    if type(shape) is not tuple or len(shape) != 2 or not all(is_count(n) and n for n in shape):
        raise InvalidModel(f"{where}.input_shape_ is no pair of sizes")


def _check_weights(clf, weights, where):
    """Compare the weights with what the parameters imply, before memory is allocated."""
    sizes = {name: getattr(clf, name) for name in clf._module_params}
    for name, size in sizes.items():
        if not isinstance(size, str) and hasattr(size, "__len__") and len(size) > len(weights):
            raise InvalidModel(f"{where}.{name} has more layers than there are weights")
    for name, value in (clf.skorch_params or {}).items():
        if name.startswith("module__"):
            sizes[name.removeprefix("module__")] = value
    try:
        with torch.device("meta"):  # shapes without memory
            module = clf._module_class(
                n_classes=len(clf.classes_), input_shape=clf.input_shape_, **sizes
            )
    except BUILD_ERRORS as error:
        raise InvalidModel(
            f"{where} has parameters from which no network can be built: {error}"
        ) from error
    check_weights(weights, module.state_dict(), f"{where}.net_")


def _build(clf, weights):
    """Return the skorch net as `fit` leaves it, but for the optimizer, which is made when used."""
    skorch_params = clf.skorch_params or {}
    clf._check_skorch_params(skorch_params)
    device = _device(clf.device)
    net = clf._make_net(device)
    with torch_settings(device, 1, seed=0):  # initial weights, which are replaced
        net.initialize()
    check_callback_names(net, skorch_params)
    net.module_.load_state_dict(weights)
    discard_training_state(net)
    return net


def _device(name):
    """Return the device of the `device` parameter, or the CPU with a warning."""
    try:
        return resolve_device(name)
    except ValueError:
        warnings.warn(
            f"The model was trained on device={str(name)[:80]!r}, which is not available, and "
            "predicts on the CPU. To train it again, set device='auto'.",
            UserWarning,
            stacklevel=2,
        )
        return torch.device("cpu")
