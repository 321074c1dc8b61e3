"""Lower floors never import higher ones, and rooms of one floor never import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "metrics": 0,
    "audio": 0,
    "_sizes": 0,
    "_contrasts": 0,
    "_joined": 0,
    "_arrays": 0,
    "_split": 0.5,
    "_folds": 0,
    "_targets": 0.5,
    "_random": 0,
    "_routing": 0,
    "_lanes": 0,
    "_threads": 0,
    "_bfloat16": 0,
    "_chunks": 0,
    "_pool_kernels": 0.1,
    "_winograd_kernels": 0.1,
    "_winograd": 0.15,
    "_recurrent_kernels": 0.1,
    "_heads": 0.2,
    "_conv_block": 0.2,
    "_recurrent": 0.2,
    "_masked": 0.2,
    "_inputs": 1,
    "_kernel": 0.2,
    "_samples": 0.2,
    "_logmel": 0.5,
    "_store": 0,
    "datasets": 1,
    "features": 1,
    "sampling": 1,
    "nets": 1,
    "_callbacks": 1,
    "_rows": 1,
    "augmentation": 1,
    "_net": 2,
    "_base": 2.1,
    "classifiers": 2.2,
    "_steps": 2.3,
    "segmentation": 2.2,
    "patients": 2.5,
    "storage": 3.5,
    "pretrained": 3.55,
    "cycles": 3.56,
    "pipeline": 3.58,
    "_parts": 0,
    "_models": 3.6,
    "_predict": 3,
    "_score_report": 3,
    "_tables": 0,
    "_settings": 4,
    "evaluation": 4,
    "explain": 4,
    "audit": 4.2,
    "plot": 5,
    "report": 5,
    "demo": 5,
    "_arguments": 5,
    "_sources": 5.5,
    "_explain_verb": 5.6,
    "_console": 0,
    "_scoring": 5.2,
    "_predict_verb": 5.6,
    "_train_verb": 5.6,
    "cli": 6,
    "__main__": 7,
}
NOT_IN = {  # what a room does without, wherever in it the import stands
    "metrics": {"torch", "skorch", "librosa", "pandas", "matplotlib", "imblearn"},
    "audio": {"torch", "skorch", "librosa", "pandas", "matplotlib", "imblearn"},
    "features": {"torch", "skorch", "matplotlib", "imblearn"},
    "sampling": {"torch", "skorch", "matplotlib", "librosa"},
    "datasets": {"torch", "skorch", "matplotlib", "librosa", "imblearn"},
    "nets": {"sklearn", "skorch", "librosa", "pandas", "matplotlib", "imblearn"},
    "classifiers": {"librosa", "pandas", "matplotlib"},
    "evaluation": {"torch", "skorch", "librosa", "matplotlib"},
    "_score_report": {"torch", "skorch", "librosa", "matplotlib", "imblearn"},
    "audit": {"torch", "skorch", "librosa", "matplotlib", "imblearn"},
    "cli": {"torch", "skorch", "librosa", "matplotlib"},
}


def imported_names(path, package_parts):
    """Absolute dotted names of all that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package_parts[: len(package_parts) - node.level + 1] if node.level else ()
            prefix = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*prefix, alias.name]) for alias in node.names)


def rooms(package):
    """(room, file, names it imports) for every module of a package."""
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package).with_suffix("").parts
        names = set(imported_names(path, (package.name, *inside[:-1])))
        yield inside[0], path.relative_to(package).as_posix(), names


def breaches(package, floors):
    """Sentences that say which import breaks the order."""
    for room, file, names in rooms(package):
        if room == "__init__":
            yield from (f"{file} imports {n}" for n in names if n.startswith(package.name))
            continue
        if room not in floors:
            yield f"{file} stands on no floor: add it to the table"
            continue
        for name in names:
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top != package.name or target in (room, "__version__"):
                continue
            if target not in floors:
                yield f"{file} imports {name}, not the module that holds it"
            elif floors[target] >= floors[room]:
                yield f"{file} (floor {floors[room]}) imports {target} (floor {floors[target]})"


def test_the_floors_hold():
    assert list(breaches(ROOT / "skheart", FLOORS)) == []


def test_every_room_of_the_table_is_there():
    assert {room for room, _, _ in rooms(ROOT / "skheart")} == {*FLOORS, "__init__"}


def test_rooms_do_without_what_they_should():
    found = {
        (file, name)
        for room, file, names in rooms(ROOT / "skheart")
        for name in names
        if name.partition(".")[0] in NOT_IN.get(room, ())
    }
    assert found == set()


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("low.py", "from .high import x", "low.py (floor 0) imports high (floor 1)"),
        ("low.py", "def f():\n    import pack.high", "low.py (floor 0) imports high (floor 1)"),
        ("low.py", "from . import high", "low.py (floor 0) imports high (floor 1)"),
        ("high.py", "from pack.beside import x", "high.py (floor 1) imports beside (floor 1)"),
        ("sub/a.py", "from ..high import x", "sub/a.py (floor 0) imports high (floor 1)"),
        ("low.py", "from pack import Public", "low.py imports pack.Public, not the module"),
        ("new.py", "", "new.py stands on no floor"),
        ("__init__.py", "from .low import x", "__init__.py imports pack.low.x"),
    ],
)
def test_a_breach_is_found(tmp_path, file, line, found):
    package = tmp_path / "pack"
    (package / "sub").mkdir(parents=True)
    (package / file).write_text(line)
    floors = {"low": 0, "sub": 0, "high": 1, "beside": 1}
    (message,) = breaches(package, floors)
    assert message.startswith(found)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("high.py", "from .low import x\nimport numpy\nfrom . import __version__"),
        ("sub/a.py", "from .b import x\nfrom . import c\nfrom ..ground import y"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, file, line):
    package = tmp_path / "pack"
    (package / "sub").mkdir(parents=True)
    (package / file).write_text(line)
    assert list(breaches(package, {"ground": -1, "low": 0, "sub": 0, "high": 1})) == []
