"""Estimators as constructor parameters and fitted attributes."""

from __future__ import annotations

import re
from contextlib import contextmanager

from sklearn.base import BaseEstimator

from ._checks import USE_JOBLIB, InvalidModel
from ._registry import STORABLE, entry_of

__all__ = ["pack_estimator", "unpack_estimator"]

FITTED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}_")
OUTPUT = "_sklearn_output_config"  # set by set_output
MAX_PIPELINES = 4  # in each other: with each, checks of scikit-learn take 6 times as long


def _class_name(cls, where):
    name = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"
    if name in STORABLE and entry_of(name).cls is cls:
        return name
    if hasattr(cls, "best_estimator_") or cls.__name__.endswith("SearchCV"):
        raise TypeError(
            f"{where} is a {cls.__name__}, which cannot be stored. Save its best_estimator_."
        )
    raise TypeError(
        f"{where} is a {cls.__name__}, which cannot be stored. These classes can: "
        f"{', '.join(STORABLE)}. {USE_JOBLIB}"
    )


def _is_fitted_name(name, entry):
    return FITTED.fullmatch(name) or name in entry.private or name == OUTPUT


def pack_estimator(packer, estimator, where, depth):
    """Return an estimator as JSON: name of the class, parameters, fitted attributes."""
    name = _class_name(type(estimator), where)
    entry = entry_of(name)
    params = estimator.get_params(deep=False)
    fitted = {key: value for key, value in vars(estimator).items() if key not in params}
    params = {key: value for key, value in params.items() if key not in entry.left_out}
    packed = entry.packer.pack(packer, estimator, fitted, where) if entry.packer else {}
    for key in fitted:
        if not _is_fitted_name(key, entry):
            raise TypeError(
                f"{where}.{key} is not a fitted attribute of a {type(estimator).__name__} and "
                f"cannot be stored. Delete it. {USE_JOBLIB}"
            )

    def pack_all(values):
        return {k: packer.pack(v, f"{where}.{k}", depth + 1) for k, v in values.items()}

    with _inside(packer, name, where, ValueError):
        return {"class": name, "params": pack_all(params), "fitted": pack_all(fitted) | packed}


@contextmanager
def _inside(holder, name, where, error):
    """Count the pipelines around the values of an estimator; raise if there are too many."""
    is_pipeline = name.endswith(".Pipeline")
    holder.n_pipelines += is_pipeline
    if holder.n_pipelines > MAX_PIPELINES:
        raise error(f"{where} is a pipeline inside of {MAX_PIPELINES} others, the most allowed.")
    yield
    holder.n_pipelines -= is_pipeline


def unpack_estimator(unpacker, content, where, depth):
    """Return an estimator from JSON, made by its constructor and nothing else."""
    known = type(content) is dict and set(content) == {"class", "params", "fitted"}
    if not known or not all(type(content[key]) is dict for key in ("params", "fitted")):
        raise InvalidModel(f"{where} is an estimator without class, params or fitted")
    name = content["class"]
    if type(name) is not str or name not in STORABLE:
        raise InvalidModel(
            f"{where} is of the class {str(name)[:80]!r}, which this version does not load. It "
            f"loads {', '.join(STORABLE)}"
        )
    with _inside(unpacker, name, where, InvalidModel):
        return _unpack_known(unpacker, name, content, where, depth)


def _unpack_known(unpacker, name, content, where, depth):
    """Return an estimator of a listed class."""
    entry = entry_of(name)
    cls = entry.cls
    estimator = _construct(unpacker, cls, entry, content["params"], where, depth)
    fitted = dict(content["fitted"])
    names = entry.packer.NAMES if entry.packer else ()
    own = {key: fitted.pop(key) for key in names if key in fitted}
    for key in fitted:
        if not _is_fitted_name(key, entry) or hasattr(cls, key):
            raise InvalidModel(f"{where}.{key[:80]} is not a fitted attribute of a {cls.__name__}")
    values = {k: unpacker.unpack(v, f"{where}.{k}", depth + 1) for k, v in fitted.items()}
    vars(estimator).update(values)
    if entry.packer:
        entry.packer.unpack(unpacker, estimator, own, where)
    return estimator


def _construct(unpacker, cls, entry, packed, where, depth):
    names = set(cls._get_param_names()) - set(entry.left_out)
    for key in packed:
        if key not in names:
            raise InvalidModel(f"{where}.{key[:80]} is not a parameter of a {cls.__name__}")
    # "deprecated" is scikit-learn's mark of a parameter that was not set. Versions in which the
    # parameter is not deprecated refuse it.
    given = {k: v for k, v in packed.items() if v != "deprecated"}
    params = {k: unpacker.unpack(v, f"{where}.{k}", depth + 1) for k, v in given.items()}
    if entry.inner and not isinstance(params.get(entry.inner), BaseEstimator):
        raise InvalidModel(f"{where}.{entry.inner} is not an estimator")
    try:
        estimator = cls(**params)
        # A LabelEncoder has no constraints; a FrozenEstimator has those of the estimator inside.
        if not entry.inner and hasattr(cls, "_parameter_constraints"):
            estimator._validate_params()
    except (ValueError, TypeError) as error:
        raise InvalidModel(f"{where}: {error}") from error
    return estimator
