"""Random hostile inputs, each checked against an oracle: ``python -m tests.fuzz --help``."""
