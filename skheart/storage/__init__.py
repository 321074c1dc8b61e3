"""Fitted models in one file that holds data and no code.

``skheart.save(pipeline, path)`` writes a fitted estimator whole: parameters, learnt values, weights
of the net, labels, versions. ``skheart.load(path)`` gives it back, and runs nothing that stands in
the file. `skheart train` writes such files; `predict`, `evaluate` and `explain` read them.

The format
----------
A file is a safetensors file (https://github.com/huggingface/safetensors), little-endian: 8 bytes
that are the length n of the header, n bytes of JSON, and the tensors, whose types, shapes and
places the header gives. The header has one entry of metadata, ``"skheart"``, a string that is
JSON again, the document. n is at most 2**23. The document is an object of

- ``"format"``: 1, the version of what is said here. A reader refuses a higher one.
- ``"sha256"``: 64 hexadecimal digits, the SHA-256 of the whole file with zeros (0x30) in place of
  these digits. Every version of the format begins with these two.
- ``"versions"``: the libraries that wrote it, name to version, for people to read.
- ``"model"``: a value, the estimator.

A value is null, a boolean, a number (a whole one of at most 64 bits is an int, one with a point or
an exponent a float), a string, an array (a Python list) of values, or an object with one entry, the
name of which says its kind:

- ``{"float": "nan"}``, ``"inf"`` or ``"-inf"``.
- ``{"tuple": [value, ...]}``, ``{"named_tuple": ["PatientPredictions", [value, ...]]}``.
- ``{"dict": [[key, value], ...]}``, ``{"ordered_dict": ...}``: keys are values too.
- ``{"scalar": ["float32", 0.5]}``: a number of numpy (bool, int8 to int64, uint8 to uint64, float16
  to float64; what is not finite as a string), or ``["str", "text"]``.
- ``{"array": {"tensor": name, "order": "C"}}``: an array of such numbers. The tensor is in C
  order; "F" says that the array was in Fortran order in memory, on which last bits may depend.
- ``{"array": {"dtype": "U6", "shape": [3], "items": ["mild", ...]}}``: an array of strings (of up
  to 6 characters), or with ``"object"`` of any values, in C order.
- ``{"dtype": "float32"}``, ``{"numpy_class": "float32"}``: a dtype, a scalar class of numpy.
- ``{"torch_class": "AdamW"}``: an optimizer of `torch.optim`, or CrossEntropyLoss.
- ``{"torch_device": "cuda:0"}``.
- ``{"estimator": {"class": name, "params": {...}, "fitted": {...}}}``: the parameters of the
  constructor and the fitted attributes, by name, as values. The classes are those of
  `skheart.storage.STORABLE`, by their names there.

Two attributes of the attention classifiers are not values: ``net_`` is an object that gives for
each weight of the torch module (its name in the state_dict) the name of its tensor, ``history_`` is
a value as in skorch, without the records of single batches. The window and the filters of a
LogMelTransformer follow from its parameters and are not stored, and of its ``frame_times_`` only
how many they are (``n_frames``). Nor are ``named_estimators_`` of a VotingClassifier, which are its
``estimators_`` under the names of its parameter. Each tensor is used once. Names
of tensors are for people: where the tensor stands in the model.

``estimators_`` of a forest is an object too: ``"max_features_"``, a value, and the names of nine
tensors, in which the trees follow one another. ``n_nodes`` and ``random_state`` have an entry for
each tree. ``left`` and ``kind`` have one for each node: how far behind it its left child is (0: it
is a leaf), and its row of ``kinds``. ``right``, ``feature``, ``threshold`` and
``missing_go_to_left`` have one for each node that is no leaf. A row of ``kinds`` is what nodes have
in common: number of samples, their weight, impurity, and the share of each class.

What is kept and what is not
----------------------------
Predictions in float32 on the CPU are the same to the last bit, on the same machine and versions.
`get_params` gives the same, but for the ``memory`` of a pipeline, a folder of this machine, which
becomes None. What is kept can be cloned and fitted again. A RandomState is refused: steps that
share one would no longer. Of skorch_params settings are kept, and the optimizers of torch;
callbacks, net_class and other people's classes are code, and are refused by name. `joblib.dump`
keeps those, as before: loading such a file runs code that is in it.

Forests come back with all that their nodes know, to the last bit, and so does what follows from it,
such as feature_importances_. Thresholds alone are rounded down to float32, which no prediction can
notice: trees cast what they are given to float32. A forest of several outputs is refused, and so is
one whose trees were fitted with other parameters than it has now, or with negative weights.

Why not skops
-------------
skops (a zip archive of a JSON tree and .npy files) also keeps scikit-learn estimators without
pickle. But it takes import paths from the file, which the user must judge ("trusted" types), it
sets the state of an object behind its constructor's back, and it does not know torch modules, so
the larger part of a model of skheart would still need a format of its own. Here a file gives names
from a closed list, the constructors check the parameters, the package builds the net, and the
weights can be read by any safetensors reader.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from .._utils.files import MODEL, check_output, replacing
from ._checks import Refused, check_weights, is_count
from ._file import from_file, to_bytes
from ._registry import STORABLE, register
from ._values import Packer, Unpacker

__all__ = ["STORABLE", "load", "save"]

FORMAT = 1
LIBRARIES = ("imbalanced-learn", "numpy", "scikit-learn", "skorch", "torch")


def save(estimator, path):
    """Write a fitted estimator to one file that holds no code.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline of `make_heart_pipeline`, or another estimator of the classes in
        `skheart.storage.STORABLE`; of a search, save its ``best_estimator_``.
    path : str or Path
        Where to write. A model file that is there is replaced once the new one is complete; any
        other file is left alone. No suffix is added.

    Raises
    ------
    TypeError
        If a part of the estimator cannot be kept: a class that is not in the list, a callback, a
        `net_class`, a RandomState. The message names it.
    ValueError
        If parameters of the front end or the net were changed after the fit, or the path cannot be
        written or holds something else.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    load : Read it again.

    Notes
    -----
    The format, what is kept and what is not are in the documentation of `skheart.storage`.

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
    model = packer.pack(estimator, "model")  # what cannot be kept is the better message
    check_is_fitted(estimator)
    document = {"format": FORMAT, "sha256": "", "versions": _versions(), "model": model}
    content = to_bytes(document, packer.tensors)
    with replacing(path, "wb") as file:
        file.write(content)


def load(path):
    """Read an estimator that `save` wrote; nothing in the file is run.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    estimator : estimator
        As it was saved. A net goes to the device that its parameter `device` says ("auto": CUDA
        where there is one), or to the CPU, with a warning, if that device is not there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no model (a pickle, another safetensors file), damaged, written by a newer
        version, or holds what no model holds; the message says which.

    See Also
    --------
    save : Write it; with an example of both.

    Examples
    --------
    >>> import skheart
    >>> skheart.load("nowhere.safetensors")
    Traceback (most recent call last):
    FileNotFoundError: there is no model nowhere.safetensors: give the file that skheart.save wrote
    """
    try:
        document, tensors = from_file(path)
        _check_version(document)
        unpacker = Unpacker(tensors)
        model = unpacker.unpack(document["model"], "model")
        unpacker.check_all_taken()
        if not hasattr(model, "get_params"):
            raise Refused("holds no estimator")
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            raise Refused(f"holds a {type(model).__name__} that is not fitted") from error
    except Refused as error:
        said = str(error)
        verb = "" if said.startswith(("is ", "has ", "holds ", "was ")) else "holds no model: "
        raise ValueError(f"{path} {verb}{said}") from error
    return model


def _check_version(document):
    number = document.get("format")
    if type(number) is not int or number < 1:
        raise Refused("is damaged: it has no version of the format")
    if number > FORMAT:
        versions = document.get("versions")
        writer = versions.get("skheart") if type(versions) is dict else None
        raise Refused(
            f"was written by a newer skheart ({writer}, format {number}); this one, {__version__}, "
            f"reads formats up to {FORMAT}: update skheart"
        )
    if set(document) != {"format", "sha256", "versions", "model"}:
        raise Refused("is damaged: its description has other parts than a model")


def _versions():
    versions = {"python": platform.python_version(), "skheart": __version__}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:  # imported from a folder
            versions[library] = "unknown"
    return versions
