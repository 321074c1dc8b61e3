"""Names of skorch parameters that the classifiers accept, such as optimizer__weight_decay."""

from __future__ import annotations

import inspect

import torch
from torch.utils.data import DataLoader

from .._utils.suggest import closest

__all__ = ["check_skorch_params", "is_skorch_name"]

COMPONENTS = ("callbacks", "compile", "criterion", "iterator_train", "iterator_valid", "optimizer")
NAMES = ("accelerator", *COMPONENTS, "torch_load_kwargs", "unwrap_after_train")
PREFIXES = (*COMPONENTS, "module")

# Components and what takes their parameters if the user does not set them.
DEFAULTS = {
    "optimizer": torch.optim.Adam,
    "criterion": torch.nn.CrossEntropyLoss,
    "iterator_train": DataLoader,
    "iterator_valid": DataLoader,
}

# Other parameters of skorch: why they cannot be set, and what to use instead.
NOT_SETTABLE = {
    "classes": "fit learns the classes from y",
    "dataset": "batches are read from the rows of X; set iterator_train or iterator_valid instead",
    "module": "the class of the classifier determines the network; set its parameters by "
    "module__NAME, or use the other classifier",
    "predict_nonlinearity": "predict_proba is the softmax of the logits; use decision_function "
    "for the logits",
    "train_split": "set early_stopping=True and validation_fraction instead, and pass groups to "
    "fit to keep each subject on one side",
    "use_caching": "set it in a skorch.callbacks.EpochScoring in callbacks instead",
    "warm_start": "fit always trains a new network; raise max_epochs to train longer",
}


def is_skorch_name(name):
    """Return whether a name is skorch's, such as ``optimizer__weight_decay`` or ``warm_start``."""
    prefix, _, rest = name.partition("__")
    return name in NAMES or prefix in NOT_SETTABLE or bool(rest and prefix in PREFIXES)


def check_skorch_params(owner, skorch_params, own_names, module_class, module_params):
    """Raise an error with a remedy if a name in `skorch_params` is unknown or cannot be set.

    `owner` is the name of the classifier, `own_names` are its parameters, and `module_params` those
    that it passes on to the module.
    """
    if not isinstance(skorch_params, dict):
        raise TypeError(
            f"The 'skorch_params' parameter of {owner} must be a dict such as "
            f"{{'optimizer__weight_decay': 1e-4}} or None. Got {skorch_params!r} instead."
        )
    targets = {**DEFAULTS, "module": module_class}
    for name in DEFAULTS.keys() & skorch_params.keys():
        targets[name] = skorch_params[name]
        if not callable(targets[name]):
            raise TypeError(
                f"{name!r} in skorch_params of {owner} must be a class or function, such as "
                f"torch.optim.SGD. Got {targets[name]!r} instead."
            )
    reserved = {name: f"set {name!r} of the classifier instead" for name in own_names}
    reserved |= {f"module__{name}": reserved[name] for name in module_params}
    reserved |= {
        "optimizer__lr": reserved["lr"],
        "module__n_classes": "fit learns it from y",
        "module__input_shape": "fit learns it from X",
    }
    for name in map(str, skorch_params):
        _check_name(owner, name, reserved, targets)


def _check_name(owner, name, reserved, targets):
    prefix, _, rest = name.partition("__")
    reason = reserved.get(name)
    if name not in NAMES and not (rest and prefix in PREFIXES):
        reason = reason or NOT_SETTABLE.get(prefix)
        if reason is None:
            known = [*NAMES, *(f"{each}__..." for each in PREFIXES)]
            raise ValueError(
                f"{name!r} in skorch_params of {owner} must be one of {known}."
                f"{closest(name, NAMES)}"
            )
    if reason is not None:
        raise ValueError(f"{name!r} cannot be set in skorch_params of {owner}: {reason}.")
    allowed = _argument_names(targets[prefix]) if prefix in targets else None
    if allowed is not None and prefix == "optimizer":
        allowed.add("param_groups")  # skorch's own: settings for some of the weights, by their name
    if rest and allowed is not None and rest.partition("__")[0] not in allowed:
        raise ValueError(
            f"{name!r} is not a parameter of {owner}: {targets[prefix].__name__} takes "
            f"{sorted(allowed)}.{closest(rest, allowed)}"
        )


def _argument_names(target):
    """Return the names of a callable's arguments; None if it takes any."""
    parameters = inspect.signature(target).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters}
