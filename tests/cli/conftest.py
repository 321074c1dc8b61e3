"""Fixtures of the command."""

import pytest


@pytest.fixture
def wav(folder):
    """Paths of the recordings."""
    return [str(path) for path in sorted((folder / "wav").iterdir())]


@pytest.fixture
def write(table, tmp_path):
    """Write the table with changed columns, and return its path."""

    def write(**columns):
        table.assign(**columns).to_csv(tmp_path / "t.csv", index=False)
        return tmp_path / "t.csv"

    return write
