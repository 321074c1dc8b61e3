"""Validation of targets, names and output files."""

import numpy as np
import pytest

from skheart._utils.files import MODEL, check_output
from skheart._utils.suggest import check_choice
from skheart._utils.validation import check_targets

Y = ["a", "b", "a"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["a", None, "b"], None, None), "1 recordings have no label, the first in row 1"),
        ((Y, [0, 0, 0], None), "sample_weight is zero for all recordings"),
        ((Y, [1, -1, 1], None), "Negative values"),
        ((Y, None, ["x", np.nan, "y"]), "no subject for 1 recordings, the first in row 1"),
        ((Y, None, ["x", "y"]), "X has 3 recordings and groups has 2 entries"),
    ],
)
def test_invalid_targets(arguments, words):
    with pytest.raises(ValueError, match=words):
        check_targets(np.zeros((3, 2)), *arguments)


def test_a_choice_is_one_of_the_choices():
    with pytest.raises(ValueError, match=r"pool must be one of \('a', 'b'\). Got 'c' instead."):
        check_choice("pool", "c", ("a", "b"))


def test_output_files_are_checked_before_the_work(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"notes")
    for output, words in (
        (" ", "-o is empty"),
        (tmp_path, "is not a file"),
        (f"{tmp_path}/new/", "is a folder"),
        (tmp_path / "new" / "m", "there is no folder"),
        (source, "source is an input"),
    ):
        with pytest.raises(ValueError, match=words):
            check_output(output, [source, tmp_path / "absent"], MODEL)
    with pytest.raises(ValueError, match="source already exists and is not a model"):
        check_output(source, [], MODEL)
    check_output(tmp_path / "m", [source], MODEL)
