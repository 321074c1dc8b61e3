"""Benchmarks use skheart as its users do: by public names."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "benchmarks"
# Claims compare a compiled kernel with its plain equivalent, which both are private.
KERNELS = "skheart._cpu"


def private_imports(code, allowed=()):
    """List the names of skheart that code imports and that are not public."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for module, name in imported:
            if module.partition(".")[0] != "skheart" or module.startswith(tuple(allowed)):
                continue
            private = any(part.startswith("_") for part in module.split("."))
            if private or (name and name not in import_module(module).__all__):
                found.append(module if name is None else f"{module}.{name}")
    return found


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_benchmarks_import_public_names(path):
    allowed = [KERNELS] if path.parent.name == "claims" else []
    assert private_imports(path.read_text(encoding="utf-8"), allowed) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import skheart._utils.files", ["skheart._utils.files"]),
        ("def f():\n    from skheart.evaluation import in_order", ["skheart.evaluation.in_order"]),
        ("from skheart._cpu import chunks", ["skheart._cpu.chunks"]),
        ("from skheart import uar, datasets\nfrom skheart.nets import AttentionCNN", []),
        ("import skheart.plot, numpy._core", []),
    ],
)
def test_private_names_are_found(code, found):
    assert private_imports(code) == found
