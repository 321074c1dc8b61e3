"""What the displays of recordings share: waveform, log-mel, heart sounds, axes and titles."""

from __future__ import annotations

import re
from numbers import Integral

import numpy as np

from . import _marks
from ._check import check_ax, check_matplotlib, checked
from ._layout import Layout, add_part, size_in_points

__all__ = ["draw_panels", "edges", "file_name", "symmetric_limit"]

HERTZ = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
# Okabe and Ito's colours on the waveform; on the map, which is coloured, lines and dashes.
SOUNDS = {"S1": ("#E69F00", "solid"), "S2": ("#56B4E9", (0, (2, 2)))}
HAIR = 0.7  # points


def draw_panels(display, ax, n_cols, colorbar):
    """The parts that both displays have, noted in their attributes."""
    check_matplotlib(type(display).__name__)
    items = checked(display.explanations)
    if not isinstance(n_cols, Integral) or n_cols < 1:
        raise ValueError(f"n_cols={n_cols!r} must be a whole number of at least 1.")
    tables = _marks.check_segmentations(display.segmentation, items)
    panels = Panels(items, tables, ax, n_cols, bool(colorbar))
    display.figure_, display.bounding_ax_ = panels.figure, panels.bounding_ax
    display.axes_, display.ax_ = panels.axes, panels.axes[0, 1]
    display.marks_, display.titles_ = panels.marks, []
    return panels


class Panels:
    """Waveform and log-mel of some recordings inside one Axes.

    Attributes
    ----------
    axes : ndarray of shape (n, 2)
        Axes of waveform (None without a signal) and log-mel of each recording.
    meshes : list of QuadMesh
        The log-mels.
    marks : list of dict or None
        "S1" and "S2" of each recording: the LineCollection on its log-mel.
    """

    def __init__(self, explanations, segmentations, ax, n_cols, bar):
        self.bounding_ax = ax = _bounding(ax, explanations, n_cols)
        self.figure = ax.figure
        self.explanations = explanations
        self.layout = Layout.fitting(
            ax,
            len(explanations),
            n_cols,
            wave=any(item.signal is not None for item in explanations),
            marks=any(table is not None for table in segmentations),
            bar=bar,
        )
        self.axes = np.empty((len(explanations), 2), object)
        self.meshes, self.marks = [], []
        for number, (item, table) in enumerate(zip(explanations, segmentations, strict=True)):
            mel = add_part(ax, self.layout.panel, number, "mel")
            wave = None
            if item.signal is not None:
                wave = add_part(ax, self.layout.panel, number, "wave", sharex=mel)
                _draw_wave(wave, item, self.layout.em)
            self.axes[number] = wave, mel
            self.meshes.append(self.mesh(number, item.features, cmap="Greys"))
            _label_mel(mel, item, self.layout.em)
            self.marks.append(None if table is None else self._draw_marks(number, table))

    def mesh(self, number, values, **kwargs):
        """Draw values of shape (n_frames, n_mels) on the frames and mel bins of a recording."""
        item, ax = self.explanations[number], self.axes[number, 1]
        times = edges(item.times, len(values))
        frequencies = edges(item.frequencies, values.shape[1])
        # As pixels even in a PDF, where tens of thousands of cells would be slow to read.
        return ax.pcolormesh(times, frequencies, values.T, rasterized=True, **kwargs)

    def title(self, number, rest):
        """Write the file's name, shortened to what there is room for, and the rest."""
        wave, mel = self.axes[number]
        top = mel if wave is None else wave
        em = self.layout.em
        pad = 0.5 * em + (1.1 * em if self.layout.marks else 0)
        text = top.set_title("", loc="left", fontsize=1.05 * em, pad=pad, parse_math=False)
        room = self.layout.panel(number, "mel", *size_in_points(self.bounding_ax))[2] + em
        name = file_name(self.explanations[number].recording)
        self._shrink(text, len(name), lambda n: _shortened(name, n) + rest, room)
        whole = text.get_text()
        self._shrink(text, len(whole), lambda n: _shortened(whole, n), room)
        return text

    def _shrink(self, text, n, write, room):
        """Write n characters, and fewer until they need no more than `room` points."""
        text.set_text(write(n))
        while n > 1 and (width := text.get_window_extent().width * 72 / self.figure.dpi) > room:
            n = max(1, min(n - 1, int(n * room / width)))
            text.set_text(write(n))

    def colour_bar(self, mesh, label, **kwargs):
        """Add the colour bar that is valid for all panels."""
        em = self.layout.em
        ax = add_part(self.bounding_ax, self.layout.colour_bar)
        bar = self.figure.colorbar(mesh, cax=ax, extendfrac=0.03, **kwargs)
        ax.set_facecolor("white")  # as below the map, whatever the style
        bar.set_label(label, fontsize=0.95 * em, labelpad=0.3 * em)
        bar.formatter.set_powerlimits((-2, 3))
        bar.ax.tick_params(labelsize=0.85 * em, length=0.3 * em, pad=0.3 * em)
        bar.ax.yaxis.get_offset_text().set(fontsize=0.85 * em, ha="left")
        return bar

    def _draw_marks(self, number, table):
        item = self.explanations[number]
        wave, mel = self.axes[number]
        spans = {state: _marks.spans(item, table, state) for state in SOUNDS}
        names = sorted((start, state) for state in SOUNDS for start in spans[state][:, 0])
        across = self.layout.panel(number, "mel", *size_in_points(self.bounding_ax))[2]
        room = 1.5 * self.layout.em / across * _marks.length(item)  # s that a name takes
        gaps = np.diff([start for start, _ in names])
        # Few may be too close: where a short recording begins anew.
        dense = len(gaps) > 0 and np.quantile(gaps, 0.2) < room
        lines = {}
        for state, (colour, dashes) in SOUNDS.items():
            lines[state] = mel.vlines(
                spans[state][:, 0], 0, 1, transform=mel.get_xaxis_transform(), colors="black",
                linestyles=[dashes], linewidths=HAIR / 2 if dense else HAIR,
                alpha=0.5 if dense else 0.7, zorder=3,
            )  # fmt: skip
            if wave is not None:
                where = [(start, end - start) for start, end in spans[state]]
                wave.broken_barh(
                    where, (0, 1), transform=wave.get_xaxis_transform(), color=colour, alpha=0.55,
                    linewidth=0, zorder=0.5,
                )  # fmt: skip
        top = mel if wave is None else wave
        if dense:
            self._legend(top)
            names = []
        free, last = 0.0, mel.get_xlim()[1] - room
        for start, state in names:
            if free <= start <= last:
                top.text(
                    start, 1.02, state, transform=top.get_xaxis_transform(), va="bottom",
                    fontsize=0.8 * self.layout.em,
                )  # fmt: skip
                free = start + room
        return lines

    def _legend(self, top):
        """Name the sounds once, beside a sample, where there is no room to name each."""
        from matplotlib.patches import Patch

        handles = []
        for state, (colour, dashes) in SOUNDS.items():
            sample = Patch(facecolor=colour, edgecolor="black", linestyle=dashes, label=state)
            sample.set_linewidth(HAIR)
            handles.append(sample)
        top.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
            fontsize=0.8 * self.layout.em, borderaxespad=0, borderpad=0.1, handlelength=1.2,
            columnspacing=0.8,
        )  # fmt: skip


def edges(centres, n):
    """The n + 1 edges of n cells around their centres, or around their numbers."""
    if centres is None:
        return np.arange(n + 1) - 0.5
    centres = np.asarray(centres, float)
    if n == 1:
        return np.array([0, 2 * centres[0]])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def file_name(recording):
    """The last part of a path, of whatever system, on one line."""
    return " ".join(re.split(r"[\\/]", str(recording).rstrip("\\/"))[-1].split())


def symmetric_limit(maps, share=99.5):
    """A limit that all but some extreme cells keep, so that one cell does not pale the others."""
    sizes = np.abs(np.concatenate([np.ravel(values) for values in maps]))
    limit = np.percentile(sizes, share)
    limit = limit if limit > 0 else sizes.max()
    return float(limit) if limit > 0 else 1.0


def _shortened(name, n):
    """A name of n characters: its start and its end."""
    if n >= len(name):
        return name
    tail = (n - 1) // 2
    return name[: n - 1 - tail] + "\N{HORIZONTAL ELLIPSIS}" + name[len(name) - tail :]


def _bounding(ax, explanations, n_cols):
    """The Axes that all parts lie in: the one given, without its frame, or a whole new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        n_cols = min(n_cols, len(explanations))
        n_rows = -(-len(explanations) // n_cols)
        size = (9, 4.4) if len(explanations) == 1 else (1 + 6 * n_cols, 3.4 * n_rows)
        ax = plt.figure(figsize=size).add_axes((0, 0, 1, 1))
    check_ax(ax)
    ax.set_axis_off()
    return ax


def _draw_wave(ax, item, em):
    import matplotlib as mpl

    times = np.arange(len(item.signal)) / item.sr
    style = {"color": mpl.rcParams["text.color"], "linewidth": 0.4, "rasterized": True}
    ax.plot(times, item.signal, **style)
    for begin in _marks.repeats(item)[1:]:
        ax.axvline(begin, color="0.5", linestyle="dotted", linewidth=HAIR)
    ax.set(xlim=(0, times[-1]), yticks=[])
    largest = np.abs(item.signal).max()
    if largest > 0:
        ax.set_ylim(-1.05 * largest, 1.05 * largest)
    ax.set_ylabel("Sound", rotation=0, ha="right", va="center", fontsize=0.95 * em)
    ax.tick_params(labelbottom=False, length=0.2 * em)


def _label_mel(ax, item, em):
    small, font = 0.85 * em, 0.95 * em
    style = {"fontsize": font, "labelpad": 0.3 * em}
    width, height = size_in_points(ax)
    low, high = edges(item.frequencies, item.features.shape[1])[[0, -1]]
    if item.frequencies is None:
        ax.set_ylabel("Mel bin", **style)
    else:
        # Not the mel scale: at 4 kHz that is nearly linear, and hearts beat below 200 Hz.
        low = max(low, item.frequencies[0] / 2)
        ax.set_yscale("log")
        # A round frequency just above the last bin gives the top a number.
        high = min([hertz for hertz in HERTZ if high < hertz < 1.06 * high], default=high)
        ticks = _hertz_ticks(low, high, height / (1.2 * small))
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_yticks([], minor=True)
        ax.set_ylabel("Frequency (Hz)" if height > 7 * font else "Hz", **style)
    ax.set_ylim(low, high)
    if item.times is None:
        ax.set_xlim(-0.5, len(item.features) - 0.5)
        ax.set_xlabel("Frame", **style)
    else:
        ax.set_xlim(0, _marks.length(item))
        begins = f", from {item.start:.3g} s of the recording" if item.start else ""
        # About half an em for each letter; what is too long would run into the neighbour's.
        ax.set_xlabel(f"Time (s{begins})" if width > 18 * font else "Time (s)", **style)
    ax.tick_params(labelsize=small, length=0.3 * em, pad=0.3 * em)


def _hertz_ticks(low, high, room):
    """Round frequencies, from the top, so few that `room` of them would fit in a column."""
    ticks = []
    for tick in (hertz for hertz in reversed(HERTZ) if low <= hertz <= high):
        if not ticks or np.log(ticks[-1] / tick) / np.log(high / low) * room >= 1:
            ticks.append(tick)
    return ticks[::-1]
