"""Files that skheart writes: complete or not there at all, and in nobody's place."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["check_output", "is_kind", "replacing"]

# What the files are called that skheart writes, which may be replaced; how they begin, and what
# stands near their beginning.
MODEL = ("model", b"", b'{"__metadata__":{"skheart":"{\\"format\\":')
PREDICTIONS = (
    "table of skheart predict",
    (b"path,label,p_", b"patient,n_recordings,label,p_"),
    b"",
)
REPORT = ("page of skheart explain", b"<!doctype html>", b'content="skheart report"')


def check_output(output, inputs, kind, option="-o"):
    """Refuse what could not be written, or what would be lost, before hours of training.

    `inputs` are the files that are read; `kind` is `MODEL`, `PREDICTIONS` or `REPORT`; `option` is
    what the user calls the output.
    """
    output = str(output)
    path, folder = Path(output), Path(output).absolute().parent
    if not output.strip():
        raise ValueError(f"{option} is empty: give it the name of a file to write")
    if path.exists() and not path.is_file():
        raise ValueError(f"{output} is not a file: give {option} the name of a file to write")
    if output.endswith(("/", os.sep)):
        raise ValueError(
            f"there is no folder {output}, and {option} takes the name of a file to write"
        )
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: make it, or write elsewhere")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder {folder} may not be written: write elsewhere")
    if not path.exists():
        return
    here = path.stat()
    if any(_is_file(source, here) for source in inputs):
        raise ValueError(f"{output} is what is read: give {option} another name")
    if path.stat().st_size and not is_kind(path, kind):
        raise ValueError(
            f"{output} is there already and is no {kind[0]}: give {option} another name"
        )


def is_kind(path, kind):
    """Whether a file begins as those of a kind do."""
    _, start, mark = kind
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):  # there is none, or the name cannot be one
        return False
    return bool(head) and head.startswith(start) and mark in head


def _is_file(path, stat):
    try:
        return os.path.samestat(os.stat(path), stat)
    except (OSError, ValueError):  # there is none, or the name cannot be one
        return False


@contextlib.contextmanager
def replacing(path, mode):
    """Open a file beside `path` that takes its place once it is complete."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # A file name that is not in UTF-8 is written as the bytes that it has.
    text = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    try:
        with open(part, mode, **({} if "b" in mode else text)) as f:
            yield f
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
