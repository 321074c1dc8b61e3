"""Find the recordings below a folder, and account for every other file in it."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..audio import audio_format
from ._files import SUFFIXES, is_audio_name, resolve_path

# Files beside recordings that are not opened to see whether they are sound.
_COMPANIONS = (
    ".hea", ".tsv", ".txt", ".csv", ".md", ".json", ".xml", ".xlsx", ".pdf", ".png", ".jpg",
    ".jpeg", ".html", ".py", ".ipynb", ".mat", ".npy", ".npz",
)  # fmt: skip


class FolderContents(NamedTuple):
    """What is below a folder.

    `recordings` are sorted paths. `lost` maps paths of recordings or folders that are left out to
    sentences that say why. `hidden` are hidden sound files and folders, such as the ``._x.wav`` of
    macOS, and `n_companions` counts the other files.
    """

    recordings: list
    lost: dict
    hidden: list
    n_companions: int


def scan_folder(folder):
    """Return the contents of a folder and of the folders below it."""
    lost, hidden, found, companions = {}, [], [], 0

    def note_error(error):
        path = os.fspath(error.filename)
        lost[path] = f"'{path}' is left out: the folder cannot be read ({error.strerror})."

    seen = set()  # links can lead back
    for base, folders, names in os.walk(folder, onerror=note_error, followlinks=True):
        hidden += [resolve_path(base, name) for name in folders if name.startswith(".")]
        seen.add(os.path.realpath(base))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(base, name)) not in seen
        ]
        for name in names:
            path = resolve_path(base, name)
            if is_audio_name(name):
                found.append(path)
            elif name.startswith(".") and is_audio_name(name.lstrip("._")):
                hidden.append(path)
            elif not _is_lost(path, lost):
                companions += 1
    return FolderContents(sorted(found), lost, sorted(hidden), companions)


def _is_lost(path, lost):
    """Return whether a file is sound by its first bytes alone, and note it in `lost`."""
    if os.path.splitext(path)[1].lower() in _COMPANIONS:
        return False
    kind = audio_format(path)
    if kind is not None:
        lost[path] = (
            f"'{path}' is left out: it begins like {kind}, but its name does not end in the suffix "
            f"of a sound file. Rename it, or pass its path."
        )
    return kind is not None


def check_any(folder, contents):
    """Raise if a folder has no recording."""
    if contents.recordings:
        return
    why = "".join(f" {sentence}" for sentence in list(contents.lost.values())[:5])
    raise ValueError(
        f"{folder}: no recording in this folder or below it. Looked for files ending in "
        f"{', '.join(SUFFIXES)}.{why}"
    )


def describe_hidden(hidden):
    """Return a sentence about hidden files."""
    return (
        f"{len(hidden)} hidden file(s) or folder(s), such as {hidden[0]}, are left out; pass their "
        f"paths if they are recordings."
    )
