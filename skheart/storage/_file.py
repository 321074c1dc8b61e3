"""The safetensors container: a JSON document, tensors, and a checksum over both."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import safetensors.numpy

from ._checks import InvalidModel
from ._values import NUMBERS

__all__ = ["from_file", "to_bytes"]

KEY = "skheart"  # of the document in the metadata of the header
MAX_HEADER = 2**23  # bytes; a model with a thousand layers has a hundredth of it
ZEROS = "0" * 64
# The document is a string in the header, so its quotes are escaped once, and quotes in a string of
# the document more than once. Hence this pattern matches the checksum only.
CHECKSUM = re.compile(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"')
REMEDY = (
    "skheart does not run code from model files. If you trust the file, load it in Python with "
    "joblib.load or torch.load and write it again with skheart.save(model, path)."
)
OTHER_FORMATS = {  # first bytes: what the file is
    (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"): (
        "a pickle, as written by joblib and older versions of skheart"
    ),
    (b"PK\x03\x04",): "a zip archive, as written by torch.save",
    (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"x\x9c", b"x^", b"x\x01", b"x\xda"): (
        "compressed, probably a pickle written by joblib.dump"
    ),
}


def to_bytes(document, tensors):
    """Return a file with a document and its tensors, as bytes."""
    text = json.dumps({**document, "sha256": ZEROS}, separators=(",", ":"), allow_nan=False)
    content = bytearray(safetensors.numpy.save(tensors, metadata={KEY: text}))
    length = int.from_bytes(content[:8], "little")
    if length > MAX_HEADER:
        raise ValueError(
            f"The parameters and labels of the model take {length} bytes. A model file may have "
            f"{MAX_HEADER}. Save this model with joblib.dump."
        )
    start, end = CHECKSUM.search(content, 8, 8 + length).span(1)
    content[start:end] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def from_file(path):
    """Return the document and the tensors of a file, after checking it.

    No more memory than the size of the file is allocated, whatever its header says, and a file
    that is not a model is not read beyond its header.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Give a file that skheart.save wrote.")
    if not path.is_file():
        raise InvalidModel("it is not a file")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(9)
        length = int.from_bytes(start[:8], "little")
        _check_start(start, length, size)
        head = start + file.read(length - 1)
        text = _document_text(head[8:])
        content = head + file.read()
    _check_sum(content, length)
    try:
        tensors = safetensors.numpy.load(content)
    except Exception as error:  # several libraries raise errors of their own for a bad header
        raise InvalidModel(f"it is damaged: its tensors cannot be read ({error})") from error
    tensors = {name: _checked(name, tensor) for name, tensor in tensors.items()}
    return _parse(text, "document"), tensors


def _check_start(start, length, size):
    """Raise if the first bytes are not those of a safetensors file, saying what else they are."""
    if size == 0:
        raise InvalidModel("it is empty")
    has_header = len(start) == 9 and start[8:] == b"{"
    if has_header and 2 <= length <= size - 8:
        if length > MAX_HEADER:
            raise InvalidModel(f"its header has {length} bytes, more than any model ({MAX_HEADER})")
        return
    for beginnings, what in OTHER_FORMATS.items():
        if start.startswith(beginnings):
            raise InvalidModel(f"it is {what}. {REMEDY}")
    if has_header and length < 2**40:
        raise InvalidModel(
            f"it is damaged, perhaps cut off: its header has {length} bytes, the file {size}"
        )
    raise InvalidModel("it is not a safetensors file, or it is damaged")


def _document_text(header):
    metadata = _parse(header, "header").get("__metadata__")
    text = metadata.get(KEY) if type(metadata) is dict else None
    if type(text) is not str:
        raise InvalidModel("it is a safetensors file that skheart did not write")
    return text


def _check_sum(content, length):
    found = CHECKSUM.search(content, 8, 8 + length)
    if found is None:
        raise InvalidModel("it is damaged: it has no checksum")
    view, (start, end) = memoryview(content), found.span(1)
    digest = hashlib.sha256(view[:start])
    digest.update(ZEROS.encode())
    digest.update(view[end:])
    if digest.hexdigest().encode() != found.group(1):
        raise InvalidModel("it is damaged: the checksum differs. Copy the file again.")


def _parse(text, what):
    """Return a JSON object as a dict."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidModel(f"it is damaged: its {what} cannot be read ({error})") from error
    if type(parsed) is not dict:
        raise InvalidModel(f"it is damaged: its {what} is not a JSON object")
    return parsed


def _checked(name, tensor):
    if tensor.dtype.name not in NUMBERS:
        raise InvalidModel(
            f"the tensor {name[:80]!r} has the type {tensor.dtype}, which no model has"
        )
    return tensor if tensor.flags.writeable else tensor.copy()
