"""The model of the command `skheart train`: its settings, found wrong before a sound is read."""

from __future__ import annotations

import ast
import contextlib
import difflib
import traceback
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from ..classifiers import is_skorch_name
from ..features import make_plan
from ..pipeline import make_heart_pipeline
from ._parts import fitted_pipelines, pipelines_in

__all__ = ["blame_settings", "make_pipeline", "silence", "without_progress"]

_QUIET = {"verbose": 0, "n_jobs": None}
_LITERALS = {"true": "True", "false": "False", "none": "None"}
_SAMPLERS = ("ros", "dropout")  # steps that can be left out
_CNN_FRAMES, _RNN_FRAMES = 1024, 4  # of the trial; an RNN takes any number, and is slow


def make_pipeline(model, settings, *, recipe="paper", seed, device, n_jobs, verbose):
    """The model of a recipe with settings STEP__PARAMETER=VALUE, checked as far as can be.

    Other recipes than the paper's give a PatientClassifier; the settings are of the pipeline in it.
    """
    common = {"random_state": seed, "device": device, "verbose": verbose}
    if recipe == "paper":
        made = make_heart_pipeline(model, **common)
    elif model is None:
        made = make_heart_pipeline(recipe=recipe, **common)
    else:
        raise ValueError(
            f"--model chooses the net of --recipe paper, not of {recipe}: leave one out"
        )
    pipelines = pipelines_in(made)
    for text in settings:
        _set_parameter(pipelines, text, model)
    stops_early = [text for text in settings if "clf__early_stopping" in text]
    if recipe != "paper" and stops_early and any(map(_stops_early, pipelines.values())):
        raise ValueError(
            f"--recipe {recipe} knows no subjects where it would stop early: leave out "
            f"--set {stops_early[-1]}, or train with --recipe paper"
        )
    with blame_settings(settings):
        for part, pipeline in pipelines.items():
            _try_out(pipeline, f"{part}__" * bool(part))
    if recipe == "paper":
        made.set_params(logmel__n_jobs=n_jobs)
    elif n_jobs not in (None, 1):
        made.set_params(n_jobs=n_jobs)  # its members at the same time, each on one thread
        for pipeline in pipelines.values():
            _quieten(pipeline)
    return made


def _stops_early(pipeline):
    return getattr(pipeline["clf"], "early_stopping", False)


def without_progress(pipeline):
    """A copy for folds that run at the same time: their progress would be a jumble."""
    return _quieten(clone(pipeline))


def _quieten(pipeline):
    """No progress and one thread in every step."""
    for _, step in pipeline.steps:
        if step not in (None, "passthrough"):
            names = step.get_params(deep=False)
            step.set_params(**{name: value for name, value in _QUIET.items() if name in names})
    return pipeline


def silence(model):
    """Leave a fitted model to whoever predicts: without progress, on one thread."""
    for pipeline in [*pipelines_in(model).values(), *fitted_pipelines(model)]:
        _quieten(pipeline)
    if hasattr(model, "estimator"):
        model.set_params(verbose=0, n_jobs=None)


@contextlib.contextmanager
def blame_settings(settings):
    """Say which settings to check where an error comes of them and does not say so itself.

    An error that skheart raises explains itself. One from inside skorch or torch, or of a kind
    that no check raises, is put down to the settings, if there are any.
    """
    routed = [text for text in settings if is_skorch_name(_parameter(text))]
    try:
        yield
    except (ValueError, TypeError, RuntimeError) as error:
        if not routed or _is_ours(error) or "memory" in str(error):
            raise
        raise ValueError(_blame(error, routed)) from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError) as error:
        if not settings:
            raise  # nobody's settings: a bug, which must be seen
        raise ValueError(_blame(error, routed or settings)) from error


def _parameter(text):
    return text.partition("=")[0].rpartition("clf__")[2]


def _is_ours(error):
    """Whether the package itself raised it."""
    frame = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return frame.f_globals.get("__name__", "").startswith("skheart.")


def _blame(error, settings):
    checks = ", ".join(f"--set {text}" for text in settings)
    return f"{type(error).__name__}: {str(error).rstrip('.')}; check {checks}"


def _try_out(pipeline, prefix):
    """Check all values, and train a net on two recordings of silence for an epoch."""
    for _, step in pipeline.steps:
        if step not in (None, "passthrough"):
            step._validate_params()
    if "logmel" not in pipeline.named_steps:
        pipeline["cycle"]._check_params()
        return
    logmel, clf = pipeline["logmel"], clone(pipeline["clf"])
    plan = make_plan(logmel.get_params(deep=False))
    if logmel.n_jobs == 0:
        raise ValueError(f"{prefix}logmel__n_jobs must be None or a number other than 0")
    n_frames = min(plan.n_frames, _RNN_FRAMES if hasattr(clf, "cell") else _CNN_FRAMES)
    shape = (2, n_frames, len(plan.frequencies))
    if logmel.flatten:
        shape = (2, n_frames * shape[2])
    clf.set_params(max_epochs=1, early_stopping=False, class_weight=None, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(np.zeros(shape, np.float32), [0, 1])


# ---------------------------------------------------------------------- one setting


def _set_parameter(pipelines, text, model):
    """Set STEP__PARAMETER=VALUE; the value is a Python literal, or else a string."""
    name, equals, value = text.partition("=")
    example = "clf__lr=1e-4" if "" in pipelines else "net__clf__lr=1e-4"
    if not equals or not name:
        how = "STEP__PARAMETER=VALUE" if "" in pipelines else "PART__STEP__PARAMETER=VALUE"
        raise ValueError(f"--set takes {how}, such as {example}, not {text!r}")
    part = ""
    if "" not in pipelines:
        part, _, name = name.partition("__")
        if part not in pipelines or not name:
            raise ValueError(
                f"--set {text}: this model has the parts {' and '.join(pipelines)}, and a setting "
                f"is PART__STEP__PARAMETER=VALUE, such as {example}"
            )
    pipeline, prefix = pipelines[part], f"{part}__" * bool(part)
    _check_name(pipeline, name, text, model, prefix)
    if value in _LITERALS:
        raise ValueError(f"--set {text}: write {_LITERALS[value]}")
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        value = ast.literal_eval(value)
    if name in _SAMPLERS and value not in (None, "passthrough"):
        raise ValueError(f"--set {text}: {name} can only be passthrough, which leaves it out")
    if part and name == "clf__class_weight" and isinstance(value, dict):
        raise ValueError(
            f"--set {text}: the parts of this model do not see the labels, but their numbers: "
            "leave it out, or take 'balanced'"
        )
    if _is_whole(pipeline, name, value):
        value = int(value)
    try:
        pipeline.set_params(**{name: value})
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"--set {text}: {error}") from error


def _check_name(pipeline, name, text, model, prefix):
    """Refuse a name that does not exist or that the command decides, with the remedy."""
    steps = dict(pipeline.steps)
    step, _, parameter = name.partition("__")
    if name == "clf__cell":
        raise ValueError(f"--set {text}: choose the cell with --model lstm or --model gru")
    known = pipeline.get_params()
    if name in known and (parameter or name in _SAMPLERS):
        return
    if step == "clf" and is_skorch_name(parameter):
        return
    if name in known:
        left_out = [f"{prefix}{each}=passthrough" for each in _SAMPLERS if each in steps]
        also = f" (and {', '.join(left_out)})" if left_out else ""
        raise ValueError(
            f"--set {text}: {prefix + name} cannot be set, only the parameters of the steps can: "
            f"{prefix}STEP__PARAMETER=VALUE, such as {prefix}clf__random_state=1{also}"
        )
    other = "gru" if model == "cnn" else "cnn"
    if model and step == "clf" and parameter in make_heart_pipeline(other)["clf"].get_params():
        models = "lstm or gru" if model == "cnn" else "cnn"
        raise ValueError(f"--set {text}: {model} has no {parameter}, choose --model {models}")
    advice = _advice(steps, name, prefix)
    raise ValueError(f"--set {text}: there is no parameter {prefix + name!r}.{advice}")


def _advice(steps, name, prefix):
    """The closest name, if one is close; else those that there are."""
    step, delimiter, parameter = name.partition("__")
    if not delimiter:
        owners = [s for s, estimator in steps.items() if name in estimator.get_params()]
        if owners:
            return f" Did you mean {f'{prefix}{owners[-1]}__{name}'!r}?"
    elif step in steps:
        names = list(steps[step].get_params(deep=False))
        near = difflib.get_close_matches(parameter, names, n=1, cutoff=0.75)
        return (
            f" Did you mean {f'{prefix}{step}__{near[0]}'!r}?"
            if near
            else f" {prefix}{step} has {names}."
        )
    else:
        near = difflib.get_close_matches(step, steps, n=1, cutoff=0.6)  # short names
        if near:
            return f" Did you mean {f'{prefix}{near[0]}__{parameter}'!r}?"
    return f" The steps are {', '.join(prefix + step for step in steps)}."


def _is_whole(pipeline, name, value):
    """Whether a value such as 1e2 stands for the int that the parameter needs."""
    step, _, parameter = name.partition("__")
    if not isinstance(value, float) or not value.is_integer() or not parameter:
        return False
    rules = getattr(pipeline[step], "_parameter_constraints", {}).get(parameter, [])
    kinds = [getattr(rule, "type", rule) for rule in rules]
    return Integral in kinds and Real not in kinds
