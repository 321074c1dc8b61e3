"""Atomic writes that never overwrite unrelated files."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import NamedTuple

__all__ = ["MODEL", "FileKind", "check_output", "is_kind", "open_atomic"]

LEAST_FREE = 32 << 20  # bytes; the largest shipped model has 5 million


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
    path, folder = Path(output), Path(os.path.realpath(output)).parent
    if not output.strip():
        raise ValueError(f"{option} is empty: give the name of a file to write")
    length = len(os.fsencode(path.name))
    if length > 255:
        raise ValueError(
            f"{option} {output[:60]}... has a name of {length} bytes, and file systems allow 255: "
            "give it a shorter name"
        )
    if path.exists() and not path.is_file():
        raise ValueError(f"{output} is not a file: give {option} the name of a file to write")
    if output.endswith(("/", os.sep)):
        raise ValueError(f"{option} {output} is a folder: give the name of a file to write")
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: create it, or write elsewhere")
    _check_room(output, folder, option)
    if not path.exists():
        return
    here = path.stat()
    if any(_is_file(source, here) for source in inputs):
        raise ValueError(f"{output} is an input: give {option} another name")
    if path.stat().st_size and not is_kind(path, kind):
        raise ValueError(
            f"{output} already exists and is not a {kind.name}: give {option} another name"
        )


def _check_room(output, folder, option):
    """Raise if a file cannot be written to a folder, by writing one."""
    part = _temporary(folder)
    try:
        with open(part, "xb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ValueError(
            f"{option} {output} cannot be written to the folder {folder}: {error.strerror}. Write "
            "elsewhere"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    if free < LEAST_FREE:
        raise ValueError(
            f"the disk of {folder} has {free / 2**20:.1f} MiB left, and {option} may need "
            f"{LEAST_FREE >> 20} MiB: make room, or write elsewhere"
        )


def is_kind(path, kind):
    """Return whether a file exists and is of a kind."""
    if not os.path.isfile(path):  # opening a pipe would wait
        return False
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
    """Open a temporary file that replaces `path` once it is complete and on the disk.

    A link is followed, so that the file it leads to is replaced. Several threads, processes or
    machines may write to one path: the last one wins.
    """
    path = Path(os.path.realpath(path))
    # Names of files that are not valid UTF-8 are written as their bytes.
    text = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    part = _temporary(path.parent)
    try:
        with open(part, mode.replace("w", "x"), **({} if "b" in mode else text)) as f:
            with contextlib.suppress(FileNotFoundError):  # there is nothing to replace
                os.chmod(part, stat.S_IMODE(os.stat(path).st_mode))
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _temporary(folder):
    """Return the path of a new hidden file in a folder, for which any name is short enough."""
    return folder / f".{secrets.token_hex(8)}.part"


def _sync_folder(folder):
    """Write the name of a new file to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
