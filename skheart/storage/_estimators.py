"""Estimators as parameters and fitted attributes; which ones are kept, and what else they need."""

from __future__ import annotations

import re
from importlib import import_module
from typing import NamedTuple

from sklearn.base import BaseEstimator

from ._values import Refused

__all__ = ["KEPT", "pack_estimator", "unpack_estimator"]

FITTED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}_")
OUTPUT = "_sklearn_output_config"  # what set_output has chosen


class Kept(NamedTuple):
    """How the estimators of a class are kept.

    Attributes
    ----------
    module : str
        Where the class is.
    private : tuple of str
        Fitted attributes whose names do not end in "_" alone.
    left_out : tuple of str
        Parameters that are not kept; they are at their defaults in what is loaded.
    special : str or None
        The module beside this one that packs and unpacks some of the fitted attributes itself.
    inner : str or None
        The parameter that is an estimator, of a class that has no table of constraints.
    """

    module: str
    private: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    special: str | None = None
    inner: str | None = None


FOREST = Kept(
    "sklearn.ensemble",
    private=("_n_samples", "_n_samples_bootstrap", "_sample_weight"),
    special="_forest",
)

# The names that a file may give. A name is looked up here and nowhere else: no file decides what is
# imported. To keep one more class, add its line; parameters and fitted attributes (those that end
# in "_") need no more. They may be numbers, strings, arrays, lists, dicts and estimators.
KEPT = {
    "imblearn.Pipeline": Kept("imblearn.pipeline", left_out=("memory",), special="_steps"),
    "sklearn.Pipeline": Kept("sklearn.pipeline", left_out=("memory",), special="_steps"),
    "sklearn.ExtraTreesClassifier": FOREST,
    "sklearn.FrozenEstimator": Kept("sklearn.frozen", inner="estimator"),
    "sklearn.LabelEncoder": Kept("sklearn.preprocessing"),
    "sklearn.LogisticRegression": Kept("sklearn.linear_model"),
    "sklearn.RandomForestClassifier": FOREST,
    "sklearn.SimpleImputer": Kept("sklearn.impute", private=("_fit_dtype", "_fill_dtype")),
    "sklearn.StandardScaler": Kept("sklearn.preprocessing"),
    "sklearn.VotingClassifier": Kept("sklearn.ensemble", special="_voting"),
    "skheart.AttentionCNNClassifier": Kept("skheart.classifiers", special="_nets"),
    "skheart.AttentionRNNClassifier": Kept("skheart.classifiers", special="_nets"),
    "skheart.HeartCycleTransformer": Kept("skheart.cycles", special="_cycles"),
    "skheart.HeartPhaseSegmenter": Kept("skheart.segmentation", special="_phases"),
    "skheart.LogMelTransformer": Kept("skheart.features", special="_front_end"),
    "skheart.RandomOverSampler": Kept("skheart.sampling"),
    "skheart.RecordingDropout": Kept("skheart.sampling"),
    "skheart.Augmentation": Kept("skheart.augmentation"),
    "skheart.PatientClassifier": Kept("skheart.patients"),
}


def class_of(name):
    """The class that a name of `KEPT` stands for."""
    return getattr(import_module(KEPT[name].module), name.rpartition(".")[2])


def _name_of(cls, where):
    for name, kept in KEPT.items():
        top, _, last = name.rpartition(".")
        alike = cls.__name__ == last and cls.__module__.partition(".")[0] == top
        if alike and getattr(import_module(kept.module), last) is cls:
            return name
    if hasattr(cls, "best_estimator_") or cls.__name__.endswith("SearchCV"):
        raise TypeError(
            f"{where} is a {cls.__name__}: save its best_estimator_, which is the model."
        )
    raise TypeError(
        f"{where} is a {cls.__name__}, which cannot be kept; these can: "
        f"{', '.join(sorted(KEPT))}. Keep other models with joblib.dump (loading that runs code of "
        "the file)."
    )


def _special(kept):
    return import_module(f".{kept.special}", __package__) if kept.special else None


def _is_fitted_name(name, kept):
    return FITTED.fullmatch(name) or name in kept.private or name == OUTPUT


def pack_estimator(packer, estimator, where, depth):
    """An estimator as JSON: the name of its class, its parameters, its fitted attributes."""
    name = _name_of(type(estimator), where)
    kept = KEPT[name]
    params = estimator.get_params(deep=False)
    fitted = {key: value for key, value in vars(estimator).items() if key not in params}
    params = {key: value for key, value in params.items() if key not in kept.left_out}
    special = _special(kept)
    packed = special.pack(packer, estimator, fitted, where) if special else {}
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
    if type(name) is not str or name not in KEPT:
        raise Refused(
            f"{where} is of the class {str(name)[:80]!r}, which this version does not load; it "
            f"loads {', '.join(sorted(KEPT))}"
        )
    kept, cls = KEPT[name], class_of(name)
    estimator = _construct(unpacker, cls, kept, content["params"], where, depth)
    fitted = dict(content["fitted"])
    special = _special(kept)
    own = {key: fitted.pop(key) for key in special.NAMES if key in fitted} if special else {}
    for key in fitted:
        if not _is_fitted_name(key, kept) or hasattr(cls, key):
            raise Refused(f"{where}.{key[:80]} is no fitted attribute of a {cls.__name__}")
    values = {k: unpacker.unpack(v, f"{where}.{k}", depth + 1) for k, v in fitted.items()}
    vars(estimator).update(values)
    if special:
        special.unpack(unpacker, estimator, own, where)
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
