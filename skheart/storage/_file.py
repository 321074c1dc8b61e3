"""The file: a safetensors container with a JSON document, a checksum over both, and its limits."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import safetensors.numpy

from ._checks import Refused
from ._values import NUMBERS

__all__ = ["from_file", "to_bytes"]

KEY = "skheart"  # of the document in the metadata of the header
MAX_HEADER = 2**23  # bytes; a model with a thousand layers has a hundredth of it
ZEROS = "0" * 64
# In the header the document is a string: its quotes have backslashes, and one that stands within a
# string of the document has more of them. Hence this is found once, and nowhere else.
CHECKSUM = re.compile(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"')
REMEDY = (
    "skheart does not run what is in a model file. If you trust it, load it in Python with "
    "joblib.load or torch.load and write it anew with skheart.save(model, path)."
)


def to_bytes(document, tensors):
    """A document and its tensors as the content of a file."""
    text = json.dumps({**document, "sha256": ZEROS}, separators=(",", ":"), allow_nan=False)
    content = bytearray(safetensors.numpy.save(tensors, metadata={KEY: text}))
    length = int.from_bytes(content[:8], "little")
    if length > MAX_HEADER:
        raise ValueError(
            f"The model has {length} bytes of parameters and labels beside its arrays, more than "
            f"the {MAX_HEADER} that a model file may have. Keep it with joblib.dump."
        )
    start, end = CHECKSUM.search(content, 8, 8 + length).span(1)
    content[start:end] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def from_file(path):
    """The document and the tensors of a file, whole or not at all.

    Nothing larger than the file is taken from memory, whatever its header says, and a file that is
    no model is not read beyond its header.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model {path}: give the file that skheart.save wrote")
    if not path.is_file():
        raise Refused("is no file")
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
    except Exception as error:  # of several libraries, for a header that lies
        raise Refused(f"is damaged: its tensors cannot be read ({error})") from error
    tensors = {name: _checked(name, tensor) for name, tensor in tensors.items()}
    return _parse(text, "its description"), tensors


def _check_start(start, length, size):
    """Say what else a file is that does not start like safetensors."""
    if size == 0:
        raise Refused("is empty")
    if len(start) == 9 and start[8:] == b"{" and 2 <= length <= size - 8:
        if length > MAX_HEADER:
            raise Refused(f"has a header of {length} bytes, more than any model ({MAX_HEADER})")
        return
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        raise Refused(f"is a pickle, as joblib and older versions of skheart write it. {REMEDY}")
    if start.startswith(b"PK\x03\x04"):
        raise Refused(f"is a zip archive, as torch.save writes it. {REMEDY}")
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"x\x9c", b"x^", b"x\x01", b"x\xda")):
        raise Refused(f"is compressed, as joblib.dump may write a pickle. {REMEDY}")
    if len(start) == 9 and start[8:] == b"{" and length < 2**40:
        raise Refused(f"is damaged: its header has {length} bytes, and the file {size}; cut off?")
    raise Refused("is not a safetensors file, or it is damaged")


def _document_text(header):
    metadata = _parse(header, "its header").get("__metadata__")
    text = metadata.get(KEY) if type(metadata) is dict else None
    if type(text) is not str:
        raise Refused("is a safetensors file of something else: skheart has not written it")
    return text


def _check_sum(content, length):
    found = CHECKSUM.search(content, 8, 8 + length)
    if found is None:
        raise Refused("is damaged: it has no checksum")
    view, (start, end) = memoryview(content), found.span(1)
    digest = hashlib.sha256(view[:start])
    digest.update(ZEROS.encode())
    digest.update(view[end:])
    if digest.hexdigest().encode() != found.group(1):
        raise Refused("is damaged: its checksum is not that of its content. Copy it again")


def _parse(text, what):
    """JSON as a dict, with no number and no nesting that would take long to read."""

    def whole(digits):
        if len(digits) > 25:
            raise ValueError("a number of more than 25 digits")
        return int(digits)

    def refuse(name):
        raise ValueError(f"{name} is no JSON")

    def unique(pairs):
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("a name is there twice")
        return made

    try:
        parsed = json.loads(text, parse_int=whole, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Refused(f"is damaged: {what} cannot be read ({error})") from error
    if type(parsed) is not dict:
        raise Refused(f"is damaged: {what} is no JSON object")
    return parsed


def _checked(name, tensor):
    if tensor.dtype.name not in NUMBERS:
        raise Refused(f"has the tensor {name[:80]!r} of {tensor.dtype}, which no model has")
    return tensor if tensor.flags.writeable else tensor.copy()
