"""Servers of small data sets."""

from types import SimpleNamespace

import pytest

from tests.helpers.server import Server, circor_files


@pytest.fixture
def serve(monkeypatch):
    """Start servers of files that are closed after the test; retries do not wait."""
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setenv("NO_PROXY", "*")
    servers = []

    def start(files):
        servers.append(Server(files))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def published(serve):
    """A server of a small CirCor."""
    return serve(circor_files())
