"""A short run of the fuzz command, and faults that it must find."""

import numpy as np
import pytest

from tests.fuzz import _cases
from tests.fuzz.__main__ import main, run


def test_no_case_fails(tmp_path):
    table, failures = run(400, 1, tmp_path / "kept")
    assert failures == []
    assert table["cases"].sum() == 400
    assert set(table["kind"]) == {kind.__name__ for kind in _cases.KINDS}
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("read_recording", lambda path: (np.zeros(6000, np.float32), 8000)),
        ("load_table", lambda path, missing: (_ for _ in ()).throw(KeyError("label"))),
    ],
)
def test_a_fault_is_found_and_its_input_kept(tmp_path, monkeypatch, capsys, name, fault):
    monkeypatch.setattr(_cases, name, fault)
    assert main(["--cases", "60", "--keep", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    kept = sorted(tmp_path.iterdir())
    assert kept
    assert all({"error.txt"} < {file.name for file in folder.iterdir()} for folder in kept)
