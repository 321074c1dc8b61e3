"""A room imports lower floors only, and nothing private of another room."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skheart"
FLOORS = {
    "_utils": 0,
    "_cpu": 1,
    "audio": 1,
    "metrics": 1,
    "datasets": 2,
    "evaluation": 2,
    "nets": 2,
    "sampling": 2,
    "storage": 2,
    "augmentation": 3,
    "features": 3,
    "pretrained": 3,
    "audit": 4,
    "classifiers": 4,
    "segmentation": 5,
    "patients": 6,
    "explain": 7,
    "pipeline": 7,
    "cli": 8,
    "plot": 8,
    "__main__": 9,
}
OPEN = ("_utils", "_cpu")  # private rooms: other rooms import their files directly


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported_names(node, folder):
    """Yield the dotted name of each import below a node, those in strings included."""
    if is_type_checking(node):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = folder[: len(folder) - node.level + 1] if node.level else ()
        module = [*base, *([node.module] if node.module else [])]
        yield from (".".join([*module, alias.name]) for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # A string that is nothing but a dotted name of the package can be imported.
        yield from re.findall(r"\A\w+\._?[a-z]\w*(?:\.\w+)*\Z", node.value)
    for child in ast.iter_child_nodes(node):
        yield from imported_names(child, folder)


def breaches(package, floors):
    """Yield a sentence for each import that breaks the plan."""
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package)
        room = file.with_suffix("").parts[0]
        folder = (package.name, *file.parts[:-1])
        names = set(imported_names(ast.parse(path.read_text(encoding="utf-8")), folder))
        if room != "__init__" and room not in floors:
            yield f"{file} is in no room of the plan"
            continue
        for name in sorted(names):
            top, *parts = name.split(".")
            if top != package.name or not parts or parts[0] in (room, "__version__"):
                continue
            if room == "__init__":
                yield f"{file} imports {name}"
            elif parts[0] not in floors:
                yield f"{file} imports {name}, not the room that holds it"
            elif floors[parts[0]] >= floors[room]:
                yield f"{file} (floor {floors[room]}) imports {name} (floor {floors[parts[0]]})"
            elif parts[0] not in OPEN and any(part.startswith("_") for part in parts[1:]):
                yield f"{file} imports {name}, which is private to its room"


def test_rooms_import_lower_floors_only():
    assert list(breaches(PACKAGE, FLOORS)) == []


def test_the_plan_lists_what_exists():
    files = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
    assert {file.parts[0] for file in files} - {"__init__"} == set(FLOORS)
    assert all(isinstance(floor, int) for floor in FLOORS.values())


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("low.py", "from .high import x", "low.py (floor 0) imports pack.high.x (floor 1)"),
        ("low.py", "def f():\n    import pack.high", "low.py (floor 0) imports pack.high"),
        ("low.py", "from . import high", "low.py (floor 0) imports pack.high (floor 1)"),
        ("low.py", "import_module('pack.high')", "low.py (floor 0) imports pack.high"),
        ("high.py", "from pack.beside import x", "high.py (floor 1) imports pack.beside.x"),
        ("high.py", "from .sub._a import x", "high.py imports pack.sub._a.x, which is private"),
        ("sub/a.py", "from ..high import x", "sub/a.py (floor 0) imports pack.high.x (floor 1)"),
        ("low.py", "from pack import Public", "low.py imports pack.Public, not the room"),
        ("new.py", "", "new.py is in no room"),
        ("__init__.py", "from .low import x", "__init__.py imports pack.low.x"),
    ],
)
def test_a_breach_is_found(tmp_path, file, line, found):
    (tmp_path / "pack" / "sub").mkdir(parents=True)
    (tmp_path / "pack" / file).write_text(line)
    floors = {"low": 0, "sub": 0, "high": 1, "beside": 1}
    (message,) = breaches(tmp_path / "pack", floors)
    assert message.startswith(found)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("high.py", "from .low import x\nimport numpy\nfrom . import __version__"),
        ("low.py", "if TYPE_CHECKING:\n    from .high import x"),
        ("sub/a.py", "from ._b import x\nfrom . import c\nfrom ..ground import y"),
    ],
)
def test_an_allowed_import_is_not_reported(tmp_path, file, line):
    (tmp_path / "pack" / "sub").mkdir(parents=True)
    (tmp_path / "pack" / file).write_text(line)
    assert list(breaches(tmp_path / "pack", {"ground": -1, "low": 0, "sub": 0, "high": 1})) == []
