"""The model of `skheart train`: a recipe with the settings of ``--set``."""

from __future__ import annotations

import ast
import contextlib
from numbers import Integral, Real

from .._utils.suggest import closest
from ..classifiers import AttentionCNNClassifier, AttentionRNNClassifier, is_skorch_name
from ..features import make_plan
from ..pipeline import make_heart_pipeline
from ._console import ran_out_of_memory

__all__ = ["make_model", "quieten", "settings_in_errors"]

LITERALS = {"true": True, "false": False, "none": None}
SAMPLERS = ("ros", "dropout")  # steps that can be left out
# What libraries raise if a setting does not suit them.
ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def make_model(args):
    """Make the model of a recipe with its settings, and check them without a recording."""
    if args.recipe != "paper" and args.model is not None:
        raise ValueError(
            f"--model chooses the network of --recipe paper, not of {args.recipe}: remove one"
        )
    model = _with_settings(args, args.parameters)
    try:
        _check(model)
    except ERRORS as error:
        if not args.parameters:
            raise
        # A setting is to blame if the model is valid without it.
        blamed = [
            setting
            for setting in args.parameters
            if _is_valid(args, [other for other in args.parameters if other != setting])
        ]
        raise ValueError(f"{_options(blamed or args.parameters)}: {error}") from error
    if args.jobs not in (None, 1):
        if args.recipe == "paper":
            model.set_params(logmel__n_jobs=args.jobs)
        else:
            quieten(model.set_params(n_jobs=args.jobs).estimator)  # members run at the same time
    return model


def _with_settings(args, settings):
    model = make_heart_pipeline(
        args.model or "cnn",
        recipe=args.recipe,
        random_state=args.seed,
        device=args.device,
        verbose=int(not args.quiet),
    )
    for setting in settings:
        _set(model, setting, args.recipe)
    return model


def _check(model):
    """Validate the parameters of all steps, without recordings."""
    for pipeline in _pipelines(model).values():
        for _, step in pipeline.steps:
            if step not in (None, "passthrough"):
                step._validate_params()
        if "cycle" in pipeline.named_steps:
            pipeline["cycle"]._check_params()
        else:
            logmel = pipeline["logmel"]
            plan = make_plan(logmel.get_params(deep=False))
            shape = plan.n_frames, len(plan.frequencies)
            pipeline["clf"]._check_params((shape[0] * shape[1],) if logmel.flatten else shape)


def _is_valid(args, settings):
    try:
        _check(_with_settings(args, settings))
    except ERRORS:
        return False
    return True


@contextlib.contextmanager
def settings_in_errors(settings):
    """Add the settings to errors of `fit`, which may reject one without naming it."""
    try:
        yield
    except ERRORS as error:
        if not settings or ran_out_of_memory(error):
            raise
        message = f"{str(error).rstrip('.')}. The settings are {_options(settings)}"
        raise ValueError(message) from error


def _options(settings):
    return ", ".join(f"--set {setting}" for setting in settings)


def quieten(estimator):
    """Turn off the progress and the parallel jobs of an estimator and of all in it."""
    quiet = {"verbose": 0, "n_jobs": None}
    params = {
        name: quiet[name.rpartition("__")[2]]
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] in quiet and value
    }
    estimator.set_params(**params)
    for part in getattr(estimator, "estimators_", []):
        quieten(part)
    return estimator


# ---------------------------------------------------------------------- one setting


def _pipelines(model):
    """Return ``{prefix: pipeline}`` of the pipelines that are fitted on recordings."""
    inner = getattr(model, "estimator", model)
    if hasattr(inner, "steps"):
        return {"": inner}
    return {f"{name}__": pipeline for name, pipeline in inner.estimators}


def _set(model, setting, recipe):
    """Set STEP__PARAMETER=VALUE, where the value is a Python literal or else a string."""
    steps = {
        f"{prefix}{name}": step
        for prefix, pipeline in _pipelines(model).items()
        for name, step in pipeline.steps
    }
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise ValueError(
            f"--set takes STEP__PARAMETER=VALUE, such as {[*steps][-1]}__random_state=1. "
            f"Got {setting!r}"
        )
    value = LITERALS.get(text, text)
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        value = ast.literal_eval(text)
    if name in steps:
        _check_left_out(name, value, setting)
    else:
        value = _checked_value(steps, name, value, setting, recipe)
    try:
        getattr(model, "estimator", model).set_params(**{name: value})
    except ERRORS as error:
        raise ValueError(f"--set {setting}: {error}") from error


def _check_left_out(name, value, setting):
    """Raise unless the step is a sampler that is left out."""
    if name.rpartition("__")[2] not in SAMPLERS or value not in (None, "passthrough"):
        raise ValueError(
            f"--set {setting}: of a step only parameters can be set. A sampler "
            f"({' or '.join(SAMPLERS)}) can be left out with passthrough"
        )


def _checked_value(steps, name, value, setting, recipe):
    """Return the value of a parameter; raise if the parameter cannot be set."""
    step = next((step for step in steps if name.startswith(f"{step}__")), None)
    parameter = name.removeprefix(f"{step}__")
    if step is None or not _has_parameter(steps[step], parameter):
        problem = f"there is no parameter {name!r}.{_advice(steps, step, name, recipe)}"
    elif parameter == "cell":
        problem = "use --model lstm or --model gru instead"
    elif parameter == "early_stopping" and value and recipe != "paper":
        problem = f"--recipe {recipe} does not know the subjects. Leave it out"
    elif parameter == "class_weight" and isinstance(value, dict) and recipe == "best":
        problem = "the parts of this recipe receive encoded labels (0, 1, ...). Use 'balanced'"
    else:
        return int(value) if _is_whole(steps[step], parameter, value) else value
    raise ValueError(f"--set {setting}: {problem}")


def _has_parameter(step, parameter):
    if step in (None, "passthrough"):
        return False
    routed = hasattr(step, "skorch_params") and is_skorch_name(parameter)
    return routed or parameter in step.get_params()


def _advice(steps, step, name, recipe):
    """Return the remedy for a parameter that does not exist."""
    if step is None:
        last = name.rpartition("__")[2]
        owners = [each for each in steps if _has_parameter(steps[each], last)]
        if owners:
            return f" Did you mean {f'{owners[-1]}__{last}'!r}?"
        return f" The steps are {', '.join(steps)}."
    parameter = name.removeprefix(f"{step}__")
    if recipe == "paper" and step == "clf":
        kinds = {AttentionCNNClassifier: "cnn", AttentionRNNClassifier: "lstm or --model gru"}
        for kind, model in kinds.items():
            if parameter in kind().get_params():
                return f" Use --model {model}."
    known = steps[step].get_params(deep=False) if hasattr(steps[step], "get_params") else ()
    return closest(parameter, known, f"{step}__") or f" {step} has {', '.join(known)}."


def _is_whole(step, parameter, value):
    """Return whether a value such as 1e2 stands for the int that the parameter needs."""
    if not isinstance(value, float) or not value.is_integer():
        return False
    rules = getattr(step, "_parameter_constraints", {}).get(parameter, [])
    kinds = [getattr(rule, "type", rule) for rule in rules]
    return Integral in kinds and Real not in kinds
