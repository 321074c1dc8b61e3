"""Atomic writes that never overwrite unrelated files."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["MODEL", "FileKind", "check_output", "is_kind", "open_atomic"]


class FileKind(NamedTuple):
    """A kind of file that skheart writes and may replace."""

    name: str
    starts: bytes | tuple[bytes, ...] = b""
    mark: bytes = b""  # in the first 512 bytes


# Here rather than in storage, so that an output is checked before heavy imports.
MODEL = FileKind("model", mark=b'{"__metadata__":{"skheart":"{\\"format\\":')


def check_output(output, inputs, kind, option="-o"):
    """Raise if a file cannot be written or would be lost, before hours of training.

    Existing files of a `kind` may be replaced, but not one of the `inputs`. `option` is the name of
    the option or parameter, for messages.
    """
    output = str(output)
    path, folder = Path(output), Path(output).absolute().parent
    if not output.strip():
        raise ValueError(f"{option} is empty: give the name of a file to write")
    if path.exists() and not path.is_file():
        raise ValueError(f"{output} is not a file: give {option} the name of a file to write")
    if output.endswith(("/", os.sep)):
        raise ValueError(f"{option} {output} is a folder: give the name of a file to write")
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: create it, or write elsewhere")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder {folder} is not writable: write elsewhere")
    if not path.exists():
        return
    here = path.stat()
    if any(_is_file(source, here) for source in inputs):
        raise ValueError(f"{output} is an input: give {option} another name")
    if path.stat().st_size and not is_kind(path, kind):
        raise ValueError(
            f"{output} already exists and is not a {kind.name}: give {option} another name"
        )


def is_kind(path, kind):
    """Return whether a file exists and is of a kind."""
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):  # no such file, or not a valid name
        return False
    return bool(head) and head.startswith(kind.starts) and kind.mark in head


def _is_file(path, stat):
    try:
        return os.path.samestat(os.stat(path), stat)
    except (OSError, ValueError):  # no such file, or not a valid name
        return False


@contextlib.contextmanager
def open_atomic(path, mode):
    """Open a temporary file that replaces `path` once it is complete."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # Names of files that are not valid UTF-8 are written as their bytes.
    text = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    try:
        with open(part, mode, **({} if "b" in mode else text)) as f:
            yield f
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
