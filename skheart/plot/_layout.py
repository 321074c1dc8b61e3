"""Room for the parts of a picture inside one Axes, whatever its size."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Layout", "add_part", "size_in_points"]


class Layout(NamedTuple):
    """How panels and a colour bar share a box; lengths in points.

    Text needs the same room at any size, so that margins are counted in ems and only the rest is
    shared out.

    Attributes
    ----------
    n_rows, n_cols : int
        Panels below and beside each other.
    em : float
        Size of the text.
    wave, marks, bar : bool
        Whether there are waveforms, names of heart sounds above them, and a colour bar.
    """

    n_rows: int
    n_cols: int
    em: float
    wave: bool
    marks: bool
    bar: bool

    @classmethod
    def fitting(cls, ax, n, n_cols, **parts):
        """The layout for n recordings in an Axes, with text that is smaller in a small one."""
        import matplotlib as mpl

        n_cols = min(n_cols, n)
        n_rows = -(-n // n_cols)
        width, height = size_in_points(ax)
        scale = min(width / n_cols / 300, height / n_rows / 190)
        em = mpl.rcParams["font.size"] * min(1.0, max(0.5, scale))
        return cls(n_rows, n_cols, em, **parts)

    def panel(self, number, part, width, height):
        """Left, bottom, width and height of a recording's "wave" or "mel"."""
        row, col = divmod(number, self.n_cols)
        column = (width - self.bar * 6.2 * self.em) / self.n_cols
        line = height / self.n_rows
        left, right = 4.9 * self.em, 1.3 * self.em
        bottom, top = 3.5 * self.em, (3.0 if self.marks else 1.9) * self.em
        room = max(line - bottom - top, 1.0)
        gap = 0.5 * self.em if self.wave else 0.0
        mel = room * 0.74 - gap if self.wave else room
        x, y = col * column + left, height - (row + 1) * line + bottom
        if part == "wave":
            y, mel = y + mel + gap, room - mel - gap
        return x, y, max(column - left - right, 1.0), max(mel, 1.0)

    def colour_bar(self, width, height):
        """Left, bottom, width and height of the colour bar, beside all panels."""
        low = 3.5 * self.em
        return width - 6.0 * self.em, low, self.em, max(height - low - 2.2 * self.em, 1.0)


class _Place:
    """Locator of an Axes inside another: asked at each drawing, so that it follows a resize."""

    def __init__(self, parent, rule, arguments):
        self.parent, self.rule, self.arguments = parent, rule, arguments

    def __call__(self, axes, renderer):
        from matplotlib.transforms import Bbox

        box = self.parent.get_position()
        size = size_in_points(self.parent)
        x, y, width, height = self.rule(*self.arguments, *size)
        across, up = box.width / size[0], box.height / size[1]
        return Bbox.from_bounds(box.x0 + x * across, box.y0 + y * up, width * across, height * up)

    def get_subplotspec(self):
        """What tight_layout asks for: the part belongs to where its parent stands."""
        return self.parent.get_subplotspec()


def add_part(parent, rule, *arguments, **kwargs):
    """Add an Axes at `rule(*arguments, width, height)` of another."""
    place = _Place(parent, rule, arguments)
    axes = parent.figure.add_axes(place(None, None), **kwargs)
    axes.set_axes_locator(place)
    return axes


def size_in_points(ax):
    """Width and height of an Axes in points."""
    # Before the first drawing as well, where the window extent may be that of an old layout.
    box, figure = ax.get_position(), ax.figure
    scale = 72 / figure.dpi
    return box.width * figure.bbox.width * scale, box.height * figure.bbox.height * scale
