"""What the tests of the command line share."""

from skheart.cli import main

SMALL = [
    "--set=clf__channels=(4, 8)",
    "--set=clf__max_epochs=2",
    "--set=logmel__duration=2",
    "--set=logmel__n_mels=16",
    "--device=cpu",
]


def fails(argv, capsys):
    """Run a command that must fail: status 2 and one line on standard error, which is returned."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    _, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("skheart: error: ")
    return line
