"""Model files, read and written as documented, and the headings of their cards."""

import hashlib
import json

ZEROS = "0" * 64
CARD = (  # words in headings
    "licence",
    "subjects",
    "recipe and seed",
    "scores with intervals",
    "subgroups",
    "calibration",
    "not for",
)


def missing_in_card(text):
    """Return the topics without a heading in a card."""
    headings = [line.lower() for line in text.splitlines() if line.startswith("#")]
    return [words for words in CARD if not any(words in heading for heading in headings)]


def read(path):
    """Return the document, the tensor entries of the header and the bytes after the header."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header.pop("__metadata__")["skheart"])
    return document, header, content[8 + length :]


def write(path, document, header, data=b""):
    """Write a file with a valid checksum."""
    text = document if isinstance(document, str) else json.dumps({**document, "sha256": ZEROS})
    text = text.replace('"sha256": "', '"sha256":"')
    head = json.dumps({"__metadata__": {"skheart": text}, **header}).encode()
    content = len(head).to_bytes(8, "little") + head + data
    sum_ = hashlib.sha256(content).hexdigest()
    path.write_bytes(
        content.replace(f'\\"sha256\\":\\"{ZEROS}'.encode(), f'\\"sha256\\":\\"{sum_}'.encode(), 1)
    )


def write_model(path, estimator):
    """Write a file with an estimator in its JSON form and without tensors."""
    write(path, {"format": 1, "versions": {}, "model": {"estimator": estimator}}, {})


def step(document, name):
    """Return the entry of the estimator in a step of a pipeline."""
    for pair in document["model"]["estimator"]["params"]["steps"]:
        if pair["tuple"][0] == name:
            return pair["tuple"][1]["estimator"]
    raise LookupError(name)
