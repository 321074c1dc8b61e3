"""Panels with the waveform and log-mel of recordings, which two displays share."""

from __future__ import annotations

import re
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from ._checks import check_ax, check_explanations, check_matplotlib, size_in_points
from ._maps import cell_edges, frequency_ticks
from ._marks import check_segmentations, find_spans, length, repeat_starts

__all__ = ["RecordingDisplay", "file_name"]

# Okabe and Ito's colours on the waveform; line styles on the map, which is coloured.
_SOUNDS = {"S1": ("#E69F00", "solid"), "S2": ("#56B4E9", (0, (2, 2)))}
_LINE_WIDTH = 0.7  # points


class RecordingDisplay:
    """Base class of displays with one panel per recording.

    Subclasses store `explanations` and `segmentation`. Text takes the same room at any size, so
    margins are measured in ems (the font size, smaller in small Axes), and the panels share the
    rest of the bounding Axes.
    """

    def _draw_recordings(self, ax, n_cols, colorbar):
        """Draw the panels, set their attributes, and return the log-mels."""
        check_matplotlib(type(self).__name__)
        items = check_explanations(self.explanations)
        check_scalar(n_cols, "n_cols", Integral, min_val=1)
        tables = check_segmentations(self.segmentation, items)
        self._marked = any(table is not None for table in tables)
        self._divide(ax, min(n_cols, len(items)), colorbar)
        self.axes_ = np.empty((len(items), 2), object)
        self.marks_, self.titles_ = [], []
        meshes = []
        for number, (item, table) in enumerate(zip(items, tables, strict=True)):
            wave_place, mel_place = self._places[number]
            mel = self._add_axes(mel_place)
            if item.signal is not None:
                self.axes_[number, 0] = self._add_axes(wave_place, sharex=mel)
                self._draw_wave(number)
            self.axes_[number, 1] = mel
            meshes.append(self._draw_map(number, item.features, cmap="Greys"))
            self._label_axes(number)
            self.marks_.append(None if table is None else self._draw_marks(number, table))
        self.ax_ = self.axes_[0, 1]
        return meshes

    def _divide(self, ax, n_cols, colorbar):
        """Divide `ax`, or a new figure, into places of panels and of the colour bar."""
        import matplotlib as mpl
        import matplotlib.pyplot as plt
        from mpl_toolkits.axes_grid1.axes_divider import AxesDivider
        from mpl_toolkits.axes_grid1.axes_size import Fixed, Scaled

        n = len(self.explanations)
        n_rows = -(-n // n_cols)
        if ax is None:
            size = (9, 4.4) if n == 1 else (1 + 6 * n_cols, 3.4 * n_rows)
            ax = plt.figure(figsize=size).add_axes((0, 0, 1, 1))
        check_ax(ax)
        ax.set_axis_off()
        self.bounding_ax_, self.figure_ = ax, ax.figure
        width, height = size_in_points(ax)
        scale = min(width / n_cols / 300, height / n_rows / 190)
        self._em = mpl.rcParams["font.size"] * min(1.0, max(0.5, scale))
        # In tiny Axes margins of 6.2 by 7 em per panel, and the colour bar, take 80% at most.
        most = min(width / (6.2 * (n_cols + bool(colorbar))), height / (7 * n_rows))
        self._em = min(self._em, 0.8 * most)

        def ems(number):
            return Fixed(number * self._em / 72)

        wave = any(item.signal is not None for item in self.explanations)
        panel = [Scaled(0.74), ems(0.5), Scaled(0.26)] if wave else [Scaled(1)]
        row = [ems(3.5), *panel, ems(3.0 if self._marked else 1.9)]
        column = [ems(4.9), Scaled(1), ems(1.3)]
        divider = AxesDivider(ax)
        divider.set_vertical(row * n_rows)
        divider.set_horizontal(column * n_cols + [ems(0.2), ems(1), ems(5)] * bool(colorbar))
        self._places = []
        for number in range(n):
            x, y = 3 * (number % n_cols) + 1, len(row) * (n_rows - 1 - number // n_cols) + 1
            self._places.append((divider.new_locator(x, y + 2), divider.new_locator(x, y)))
        self._bar_place = divider.new_locator(3 * n_cols + 1, 1, ny1=-2)

    def _add_axes(self, place, **kwargs):
        axes = self.figure_.add_axes(place(None, None), **kwargs)
        axes.set_axes_locator(place)
        return axes

    def _draw_map(self, number, values, **style):
        """Draw values of shape (n_frames, n_mels) in the cells of a log-mel."""
        item, ax = self.explanations[number], self.axes_[number, 1]
        times = cell_edges(item.times, len(values))
        frequencies = cell_edges(item.frequencies, values.shape[1])
        # Pixels even in a PDF: tens of thousands of cells would be slow to open.
        return ax.pcolormesh(times, frequencies, values.T, rasterized=True, **style)

    def _draw_wave(self, number):
        import matplotlib as mpl

        item, ax = self.explanations[number], self.axes_[number, 0]
        times = np.arange(len(item.signal)) / item.sr
        colour = mpl.rcParams["text.color"]
        ax.plot(times, item.signal, color=colour, linewidth=0.4, rasterized=True)
        for start in repeat_starts(item)[1:]:
            ax.axvline(start, color="0.5", linestyle="dotted", linewidth=_LINE_WIDTH)
        ax.set(xlim=(0, times[-1]), yticks=[])
        largest = np.abs(item.signal).max()
        if largest > 0:
            ax.set_ylim(-1.05 * largest, 1.05 * largest)
        ax.set_ylabel("Sound", rotation=0, ha="right", va="center", fontsize=0.95 * self._em)
        ax.tick_params(labelbottom=False, length=0.2 * self._em)

    def _label_axes(self, number):
        """Set limits, ticks and labels of a log-mel."""
        item, ax, em = self.explanations[number], self.axes_[number, 1], self._em
        font = 0.95 * em
        style = {"fontsize": font, "labelpad": 0.3 * em}
        width, height = size_in_points(ax)
        low, high = cell_edges(item.frequencies, item.features.shape[1])[[0, -1]]
        if item.frequencies is None:
            ax.set_ylabel("Mel bin", **style)
        else:
            # The mel scale is nearly linear up to 4 kHz, but heart sounds lie below 200 Hz.
            low = max(low, item.frequencies[0] / 2)
            ax.set_yscale("log")
            # A round frequency just above the last bin gives the top a number.
            high = min(frequency_ticks(high, 1.06 * high), default=high)
            # Where there is no line for each tick, count from the top.
            step = int(np.ceil(np.log2(high / low) * em / height))
            ticks = frequency_ticks(low, high)[::-step][::-1]
            ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_yticks([], minor=True)
            ax.set_ylabel("Frequency (Hz)" if height > 7 * font else "Hz", **style)
        ax.set_ylim(low, high)
        if item.times is None:
            ax.set_xlim(-0.5, len(item.features) - 0.5)
            ax.set_xlabel("Frame", **style)
        else:
            ax.set_xlim(0, length(item))
            start = f", from {item.start:.3g} s of the recording" if item.start else ""
            # A long label would run into that of the next panel.
            ax.set_xlabel(f"Time (s{start})" if width > 18 * font else "Time (s)", **style)
        ax.tick_params(labelsize=0.85 * em, length=0.3 * em, pad=0.3 * em)

    def _draw_marks(self, number, table):
        """Mark S1 and S2, and name each where there is room."""
        item, (wave, mel) = self.explanations[number], self.axes_[number]
        top = mel if wave is None else wave
        spans = {state: find_spans(item, table, state) for state in _SOUNDS}
        names = sorted((start, state) for state in _SOUNDS for start in spans[state][:, 0])
        room = 1.5 * self._em / size_in_points(mel)[0] * length(item)  # s that a name takes
        gaps = np.diff([start for start, _ in names])
        # A few may be close together, where a short recording starts again.
        dense = len(gaps) > 0 and np.quantile(gaps, 0.2) < room
        line_width, alpha = (_LINE_WIDTH / 2, 0.5) if dense else (_LINE_WIDTH, 0.7)
        style = {"colors": "black", "linewidths": line_width, "alpha": alpha, "zorder": 3}
        lines = {}
        for state, (colour, line_style) in _SOUNDS.items():
            starts, ends = spans[state].T
            style |= {"linestyles": [line_style], "transform": mel.get_xaxis_transform()}
            lines[state] = mel.vlines(starts, 0, 1, **style)
            if wave is not None:
                bars = np.column_stack([starts, ends - starts])
                across = {"transform": wave.get_xaxis_transform(), "linewidth": 0, "zorder": 0.5}
                wave.broken_barh(bars, (0, 1), color=colour, alpha=0.55, **across)
        if dense:
            self._draw_legend(top)
            return lines
        free, last = 0.0, mel.get_xlim()[1] - room
        for start, state in names:
            if free <= start <= last:
                style = {"va": "bottom", "fontsize": 0.8 * self._em}
                top.text(start, 1.02, state, transform=top.get_xaxis_transform(), **style)
                free = start + room
        return lines

    def _draw_legend(self, ax):
        """Name S1 and S2 in a legend above a panel."""
        from matplotlib.patches import Patch

        handles = [
            Patch(facecolor=colour, edgecolor="black", linestyle=line_style, label=state)
            for state, (colour, line_style) in _SOUNDS.items()
        ]
        for handle in handles:
            handle.set_linewidth(_LINE_WIDTH)
        spaces = {"borderaxespad": 0, "borderpad": 0.1, "handlelength": 1.2, "columnspacing": 0.8}
        style = {"ncols": 2, "frameon": False, "fontsize": 0.8 * self._em, **spaces}
        ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), **style)

    def _write_title(self, number, rest=""):
        """Write file name and `rest`, shortened to the width of the panel."""
        wave, mel = self.axes_[number]
        pad = (1.6 if self._marked else 0.5) * self._em
        style = {"loc": "left", "fontsize": 1.05 * self._em, "pad": pad, "parse_math": False}
        text = (mel if wave is None else wave).set_title("", **style)
        room = size_in_points(mel)[0] + self._em
        _write_shortened(text, file_name(self.explanations[number].recording), rest, room)
        _write_shortened(text, text.get_text(), "", room)
        self.titles_.append(text)

    def _draw_colour_bar(self, label, extend):
        """Return a colour bar of `im_` for all panels."""
        em = self._em
        ax = self._add_axes(self._bar_place)
        bar = self.figure_.colorbar(self.im_, cax=ax, extend=extend, extendfrac=0.03)
        ax.set_facecolor("white")  # as below the map, whatever the style
        bar.set_label(label, fontsize=0.95 * em, labelpad=0.3 * em)
        bar.formatter.set_powerlimits((-2, 3))
        ax.tick_params(labelsize=0.85 * em, length=0.3 * em, pad=0.3 * em)
        ax.yaxis.get_offset_text().set(fontsize=0.85 * em, ha="left")
        return bar


def file_name(recording):
    """Return the last part of a path of any operating system, on one line."""
    return " ".join(re.split(r"[\\/]", str(recording).rstrip("\\/"))[-1].split())


def _write_shortened(text, name, rest, room):
    """Write a name and `rest`, leaving out the middle of the name beyond `room` points."""
    text.set_text(name + rest)
    n = len(name)
    while n > 1 and (width := text.get_window_extent().width * 72 / text.figure.dpi) > room:
        n = max(1, min(n - 1, int(n * room / width)))
        end = name[len(name) - (n - 1) // 2 :]
        text.set_text(f"{name[: n // 2]}\N{HORIZONTAL ELLIPSIS}{end}{rest}")
