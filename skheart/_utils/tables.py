"""Aligned text."""

from __future__ import annotations

__all__ = ["aligned"]


def aligned(rows, n_left, *, last_left=False):
    """Columns two spaces apart; the first n_left to the left, and the last if so, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {*range(n_left), *([len(widths) - 1] if last_left else [])}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
