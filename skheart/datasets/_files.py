"""Find recordings and folders on disk, and build the Bunch that loaders return."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ..audio import AUDIO_SUFFIXES, PHONE_SUFFIXES, RecordingWarning

# Of a recording in several formats the first of these is taken.
SUFFIXES = (*AUDIO_SUFFIXES, *PHONE_SUFFIXES)
TABLE_SUFFIXES = (".csv", ".tsv")


class LeakageWarning(UserWarning):
    """Warns that recordings of a subject may be on both sides of a split."""

    column = None  # of a table: looks like the subjects, but is not used as such


def check_folder(folder, *, expected, remedy):
    """Return `folder` as a Path; raise if it is missing or not a folder."""
    root = Path(folder).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder. Expected {expected}. {remedy}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file. Expected {expected}. {remedy}")
    return root


def list_subfolders(root):
    """Return the visible folders directly in `root`, sorted."""
    return sorted(d for d in root.iterdir() if d.is_dir() and not d.name.startswith("."))


def is_audio_name(name):
    """Return whether a file name looks like a recording. Hidden files (``._x.wav``) do not."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def find_recordings(folder):
    """Return ``{stem: path}`` of the recordings directly in `folder`.

    Of a recording in several formats one is taken, with a warning.
    """
    ranked = {}
    for name in sorted(filter(is_audio_name, os.listdir(folder))):
        stem, suffix = os.path.splitext(name)
        ranked.setdefault(stem, []).append((SUFFIXES.index(suffix.lower()), name))
    several = [sorted(names) for names in ranked.values() if len(names) > 1]
    if several:
        first = several[0]
        warnings.warn(
            f"{folder}: {len(several)} recording(s) are present in several formats (first: "
            f"{' and '.join(name for _, name in first)}); only {first[0][1]} is read. Remove the "
            f"others.",
            RecordingWarning,
            stacklevel=5,
        )
    return {stem: os.path.join(folder, min(names)[1]) for stem, names in ranked.items()}


def resolve_path(folder, name):
    """Return the path of `name` relative to `folder`, without ``./`` and, where safe, ``..``."""
    path = os.path.join(folder, os.path.expanduser(name))
    short = os.path.normpath(path)
    # Through a symbolic link, `..` leads to another folder than the text suggests.
    if ".." in Path(path).parts and os.path.realpath(short) != os.path.realpath(path):
        return path
    return short


def missing_recordings_error(missing, *, listed_in, folder, remedy):
    """Return the error for listed recordings that `folder` does not hold."""
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    return FileNotFoundError(
        f"{folder}: {len(missing)} recording(s) listed in {listed_in} are missing: {shown}. "
        f"Looked for files ending in {', '.join(AUDIO_SUFFIXES[:3])}, .... {remedy}"
    )


def as_bunch(frame, target, *, return_X_y, segmentation=None, **fields):
    """Return the Bunch of a loader, or ``(paths, target)``; `frame` has a column `path`."""
    paths = list(frame["path"])
    if return_X_y:
        return paths, target
    from sklearn.utils import Bunch  # takes as long to import as pandas

    segmentation = segmentation or [None] * len(paths)
    return Bunch(
        data=paths, paths=paths, target=target, frame=frame, segmentation=segmentation, **fields
    )
