"""Models that come with the package: trained, ready to predict, without a network.

``list_pretrained()`` names them, ``load_pretrained(name)`` gives one, and ``model_card(name)`` says
what it was trained on, how well it does and what it is not for: read it before you use one. In the
command: ``skheart predict --pretrained NAME FOLDER``.
"""

from __future__ import annotations

import difflib
from importlib.resources import as_file, files

from ..storage import load

__all__ = ["list_pretrained", "load_pretrained", "model_card"]

SUFFIX = ".safetensors"


def list_pretrained():
    """List the models that come with the package.

    Returns
    -------
    names : list of str
        Sorted, for `load_pretrained`.

    Examples
    --------
    >>> from skheart.pretrained import list_pretrained
    >>> names = list_pretrained()
    """
    names = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def load_pretrained(name):
    """Load a model that comes with the package; nothing is downloaded, and no code is run.

    Parameters
    ----------
    name : str
        One of `list_pretrained`.

    Returns
    -------
    estimator : PatientClassifier or Pipeline
        Fitted; it takes paths of recordings, or 1-D arrays at the rate of its front end.

    Raises
    ------
    ValueError
        If there is no model of that name.

    See Also
    --------
    model_card : What the model is, and what it is not for.

    Examples
    --------
    >>> from skheart import load_pretrained
    >>> load_pretrained("hss")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: There is no pre-trained model 'hss'. ...
    """
    _check_name(name)
    with as_file(_folder() / f"{name}{SUFFIX}") as path:
        return load(path)


def model_card(name):
    """Read the card of a model: data, licence, recipe, scores, and what it is not for.

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
        If there is no model of that name.

    Examples
    --------
    >>> from skheart.pretrained import list_pretrained, model_card
    >>> cards = {name: model_card(name) for name in list_pretrained()}
    """
    _check_name(name)
    return (_folder() / f"{name}.md").read_text(encoding="utf-8")


def _folder():
    return files(__name__)


def _check_name(name):
    names = list_pretrained()
    if name in names:
        return
    near = difflib.get_close_matches(str(name), names, n=1)
    there = f"There are: {', '.join(names)}." if names else "This installation has none."
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"There is no pre-trained model {name!r}.{hint} {there}")
