"""Model files read and written as their documentation says, and what their cards tell."""

import hashlib
import json

ZEROS = "0" * 64
CARD = (  # of which a heading speaks
    "licence",
    "subjects",
    "recipe and seed",
    "scores with intervals",
    "subgroups",
    "calibration",
    "not for",
)


def missing_in_card(text):
    """What no heading of a card speaks of."""
    headings = [line.lower() for line in text.splitlines() if line.startswith("#")]
    return [words for words in CARD if not any(words in heading for heading in headings)]


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


def step(document, name):
    """The entry of a step's estimator."""
    for pair in document["model"]["estimator"]["params"]["steps"]:
        if pair["tuple"][0] == name:
            return pair["tuple"][1]["estimator"]
    raise LookupError(name)
