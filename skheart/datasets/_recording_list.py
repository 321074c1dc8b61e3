"""Expand files, folders and tables into a list of recordings."""

from __future__ import annotations

import os
from pathlib import Path

from .._utils.suggest import check_choice
from ._files import AUDIO_SUFFIXES, TABLE_SUFFIXES, is_audio_name, resolve_path


def list_recordings(paths, *, missing="raise"):
    """Expand files, folders and lists of recordings into one list of recordings.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A file is taken as it is, whatever its suffix. A folder gives all recordings below it,
        sorted by path, without hidden files. A ``.csv`` or ``.tsv`` table gives its `path` column
        (see :func:`load_table`), a ``.txt`` file one path per line; paths in both are relative to
        the folder of the table or file.
    missing : {"raise", "keep"}, default="raise"
        Whether to raise for a path that does not exist or to keep it in the list, so that the
        caller can report it and process the others.

    Returns
    -------
    recordings : list of str
        Each recording once, in the order given.

    Raises
    ------
    FileNotFoundError
        If a path does not exist and ``missing="raise"``.
    ValueError
        If a folder or list has no recording, or `paths` is empty or contains an empty string.

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
    for position, path in enumerate(paths):
        if not os.fspath(path):
            raise ValueError(
                f"paths has an empty string at position {position}. Name a recording, a folder or "
                f"a list, or remove it ('.' is the current folder)."
            )
        recordings += _expand(Path(path).expanduser(), missing)
    if not recordings:
        raise ValueError("paths is empty. Name at least one recording, folder or list.")
    unique = {}
    for recording in recordings:
        unique.setdefault(os.path.abspath(recording), recording)
    return list(unique.values())


def _expand(path, missing):
    """Return the recordings of one path."""
    if path.is_dir():
        return _walk(path)
    if path.suffix.lower() in (*TABLE_SUFFIXES, ".txt") and path.is_file():
        return _read_list(path, missing)
    if not path.exists() and missing == "raise":
        raise FileNotFoundError(f"{path}: there is no such recording, folder or list.")
    return [str(path)]


def _walk(folder):
    """Return all recordings below a folder."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [d for d in folders if not d.startswith(".")]
        found += [resolve_path(base, name) for name in names if is_audio_name(name)]
    if not found:
        raise ValueError(
            f"{folder}: no recording in this folder or below it. Looked for files ending in "
            f"{', '.join(AUDIO_SUFFIXES)}."
        )
    return sorted(found)


def _read_list(path, missing):
    """Return the recordings of a table or text file."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        from ._read_table import read_table

        lines = read_table(path, columns={"path": "path"}, can_rename=False)["path"]
    else:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    found = [resolve_path(path.parent, line.strip()) for line in lines if line.strip()]
    if not found:
        raise ValueError(f"{path}: the list has no recording. Write one path per line.")
    absent = [p for p in found if not os.path.exists(p)]
    if absent and missing == "raise":
        raise FileNotFoundError(
            f"{path}: {len(absent)} recording(s) of the list do not exist, the first is "
            f"{absent[0]}. Paths are relative to the folder of the list."
        )
    return found
