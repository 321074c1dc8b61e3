"""Explained recordings to draw, and figures that are closed after each test."""

import matplotlib.pyplot as plt
import pytest

from skheart.explain import explain
from tests.helpers.plots import trained


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def sounds():
    return trained()[0]


@pytest.fixture(scope="session")
def pipeline():
    return trained()[1]


@pytest.fixture(scope="session")
def explanations(pipeline, sounds):
    return explain(pipeline, sounds.data[:4])
