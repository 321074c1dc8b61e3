"""skorch's parameter names inside a scikit-learn estimator: which there are, and where they go."""

from __future__ import annotations

import inspect

from .._utils.suggest import closest

__all__ = ["check_skorch_params", "is_skorch_name"]

# skorch's own parameters that a user may bring. The rest is either a parameter of the classifier or
# decided by it (train_split, classes, device, ...).
NAMES = (
    "accelerator",
    "callbacks",
    "compile",
    "criterion",
    "iterator_train",
    "iterator_valid",
    "optimizer",
    "torch_load_kwargs",
    "unwrap_after_train",
)
PREFIXES = (
    "callbacks",
    "compile",
    "criterion",
    "iterator_train",
    "iterator_valid",
    "module",
    "optimizer",
)


def is_skorch_name(name):
    """Whether a parameter name is one of skorch's, such as ``optimizer__weight_decay``."""
    prefix, delimiter, rest = name.partition("__")
    return name in NAMES or bool(delimiter and rest and prefix in PREFIXES)


def check_skorch_params(owner, skorch_params, targets, reserved):
    """Check the names of routed parameters.

    Parameters
    ----------
    owner : str
        Name of the estimator, for the messages.
    skorch_params : dict
        The routed parameters.
    targets : dict of str to callable
        For a prefix, what takes its parameters (the module class, the optimizer class, ...).
    reserved : dict of str to str
        Routed names which the estimator has a parameter for, and that parameter.

    Raises
    ------
    TypeError
        If skorch_params is not a dict.
    ValueError
        If a name is unknown or reserved; the message names it and the closest name that exists.
    """
    if not isinstance(skorch_params, dict):
        raise TypeError(
            f"The 'skorch_params' parameter of {owner} must be a dict such as "
            f"{{'optimizer__weight_decay': 1e-4}} or None. Got {skorch_params!r} instead."
        )
    for name in ("optimizer", "criterion", "iterator_train", "iterator_valid"):
        if not callable(skorch_params.get(name, dict)):
            raise TypeError(
                f"{name!r} in skorch_params of {owner} must be a class or function, such as "
                f"torch.optim.SGD. Got {skorch_params[name]!r} instead."
            )
    for name in map(str, skorch_params):
        if name in reserved:
            raise ValueError(
                f"skorch_params of {owner} has {name!r}, which is the parameter {reserved[name]!r} "
                "of the classifier itself: set that one."
            )
        if not is_skorch_name(name):
            known = [*NAMES, *(f"{prefix}__..." for prefix in PREFIXES)]
            raise ValueError(
                f"skorch_params of {owner} has {name!r}, which is none of {known}."
                f"{closest(name, NAMES)}"
            )
        prefix, _, rest = name.partition("__")
        allowed = _argument_names(targets.get(prefix))
        if allowed is not None and prefix == "optimizer":
            allowed |= {"param_groups"}  # skorch's own: settings by name of the weights
        if rest and allowed is not None and rest.partition("__")[0] not in allowed:
            raise ValueError(
                f"{name!r} is not a parameter of {owner}: {targets[prefix].__name__} takes "
                f"{sorted(allowed)}.{closest(rest, allowed)}"
            )


def _argument_names(target):
    """Names of the keyword arguments of a callable; None if it takes any."""
    if target is None:
        return None
    parameters = inspect.signature(target).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD}
