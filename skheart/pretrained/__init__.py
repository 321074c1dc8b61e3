"""Pretrained models, shipped with the package: a name in, a fitted estimator or its card out.

``list_pretrained()`` lists the names, ``load_pretrained(name)`` loads a model, and
``model_card(name)`` documents its data, scores and limits. Read the card before you use a model.
On the command line: ``skheart predict --pretrained NAME FOLDER``. Imports `_utils` and `storage`.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from .._utils.suggest import closest

__all__ = ["list_pretrained", "load_pretrained", "model_card"]

SUFFIX = ".safetensors"


def list_pretrained():
    """List the pretrained models.

    Returns
    -------
    names : list of str
        Sorted names for `load_pretrained`.

    Examples
    --------
    >>> from skheart.pretrained import list_pretrained
    >>> names = list_pretrained()
    """
    names = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def load_pretrained(name):
    """Load a pretrained model, without a download and without running code from its file.

    Parameters
    ----------
    name : str
        One of `list_pretrained`.

    Returns
    -------
    estimator : PatientClassifier or Pipeline
        A fitted model for paths of recordings, or 1-D arrays at the rate of its front end.

    Raises
    ------
    ValueError
        If there is no such model.

    See Also
    --------
    model_card : Data, scores and limits of the model.

    Examples
    --------
    >>> from skheart import load_pretrained
    >>> load_pretrained("hss")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: There is no pre-trained model 'hss'. ...
    """
    from ..storage import load

    check_name(name)
    with as_file(_folder() / f"{name}{SUFFIX}") as path:
        return load(path)


def model_card(name):
    """Return the card of a model: data, licence, recipe, scores and limits.

    Parameters
    ----------
    name : str
        One of `list_pretrained`.

    Returns
    -------
    card : str
        Markdown.

    Raises
    ------
    ValueError
        If there is no such model.

    Examples
    --------
    >>> from skheart.pretrained import list_pretrained, model_card
    >>> cards = {name: model_card(name) for name in list_pretrained()}
    """
    check_name(name)
    return (_folder() / f"{name}.md").read_text(encoding="utf-8")


def _folder():
    return files(__name__)


def check_name(name):
    """Raise unless there is a model of that name."""
    names = list_pretrained()
    if name not in names:
        available = f"There are: {', '.join(names)}." if names else "This installation has none."
        raise ValueError(
            f"There is no pre-trained model {name!r}.{closest(str(name), names)} {available}"
        )
