"""Expand files, folders and tables into a list of recordings."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from .._utils.suggest import check_choice
from ..audio import RecordingWarning
from ._files import TABLE_SUFFIXES, resolve_path
from ._read_table import read_table, read_text
from ._scan import check_any, describe_hidden, scan_folder
from ._table_checks import NA_VALUES, check_filled


def list_recordings(paths, *, missing="raise"):
    """Expand files, folders and lists of recordings into one list of recordings.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A file is taken as given, whatever its suffix. A folder gives all recordings below it,
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

    Warns
    -----
    skheart.audio.RecordingWarning
        If a folder holds files that are sound by their first bytes but not by their suffix, folders
        that cannot be read, or hidden sound files. They are not in the list. Other files, such as
        tables and notes, are ignored.

    Raises
    ------
    FileNotFoundError
        If a path does not exist and ``missing="raise"``.
    ValueError
        If a folder or list has no recording, a row of a table has no path, or `paths` is empty or
        contains an empty string.

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
    recordings, contents = collect_recordings(paths, missing=missing)
    sentences = [sentence for part in contents for sentence in part.lost.values()]
    if len(sentences) > 5:
        sentences = [*sentences[:5], f"{len(sentences) - 5} more are left out."]
    hidden = [path for part in contents for path in part.hidden]
    if hidden:
        sentences.append(describe_hidden(hidden))
    if sentences:
        warnings.warn(" ".join(sentences), RecordingWarning, stacklevel=2)
    return recordings


def collect_recordings(paths, *, missing):
    """Return the recordings of `list_recordings`, and the contents of each folder in `paths`."""
    check_choice("missing", missing, ("raise", "keep"))
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    recordings, contents = [], []
    for position, path in enumerate(paths):
        if not os.fspath(path):
            raise ValueError(
                f"paths has an empty string at position {position}. Name a recording, a folder or "
                f"a list, or remove it ('.' is the current folder)."
            )
        given, path = os.path.expanduser(os.fspath(path)), Path(path).expanduser()
        if path.is_dir():
            contents.append(scan_folder(path))
            check_any(path, contents[-1])
            recordings += contents[-1].recordings
        elif path.suffix.lower() in (*TABLE_SUFFIXES, ".txt") and path.is_file():
            recordings += _read_list(path, missing)
        elif path.exists() or missing == "keep":
            recordings.append(given)
        else:
            raise FileNotFoundError(f"{path}: there is no such recording, folder or list.")
    if not recordings:
        raise ValueError("paths is empty. Name at least one recording, folder or list.")
    unique = {}
    for recording in recordings:
        unique.setdefault(os.path.abspath(recording), recording)
    return list(unique.values()), contents


def _read_list(path, missing):
    """Return the recordings of a table or text file."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        lines = read_table(path, columns={"path": "path"}, can_rename=False)["path"]
        check_filled(path, lines, "path", NA_VALUES)
    else:
        lines = read_text(path).splitlines()
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
