"""One self-contained page out of explanations."""

from __future__ import annotations

import base64
import html
import io
import json
import wave
from importlib import resources

import numpy as np

from ..._utils.files import replacing
from .. import Explanation

__all__ = ["write_report"]

SHARES = (25, 50, 75)  # % of what speaks for a class, to choose from on the page
_LOWEST_RATE = 4000  # Hz; browsers refuse to play sound below 3 kHz
_SCRIPTS = ("data.js", "picture.js", "cycle.js", "player.js", "card.js")


def write_report(explanations, path, *, label=None, title="What decided the model's answer"):
    """Write a page on which explanations are seen and heard.

    One self-contained HTML file: it loads nothing, runs from disk, and works with mouse, touch,
    keyboard and screen reader. For each recording it has the class probabilities, the sound, and a
    picture of the contributions over time and frequency with a cursor that follows the sound; of
    trees on the average heart cycle also that cycle. From
    the page, the maps are saved as CSV (as `Explanation.to_frame` gives them, rounded to float32)
    and the moments that count most as labels (as `Explanation.to_audacity` writes them).

    Parameters
    ----------
    explanations : iterable of Explanation, or Explanation
        What :func:`skheart.explain.explain` returns; taken one at a time.
    path : str or path-like
        The file to write. One that is there is replaced once the new one is complete.
    label : object, default=None
        The class whose contributions are shown first; None is the predicted one of each recording.
    title : str, default="What decided the model's answer"
        The heading of the page.

    Raises
    ------
    ValueError
        If there is no explanation, or a model has no class `label`.
    TypeError
        If something else than an Explanation is among them.

    Notes
    -----
    30 s of sound take about 0.8 MB on the page with the CNN that keeps time fine, 0.4 MB with
    other models, and 1.4 MB with integrated gradients. The sound is brought to full loudness, and
    to at least 4 kHz, because browsers play nothing below 3 kHz.

    Examples
    --------
    >>> import os, tempfile
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.explain import explain
    >>> from skheart.explain.report import write_report
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("cnn", random_state=0)
    >>> pipeline = pipeline.set_params(
    ...     logmel__duration=3, clf__channels=(4, 8), clf__max_epochs=1, clf__pool_size="fine")
    >>> explanations = explain(pipeline.fit(sounds.data, sounds.target), sounds.data[:2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(explanations, os.path.join(folder, "report.html"))
    ...     os.listdir(folder)
    ['report.html']
    """
    if isinstance(explanations, Explanation):
        explanations = [explanations]
    before, after = _frame(title)
    number = -1
    with replacing(path, "w") as file:
        file.write(before)
        for number, explanation in enumerate(explanations):
            if not isinstance(explanation, Explanation):
                raise TypeError(
                    f"explanations[{number}] must be an Explanation, as explain() returns it. "
                    f"Got {type(explanation).__name__}."
                )
            file.write(_script("summary", _summary(explanation, label)))
            file.write(_script("maps", _maps(explanation)))
        if number < 0:
            raise ValueError("explanations is empty: give at least one, as explain() returns it.")
        file.write(after)


def _frame(title):
    """The page before and after what it says of the recordings."""
    folder = resources.files(__package__)

    def read(name):
        return (folder / name).read_text(encoding="utf-8")

    # A title may hold letters that are in no encoding, from a file name: only those are lost.
    title = html.escape(title).encode("ascii", "xmlcharrefreplace").decode()
    before, after = read("page.html").split("<!-- recordings -->")
    before = before.replace("/* style */", read("page.css")).replace("@title@", title)
    return before, after.replace("/* script */", "".join(map(read, _SCRIPTS)))


def _script(kind, data):
    """Data as an element of the page; no text in it can end the element, or begin another."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" class="{kind}">{text}</script>\n'


def _summary(explanation, label):
    """What is shown of a recording at once; the rest is decoded when it comes into sight."""
    return {
        "name": explanation.recording,
        "start": explanation.start,
        "method": _method(explanation),
        "scale": explanation.scale,
        "terms": [_of_terms(explanation, number) for number in range(len(explanation.classes))],
        "notes": _notes(explanation),
        "classes": [str(known) for known in explanation.classes],
        "predicted": explanation.class_index(),
        "shown": explanation.class_index(label),
        "probabilities": explanation.probabilities.astype(float).tolist(),
    }


def _maps(explanation):
    """Sound, spectrogram, maps and moments of a recording."""
    head, signal, times = explanation.head, explanation.signal, explanation.times
    hop = 1.0 if times is None else explanation._hop()
    begin = 0.0 if times is None else float(times[0]) - hop / 2
    end = begin + hop * len(explanation.features)
    shared = explanation.cycle is not None and explanation.cycle.shares is not None
    made = ("contribution",) if shared else ()  # on the page, of the cycle and what each frame has
    return {
        "wav": None if signal is None else _base64(_wav(signal, explanation.sr)),
        "wave": None if signal is None else _outline(signal, explanation.sr),
        "unit": "frames" if times is None else "s",
        "begin": begin,
        "hop": hop,
        "end": end if signal is None else len(signal) / explanation.sr,
        "frequencies": _listed(explanation.frequencies),
        "features": {"shape": explanation.features.shape, "values": _levels(explanation.features)},
        "cell": [int(size) for size in explanation.cell],
        "head": {
            "shape": head.contribution.shape,
            "times": _listed(head.times),
            "frequencies": _listed(head.frequencies),
            **{
                name: None if maps is None else _base64(np.asarray(maps, "<f4").tobytes())
                for name in ("contribution", "attention", "class_map")
                for maps in [None if name in made else getattr(head, name)]
            },
        },
        "cycle": _cycle(explanation.cycle),
        "moments": None if times is None else {s: _moments(explanation, s) for s in SHARES},
    }


def _cycle(cycle):
    """The average heart cycle, where the model decides by that."""
    if cycle is None:
        return None
    return {
        "edges": cycle.edges.tolist(),
        "end": float(cycle.edges[-1]),
        "unit": "s",
        "phases": cycle.phases.tolist(),
        "frequencies": _listed(cycle.frequencies),
        "features": {"shape": cycle.features.shape, "values": _levels(cycle.features)},
        "head": {
            "shape": cycle.contribution.shape,
            "contribution": _base64(np.asarray(cycle.contribution, "<f4").tobytes()),
        },
        "shares": None if cycle.shares is None else _sparse(cycle.shares),
    }


def _sparse(shares):
    """Shares that are not 0: how many of each cell, and the frame and the share of each."""
    cells, frames = np.nonzero(shares)
    return {
        "counts": np.bincount(cells, minlength=len(shares)).tolist(),
        "frames": _base64(frames.astype("<u4").tobytes()),
        "values": _base64(shares[cells, frames].astype("<f4").tobytes()),
    }


def _moments(explanation, share):
    """[start, end, contribution] of each moment of each class, as `to_audacity` writes them."""
    return [
        [
            [f"{row.start:.6f}", f"{row.end:.6f}", explanation._written(row.contribution)]
            for row in explanation.moments(label, share / 100).itertuples()
        ]
        for label in explanation.classes
    ]


def _method(explanation):
    if explanation.method == "integrated_gradients":
        return "Method: integrated gradients, an estimate of what changed the model's answer."
    if explanation.method == "occlusion":
        return "Method: occlusion. Each spot is hidden once, to see how the answer changes."
    if explanation.method == "decision_path":
        return (
            "Method: decision paths of trees on the average heart cycle. The contributions are "
            "shares of the probability, each spread over the beats that it is the mean of."
        )
    if explanation.head.attention is None:
        return "Method: the terms of the model's last layer, which add up to its answer."
    return "Method: attention. The contributions add up to the model's answer exactly."


def _notes(explanation):
    """Sentences on what is special about a recording."""
    notes = list(explanation.notes)
    if explanation.signal is None:
        notes.append("No sound to play: the model was given features, not a recording.")
    else:
        length, whole = len(explanation.signal) / explanation.sr, explanation.duration
        if whole is not None and whole > length + 0.05:
            notes.append(
                f"The model heard {length:.1f} s of this recording of {whole:.1f} s, from "
                f"{explanation.start:.1f} s on. Times here count from there."
            )
        elif whole is not None and whole < length - 0.05:
            notes.append(
                f"This recording lasts {whole:.1f} s. For the model it was repeated, or filled up, "
                f"to {length:.1f} s."
            )
    if explanation.times is None:
        notes.append("Seconds and Hz are not known: the axes count frames and mel bins.")
    if explanation.part is not None and explanation.terms is None:
        notes.append(
            f"The model is a vote; explained is its part {explanation.part}, and the answer is "
            "that part's own."
        )
    if explanation.head.contribution.shape[2] == 1 < explanation.features.shape[1]:
        notes.append("This model tells moments apart, not frequencies: its colours are stripes.")
    return notes


def _of_terms(explanation, number):
    """A sentence on what a probability is made of, beside what is shown; "" where nothing says."""
    if explanation.terms is None:
        return ""
    names = {
        "prior": "before any sound",
        "rhythm": "by its rhythm",
        "members": "by how its members are averaged",
    }
    terms = [
        f"{100 * values[number]:+.1f} {names.get(name, f'by the {name}')}"
        for name, values in explanation.terms.items()
    ]
    inside = 100 * explanation.head.contribution[number].sum(dtype=float)
    return (
        f"The {100 * explanation.probabilities[number]:.1f} % for {explanation.classes[number]} "
        f"are {', '.join(terms)} and {inside:+.1f} by what the picture shows."
    )


def _wav(signal, sr):
    """The sound as a 16-bit WAV file, at a loudness and a rate that can be heard."""
    signal = np.asarray(signal, np.float64)
    if sr < _LOWEST_RATE:
        import soxr

        factor = -(-_LOWEST_RATE // sr)
        signal, sr = soxr.resample(signal, sr, sr * factor), sr * factor
    peak = np.abs(signal).max()
    samples = np.round(signal * (0.95 * 32767 / (peak or 1))).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sr)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def _outline(signal, sr, n_points=4000):
    """Lowest and highest sample of each of many equal parts of the sound, -127 to 127."""
    size = -(-len(signal) // n_points)
    starts = np.arange(0, len(signal), size)
    scale = 127 / (np.abs(signal).max() or 1)
    parts = [np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)]
    values = np.round(np.stack(parts, axis=1) * scale).astype(np.int8)
    return {"seconds": size / sr, "values": _base64(values.tobytes())}


def _levels(features):
    """The spectrogram in 256 steps of grey; the few lowest and highest values share an end."""
    low, high = np.percentile(features, [1, 99.5])
    levels = (features - low) / (high - low if high > low else 1)
    return _base64(np.round(255 * np.clip(levels, 0, 1)).astype(np.uint8).tobytes())


def _base64(data):
    return base64.b64encode(data).decode("ascii")


def _listed(values):
    return None if values is None else np.asarray(values, float).tolist()
