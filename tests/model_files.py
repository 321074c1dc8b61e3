"""Model files read and written as their documentation says, without the code that is tested."""

import hashlib
import json

ZEROS = "0" * 64


def read(path):
    """The document, the entries of the tensors and the bytes behind the header."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header.pop("__metadata__")["skheart"])
    return document, header, content[8 + length :]


def write(path, document, header, data=b""):
    """Write a file with the checksum that it should have."""
    text = document if isinstance(document, str) else json.dumps({**document, "sha256": ZEROS})
    text = text.replace('"sha256": "', '"sha256":"')
    head = json.dumps({"__metadata__": {"skheart": text}, **header}).encode()
    content = len(head).to_bytes(8, "little") + head + data
    sum_ = hashlib.sha256(content).hexdigest()
    path.write_bytes(
        content.replace(f'\\"sha256\\":\\"{ZEROS}'.encode(), f'\\"sha256\\":\\"{sum_}'.encode(), 1)
    )
