"""Estimators as parameters and fitted attributes; which ones are kept, and what else they need."""

from __future__ import annotations

import re

from sklearn.base import BaseEstimator

from ._checks import Refused
from ._registry import STORABLE, entry_of

__all__ = ["pack_estimator", "unpack_estimator"]

FITTED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}_")
OUTPUT = "_sklearn_output_config"  # what set_output has chosen


def _name_of(cls, where):
    name = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"
    if name in STORABLE and entry_of(name).cls is cls:
        return name
    if hasattr(cls, "best_estimator_") or cls.__name__.endswith("SearchCV"):
        raise TypeError(
            f"{where} is a {cls.__name__}: save its best_estimator_, which is the model."
        )
    raise TypeError(
        f"{where} is a {cls.__name__}, which cannot be kept; these can: "
        f"{', '.join(STORABLE)}. Keep other models with joblib.dump (loading that runs code of "
        "the file)."
    )


def _is_fitted_name(name, kept):
    return FITTED.fullmatch(name) or name in kept.private or name == OUTPUT


def pack_estimator(packer, estimator, where, depth):
    """An estimator as JSON: the name of its class, its parameters, its fitted attributes."""
    name = _name_of(type(estimator), where)
    kept = entry_of(name)
    params = estimator.get_params(deep=False)
    fitted = {key: value for key, value in vars(estimator).items() if key not in params}
    params = {key: value for key, value in params.items() if key not in kept.left_out}
    packed = kept.packer.pack(packer, estimator, fitted, where) if kept.packer else {}
    for key in fitted:
        if not _is_fitted_name(key, kept):
            raise TypeError(
                f"{where}.{key} is no fitted attribute of a {type(estimator).__name__} and cannot "
                "be kept. Delete it, or keep this model with joblib.dump (loading that runs code "
                "of the file)."
            )

    def pack_all(values):
        return {k: packer.pack(v, f"{where}.{k}", depth + 1) for k, v in values.items()}

    return {"class": name, "params": pack_all(params), "fitted": pack_all(fitted) | packed}


def unpack_estimator(unpacker, content, where, depth):
    """An estimator from JSON, made by its constructor and nothing else."""
    known = type(content) is dict and set(content) == {"class", "params", "fitted"}
    if not known or not all(type(content[key]) is dict for key in ("params", "fitted")):
        raise Refused(f"{where} is an estimator without what makes one")
    name = content["class"]
    if type(name) is not str or name not in STORABLE:
        raise Refused(
            f"{where} is of the class {str(name)[:80]!r}, which this version does not load; it "
            f"loads {', '.join(STORABLE)}"
        )
    kept = entry_of(name)
    cls = kept.cls
    estimator = _construct(unpacker, cls, kept, content["params"], where, depth)
    fitted = dict(content["fitted"])
    own = (
        {key: fitted.pop(key) for key in kept.packer.NAMES if key in fitted} if kept.packer else {}
    )
    for key in fitted:
        if not _is_fitted_name(key, kept) or hasattr(cls, key):
            raise Refused(f"{where}.{key[:80]} is no fitted attribute of a {cls.__name__}")
    values = {k: unpacker.unpack(v, f"{where}.{k}", depth + 1) for k, v in fitted.items()}
    vars(estimator).update(values)
    if kept.packer:
        kept.packer.unpack(unpacker, estimator, own, where)
    return estimator


def _construct(unpacker, cls, kept, packed, where, depth):
    names = set(cls._get_param_names()) - set(kept.left_out)
    for key in packed:
        if key not in names:
            raise Refused(f"{where}.{key[:80]} is no parameter of a {cls.__name__}")
    params = {k: unpacker.unpack(v, f"{where}.{k}", depth + 1) for k, v in packed.items()}
    if kept.inner and not isinstance(params.get(kept.inner), BaseEstimator):
        raise Refused(f"{where}.{kept.inner} is no estimator")
    try:
        estimator = cls(**params)
        # A LabelEncoder has no table, and a frozen estimator lends that of the one inside.
        if not kept.inner and hasattr(cls, "_parameter_constraints"):
            estimator._validate_params()
    except (ValueError, TypeError) as error:
        raise Refused(f"{where}: {error}") from error
    return estimator
