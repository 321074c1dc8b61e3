"""Model files: a fitted estimator in, one safetensors file without code out, and back.

In: a fitted estimator of the classes in `STORABLE`. Out: a file; `load` gives the estimator back.
Files: `_values` (values as JSON), `_estimators` (parameters and fitted attributes), `_registry`
(which classes), `_file` (the container). `_pipelines`, `_voting` and `_forest` pack classes of
other libraries; the classes of skheart are packed in their own rooms, which call `register`.
Imports `_utils` only. An estimator is found by its public name in `skheart`.

The format
----------
A file is a safetensors file (https://github.com/huggingface/safetensors), little-endian: 8 bytes
with the length n of the header, n bytes of JSON, and the tensors, whose types, shapes and offsets
are in the header. The header has one entry of metadata, ``"skheart"``: a string that contains
JSON, the document. n is at most 2**23. The document is an object with

- ``"format"``: 1, the version of this specification. A reader refuses a higher one.
- ``"sha256"``: 64 hexadecimal digits, the SHA-256 of the whole file with these digits replaced by
  zeros (0x30). Every version of the format begins with these two entries.
- ``"versions"``: versions of the libraries that wrote the file, by name, for information.
- ``"model"``: a value, the estimator.

A value is null, a boolean, a number (an int of at most 64 bits, or with a point or an exponent a
float), a string, an array (a Python list) of values, or an object with one entry, whose name is
its kind:

- ``{"float": "nan"}``, ``"inf"`` or ``"-inf"``.
- ``{"tuple": [value, ...]}``, ``{"named_tuple": ["PatientPredictions", [value, ...]]}``.
- ``{"dict": [[key, value], ...]}``, ``{"ordered_dict": ...}``: keys are values too, at most
  1000 of them.
- ``{"scalar": ["float32", 0.5]}``: a NumPy number (bool, int8 to int64, uint8 to uint64, float16
  to float64; NaN and infinities as strings), or ``["str", "text"]``.
- ``{"array": {"tensor": name, "order": "C"}}``: an array of such numbers. The tensor is in C
  order; "F" means that the array was in Fortran order in memory, which may affect last bits.
- ``{"array": {"dtype": "U6", "shape": [3], "items": ["mild", ...]}}``: an array of strings (of up
  to 6 characters), or with ``"object"`` of any values, in C order.
- ``{"dtype": "float32"}``, ``{"numpy_class": "float32"}``: a NumPy dtype or scalar class.
- ``{"torch_class": "AdamW"}``: an optimizer of `torch.optim`, or CrossEntropyLoss.
- ``{"torch_device": "cuda:0"}``.
- ``{"estimator": {"class": name, "params": {...}, "fitted": {...}}}``: constructor parameters and
  fitted attributes, by name, as values. Class names are those in `skheart.storage.STORABLE`.

Each tensor is used once. Its name says where it belongs in the model, for information.

Exceptions:

- Attention classifiers: ``net_`` is an object from each name in the state_dict of the torch module
  to the name of a tensor; ``history_`` is a value as in skorch, without records of batches.
- LogMelTransformer: window and filters follow from its parameters and are not stored. Instead of
  ``frame_times_`` the number of frames is stored (``n_frames``).
- VotingClassifier: ``named_estimators_`` is not stored.
- Forests: ``estimators_`` is an object with ``"max_features_"``, a value, and the names of nine
  tensors, in which the trees follow one another. ``n_nodes`` and ``random_state`` have an entry per
  tree. ``left`` and ``kind`` have one per node: the distance to its left child (0 for a leaf) and
  its row in ``kinds``. ``right`` (the distance to the right child), ``feature``, ``threshold`` and
  ``missing_go_to_left`` have one per node that is not a leaf. A row of ``kinds`` is shared by nodes
  with the same number of samples, weight, impurity and class proportions.

What is stored
--------------
Float32 predictions on the CPU are bit-identical, on the same machine with the same versions.
`get_params` gives the same values, except that the ``memory`` of a pipeline, a folder of one
machine, becomes None. A loaded estimator can be cloned and fitted again. A RandomState is refused,
because steps that share one would no longer do so. Of skorch_params, settings and the optimizers
of torch are stored; callbacks, net_class and other classes are code and are refused by name.
`joblib.dump` stores those; loading such a file runs code in it.

All nodes of a forest are restored exactly, and so is what follows from them, such as
feature_importances_. Only thresholds are rounded down to float32, which cannot change a
prediction: trees convert their input to float32. A forest with several outputs is refused, and so
is one whose trees were fitted with other parameters than it has now, or with negative weights.

skops also stores scikit-learn estimators without pickle, but it takes import paths from the file,
sets the state of objects past their constructors, and does not know torch modules.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from .._utils.files import MODEL, check_output, open_atomic
from ._checks import InvalidModel, check_weights, is_count
from ._file import from_file, to_bytes
from ._registry import STORABLE, register
from ._values import Packer, Unpacker

__all__ = ["STORABLE", "load", "save"]

FORMAT = 1
LIBRARIES = ("imbalanced-learn", "numpy", "scikit-learn", "skorch", "torch")


def save(estimator, path):
    """Write a fitted estimator to one file without code.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline of `make_heart_pipeline`, or another estimator of the classes in
        `skheart.storage.STORABLE`. For a search, save its ``best_estimator_``.
    path : str or Path
        The file to write. An existing model file is replaced once the new one is complete; any
        other file is never overwritten. No suffix is added.

    Raises
    ------
    TypeError
        If a part of the estimator cannot be stored: a class that is not in the list, a callback,
        a `net_class`, a RandomState. The message names it.
    ValueError
        If parameters of the front end or the network were changed after `fit`, or if the path
        cannot be written or is a file of another kind.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    load : Read the estimator.

    Notes
    -----
    `skheart.storage` documents the format and what is stored.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import skheart
    >>> X = np.random.default_rng(0).normal(size=(20, 32, 16)).astype("float32")
    >>> y = np.repeat(["murmur", "normal"], 10)
    >>> clf = skheart.AttentionCNNClassifier(channels=(4,), max_epochs=1, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "clf.safetensors"
    ...     skheart.save(clf, path)
    ...     again = skheart.load(path)
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(f"estimator must be a fitted estimator. Got {estimator!r:.80} instead.")
    check_output(path, [], MODEL, "path")
    packer = Packer()
    model = packer.pack(estimator, "model")  # its message is better than that of check_is_fitted
    check_is_fitted(estimator)
    document = {"format": FORMAT, "sha256": "", "versions": _versions(), "model": model}
    content = to_bytes(document, packer.tensors)
    with open_atomic(path, "wb") as file:
        file.write(content)


def load(path):
    """Read an estimator that `save` wrote, without running code from the file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    estimator : estimator
        As it was saved. A network goes to its `device` ("auto": CUDA if available), or to the
        CPU, with a warning, if that device is not available.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model (a pickle, another safetensors file), is damaged, was written
        by a newer version, or has invalid content; the message says which.

    See Also
    --------
    save : Write an estimator; with an example of both.

    Examples
    --------
    >>> import skheart
    >>> skheart.load("nowhere.safetensors")
    Traceback (most recent call last):
    FileNotFoundError: nowhere.safetensors does not exist. Give a file that skheart.save wrote.
    """
    try:
        return _read(path)
    except InvalidModel as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def _read(path):
    document, tensors = from_file(path)
    _check_version(document)
    unpacker = Unpacker(tensors)
    model = unpacker.unpack(document["model"], "model")
    unpacker.check_all_taken()
    if not hasattr(model, "get_params"):
        raise InvalidModel("it does not contain an estimator")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise InvalidModel(f"it contains a {type(model).__name__} that is not fitted") from error
    return model


def _check_version(document):
    number = document.get("format")
    if type(number) is not int or number < 1:
        raise InvalidModel("it is damaged: the format has no version")
    if number > FORMAT:
        versions = document.get("versions")
        writer = versions.get("skheart") if type(versions) is dict else None
        raise InvalidModel(
            f"it was written by a newer skheart ({writer}, format {number}). This version, "
            f"{__version__}, reads formats up to {FORMAT}. Update skheart."
        )
    if set(document) != {"format", "sha256", "versions", "model"}:
        raise InvalidModel("it is damaged: the document has missing or unknown entries")


def _versions():
    versions = {"python": platform.python_version(), "skheart": __version__}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:  # imported from a folder
            versions[library] = "unknown"
    return versions
