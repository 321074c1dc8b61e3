"""Names of the room, and what importing them costs."""

import subprocess
import sys

import pytest

from skheart import datasets


def test_public_names_exist():
    assert set(datasets.__all__) <= set(dir(datasets))
    for name in datasets.__all__:
        assert callable(getattr(datasets, name))
    with pytest.raises(AttributeError, match="has no attribute 'load_mitbih'"):
        datasets.load_mitbih  # noqa: B018


def test_heavy_libraries_are_imported_only_when_used(tmp_path):
    (tmp_path / "one.wav").touch()
    code = (
        "import sys; from skheart import datasets; datasets.load_circor; datasets.fetch_circor; "
        f"datasets.list_recordings({str(tmp_path)!r}); "
        "print(*{'librosa', 'matplotlib', 'pandas', 'pooch', 'requests', 'sklearn', 'torch'} "
        "& {*sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
