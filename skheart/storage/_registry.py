"""Registry of the classes that a model file may name.

Names in a file are looked up in the closed lists below and nowhere else, so that no file decides
what is imported. Classes of skheart are found as public names of the package; the room of each
class registers how it is stored.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import skheart

__all__ = ["STORABLE", "Entry", "entry_of", "named_tuple", "named_tuple_name", "register"]


class Entry(NamedTuple):
    """How estimators of a class are stored."""

    cls: type
    private: tuple[str, ...] = ()  # fitted attributes with names that break scikit-learn's rule
    left_out: tuple[str, ...] = ()  # parameters that are not stored; loaded with their defaults
    packer: object = None  # module with `pack`, `unpack` and `NAMES`, the attributes it stores
    inner: str | None = None  # parameter that must be an estimator, in a class without constraints


# Classes of other libraries: module, fields of `Entry`, module of the packer in this room.
_FOREST = {"private": ("_n_samples", "_n_samples_bootstrap", "_sample_weight")}
_LIBRARIES = {
    "imblearn.Pipeline": ("imblearn.pipeline", {"left_out": ("memory",)}, "_pipelines"),
    "sklearn.ExtraTreesClassifier": ("sklearn.ensemble", _FOREST, "_forest"),
    "sklearn.FrozenEstimator": ("sklearn.frozen", {"inner": "estimator"}, None),
    "sklearn.LabelEncoder": ("sklearn.preprocessing", {}, None),
    "sklearn.LogisticRegression": ("sklearn.linear_model", {}, None),
    "sklearn.Pipeline": ("sklearn.pipeline", {"left_out": ("memory",)}, "_pipelines"),
    "sklearn.RandomForestClassifier": ("sklearn.ensemble", _FOREST, "_forest"),
    "sklearn.SimpleImputer": ("sklearn.impute", {"private": ("_fit_dtype", "_fill_dtype")}, None),
    "sklearn.StandardScaler": ("sklearn.preprocessing", {}, None),
    "sklearn.VotingClassifier": ("sklearn.ensemble", {}, "_voting"),
}
# Public names of skheart.
_OWN = (
    "AttentionCNNClassifier",
    "AttentionRNNClassifier",
    "Augmentation",
    "HeartCycleTransformer",
    "HeartPhaseSegmenter",
    "LogMelTransformer",
    "PatientClassifier",
    "RandomOverSampler",
    "RecordingDropout",
)
_NAMED_TUPLES = ("PatientPredictions",)

STORABLE = tuple(sorted([*_LIBRARIES, *(f"skheart.{name}" for name in _OWN)]))

_ENTRIES = {}


def register(cls, **fields):
    """Declare how estimators of a public class of skheart are stored, by fields of `Entry`."""
    _ENTRIES[f"skheart.{cls.__name__}"] = Entry(cls, **fields)


def entry_of(name):
    """Return the `Entry` of a name in `STORABLE`."""
    if name not in _ENTRIES:
        last = name.rpartition(".")[2]
        if name in _LIBRARIES:
            module, fields, packer = _LIBRARIES[name]
            if packer is not None:
                fields = {**fields, "packer": import_module(f".{packer}", __package__)}
            _ENTRIES[name] = Entry(getattr(import_module(module), last), **fields)
        else:
            cls = getattr(skheart, last)  # importing its room may register it
            _ENTRIES.setdefault(name, Entry(cls))
    return _ENTRIES[name]


def named_tuple(name):
    """Return the named tuple of skheart that a file names, or None."""
    return getattr(skheart, name) if name in _NAMED_TUPLES else None


def named_tuple_name(cls):
    """Return the name under which a named tuple is stored, or None."""
    known = cls.__name__ in _NAMED_TUPLES and cls is getattr(skheart, cls.__name__)
    return cls.__name__ if known else None
