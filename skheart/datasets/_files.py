"""What the loaders share: folders, recordings on disk, and the Bunch they return."""

from __future__ import annotations

import os
from pathlib import Path

# Endings of the formats that libsndfile decodes. The first one that is there is taken where a
# recording lies in a folder in several formats.
AUDIO_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd",
    ".caf", ".w64", ".rf64", ".voc", ".sph", ".nist", ".avr", ".svx", ".8svx", ".ircam", ".wve",
)  # fmt: skip
TABLE_SUFFIXES = (".csv", ".tsv")


def existing_folder(folder, *, expected, fetch):
    """`folder` as a Path, or an error that says what was expected and how to get it."""
    root = Path(os.fspath(folder)).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder. Expected {expected}. {fetch}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file. Expected {expected}. {fetch}")
    return root


def subfolders(root):
    """Visible folders directly in `root`, sorted."""
    return sorted(d for d in root.iterdir() if d.is_dir() and not d.name.startswith("."))


def is_audio_name(name):
    """Whether a file name is that of a recording; ``._x.wav`` of macOS and hidden files are not."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def audio_by_stem(folder):
    """``{stem: path}`` of the recordings directly in `folder`, one per stem."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if is_audio_name(name):
            stem, suffix = os.path.splitext(name)
            rank = AUDIO_SUFFIXES.index(suffix.lower())
            if stem not in found or rank < found[stem][0]:
                found[stem] = (rank, os.path.join(folder, name))
    return {stem: path for stem, (_, path) in found.items()}


def joined(folder, name):
    """The path of `name`, relative to `folder`, without ``./`` and, where it is safe, ``..``."""
    path = os.path.join(folder, os.path.expanduser(name))
    short = os.path.normpath(path)
    # Behind a symbolic link, `..` is another folder than the one that the text suggests.
    if ".." in Path(path).parts and os.path.realpath(short) != os.path.realpath(path):
        return path
    return short


def missing_recordings(missing, *, listed_in, folder, fetch):
    """The error for recordings that a list names and the folder does not hold."""
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    return FileNotFoundError(
        f"{folder}: {len(missing)} recording(s) listed in {listed_in} are missing: {shown}. "
        f"Looked for {', '.join(AUDIO_SUFFIXES[:3])} and the like. {fetch}"
    )


def check_choice(name, value, choices):
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        allowed = ", ".join(repr(c) for c in choices)
        raise ValueError(f"`{name}` must be one of {allowed}. Got {value!r} instead.")


def as_bunch(paths, target, *, return_X_y, **fields):
    """The Bunch of a loader; `data` and `paths` are the same list."""
    if return_X_y:
        return paths, target
    from sklearn.utils import Bunch  # takes as long to import as pandas

    return Bunch(data=paths, paths=paths, target=target, **fields)


def list_recordings(paths, *, missing="raise"):
    """Expand files, folders and lists of recordings into one list of recordings.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A file is taken as it is, whatever its ending. A folder gives all recordings below it, at
        any depth, sorted by path; hidden files are left out. A ``.csv`` or ``.tsv`` table gives
        its `path` column (see :func:`load_table`), a ``.txt`` file gives one path per line; both
        relative to the folder of the table or file.
    missing : {"raise", "keep"}, default="raise"
        What to do with a path that does not exist: raise, or keep it in the list, so that whoever
        reads the recordings can report it and go on with the others.

    Returns
    -------
    recordings : list of str
        In the order given, each recording once.

    Raises
    ------
    FileNotFoundError
        A path does not exist and ``missing="raise"``.
    ValueError
        A folder or list holds no recording, or `paths` is empty or holds an empty string.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import list_recordings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ["b.wav", "a.flac", "notes.md"]:
    ...         Path(folder, name).touch()
    ...     [Path(p).name for p in list_recordings(folder)]
    ['a.flac', 'b.wav']
    """
    check_choice("missing", missing, ("raise", "keep"))
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    recordings = []
    for number, path in enumerate(paths):
        if not os.fspath(path):
            raise ValueError(
                f"`paths` holds an empty string, at position {number}: name a recording, a folder "
                f"or a list there, or leave it out ('.' is the current folder)."
            )
        path = Path(os.fspath(path)).expanduser()
        if path.is_dir():
            recordings += _below(path)
        elif path.suffix.lower() in (*TABLE_SUFFIXES, ".txt") and path.is_file():
            recordings += _listed(path, missing)
        elif path.exists() or missing == "keep":
            recordings.append(str(path))
        else:
            raise FileNotFoundError(f"{path}: there is no such recording, folder or list")
    if not recordings:
        raise ValueError("`paths` is empty: name at least one recording, folder or list.")
    unique = {}
    for recording in recordings:
        unique.setdefault(os.path.abspath(recording), recording)
    return list(unique.values())


def _below(folder):
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [d for d in folders if not d.startswith(".")]
        found += [joined(base, name) for name in names if is_audio_name(name)]
    if not found:
        raise ValueError(
            f"{folder}: no recording in this folder or below it; looked for files ending in "
            f"{', '.join(AUDIO_SUFFIXES)}."
        )
    return sorted(found)


def _listed(path, missing):
    if path.suffix.lower() in TABLE_SUFFIXES:
        from ._table import read_table

        lines = [
            str(cell).strip()
            for cell in read_table(path, columns={"path": "path"}, renames=False)["path"]
        ]
    else:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    found = [joined(path.parent, line) for line in lines if line]
    if not found:
        raise ValueError(f"{path}: the list names no recording; write one path per line.")
    absent = [f for f in found if not os.path.exists(f)]
    if absent and missing == "raise":
        raise FileNotFoundError(
            f"{path}: {len(absent)} recording(s) of the list are missing, first {absent[0]}; "
            f"paths are relative to the folder of the list."
        )
    return found
