"""The recordings that the command `skheart` is given: tables and datasets by name."""

from __future__ import annotations

import contextlib
import re
import warnings

from ._arguments import DATASETS

__all__ = ["SubjectWarning", "faults", "read_source"]


class SubjectWarning(UserWarning):
    """Somebody may be on both sides of a split: shown with --quiet, too."""


def read_source(args):
    """The recordings of a table or of a dataset by name, and the subject of each.

    Recordings of a table that do not exist are kept: whoever reads them tells.
    """
    import numpy as np

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = _load(args)
    hint = ""
    for warning in caught:
        text = str(warning.message)
        like = re.search(r"no column 'subject'.* If '(.*?)' names", text)
        if like and data.groups is None:  # said below
            hint = f" If {like[1]!r} names them, pass --subject {like[1]}."
        else:
            leaks = "both sides of a split" in text
            _warn(text, SubjectWarning if leaks else warning.category)
    if data.groups is not None:
        return data, data.groups
    _warn(
        f"{args.source} has no subjects: every recording counts as a person of its own, and if "
        f"some are of the same person, scores are too good and intervals too narrow.{hint}",
        SubjectWarning,
    )
    return data, np.arange(len(data.paths))


def _warn(message, category):
    warnings.warn(message, category, stacklevel=3)


def _load(args):
    from . import datasets

    columns = {name: getattr(args, name) for name in ("path", "label", "subject")}
    columns = {name: column for name, column in columns.items() if column is not None}
    if args.target is not None and args.source != "circor":
        raise ValueError(f"--target is for circor, not for {args.source}: leave it out")
    if args.source not in DATASETS:
        if args.data is not None:
            raise ValueError(
                f"--data goes with a dataset by name ({', '.join(DATASETS)}), and "
                f"{args.source!r} is none of them. The paths in a table are relative to its "
                "folder: leave --data out"
            )
        return datasets.load_table(args.source, missing="keep", **columns)
    if args.data is None:
        raise ValueError(f"--data is missing: say in which folder {args.source} lies")
    if columns:
        raise ValueError(f"--{next(iter(columns))} is for tables: leave it out")
    target = {} if args.target is None else {"target": args.target}
    return getattr(datasets, f"load_{args.source}")(args.data, **target)


def faults(paths):
    """An error for each file that is plainly no recording, told by its heading alone."""
    found = (_fault(path) for path in paths)
    return [error for error in found if error is not None]


def _fault(path):
    import soundfile

    from .audio import read_recording

    with contextlib.suppress(OSError, ValueError, TypeError, soundfile.SoundFileError):
        if soundfile.info(path).frames > 0:
            return None
    try:
        read_recording(path)  # it knows what to say
    except (OSError, ValueError) as error:
        return error
    return None
