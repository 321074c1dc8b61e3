"""Write explanations as one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import io
import json
from importlib import resources

import numpy as np

from ..._utils.files import open_atomic
from .. import Explanation

__all__ = ["write_report"]

SHARES = (25, 50, 75)  # % of the positive contribution, to choose from on the page
_LOWEST_RATE = 4000  # Hz; browsers do not play sound below 3 kHz
_SCRIPTS = ("data.js", "picture.js", "cycle.js", "player.js", "card.js")
_METHODS = {
    "attention": "Method: attention. The contributions add up to the model's output exactly.",
    "integrated_gradients": "Method: integrated gradients, an estimate of what changed the output.",
    "occlusion": "Method: occlusion. Each cell is hidden once, to measure how the output changes.",
    "decision_path": (
        "Method: decision paths of trees on the average heart cycle. The contributions add up to "
        "the probability; each is distributed over the beats that the cycle averages."
    ),
}
_LINEAR = "Method: the terms of the model's last layer, which add up to its output."
_TERMS = {
    "prior": "from the class proportions in training",
    "rhythm": "from the rhythm",
    "members": "from how the members of the model are averaged",
}


def write_report(explanations, path, *, label=None, title="What decided the model's answer"):
    """Write an HTML page that shows and plays explanations.

    The page is one self-contained file: it loads nothing, opens from disk, and works with mouse,
    touch, keyboard and screen reader. For each recording it shows the class probabilities, the
    waveform, and the contributions over time and frequency with a cursor that follows the sound;
    for trees on the average heart cycle also that cycle. It saves the maps as CSV (as
    `Explanation.to_frame` returns them, rounded to float32) and the strongest time intervals as
    labels (as `Explanation.to_audacity` writes them).

    Parameters
    ----------
    explanations : iterable of Explanation, or Explanation
        As returned by :func:`skheart.explain.explain`; read one at a time.
    path : str or path-like
        The file to write. An existing file is replaced once the new one is complete.
    label : object, default=None
        The class whose contributions are shown first; None is the predicted one of each recording.
    title : str, default="What decided the model's answer"
        The heading of the page.

    Raises
    ------
    ValueError
        If there is no explanation, or a model has no class `label`.
    TypeError
        If an item is not an Explanation.

    Notes
    -----
    30 s of sound take about 0.8 MB with the fine-time CNN, 0.4 MB with other models, and 1.4 MB
    with integrated gradients. The sound is normalised to full scale and resampled to at least
    4 kHz, because browsers do not play sound below 3 kHz.

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
    before, after = _split_page(title)
    number = -1
    with open_atomic(path, "w") as file:
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
            raise ValueError("explanations is empty. Pass at least one, as explain() returns it.")
        file.write(after)


def _split_page(title):
    """The page before and after the data of the recordings."""
    folder = resources.files(__package__)

    def read(name):
        return (folder / name).read_text(encoding="utf-8")

    # A title from a file name may contain characters that cannot be encoded in UTF-8.
    title = html.escape(title).encode("ascii", "xmlcharrefreplace").decode()
    before, after = read("page.html").split("<!-- recordings -->")
    before = before.replace("/* style */", read("page.css")).replace("@title@", title)
    return before, after.replace("/* script */", "".join(map(read, _SCRIPTS)))


def _script(kind, data):
    """Data as a script element, with "<" escaped so that no text in it can end the element."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" class="{kind}">{text}</script>\n'


def _summary(explanation, label):
    """Texts and probabilities, which are shown at once; maps are decoded when they are visible."""
    linear = explanation.method == "attention" and explanation.head.attention is None
    return {
        "name": explanation.recording,
        "start": explanation.start,
        "method": _LINEAR if linear else _METHODS[explanation.method],
        "scale": explanation.scale,
        "terms": [
            _describe_terms(explanation, number) for number in range(len(explanation.classes))
        ],
        "notes": _notes(explanation),
        "classes": [str(known) for known in explanation.classes],
        "predicted": explanation.class_index(),
        "shown": explanation.class_index(label),
        "probabilities": explanation.probabilities.astype(float).tolist(),
    }


def _maps(explanation):
    """Sound, spectrogram, maps and strongest intervals of a recording."""
    head, signal, times = explanation.head, explanation.signal, explanation.times
    cycle = explanation.cycle
    hop = 1.0 if times is None else explanation._hop()
    begin = 0.0 if times is None else float(times[0]) - hop / 2
    end = begin + hop * len(explanation.features)
    maps = {name: getattr(head, name) for name in ("contribution", "attention", "class_map")}
    if cycle is not None and cycle.shares is not None:
        maps["contribution"] = None  # the page computes it from the cycle and the shares
    return {
        "wav": None if signal is None else _base64(_wav(signal, explanation.sr)),
        "wave": None if signal is None else _outline(signal, explanation.sr),
        "unit": "frames" if times is None else "s",
        "begin": begin,
        "hop": hop,
        "end": end if signal is None else len(signal) / explanation.sr,
        "frequencies": _to_list(explanation.frequencies),
        "features": {"shape": explanation.features.shape, "values": _levels(explanation.features)},
        "cell": [int(size) for size in explanation.cell],
        "head": {
            "shape": head.contribution.shape,
            "times": _to_list(head.times),
            "frequencies": _to_list(head.frequencies),
            **{name: None if values is None else _floats(values) for name, values in maps.items()},
        },
        "cycle": None if cycle is None else _cycle(cycle),
        "moments": None if times is None else {s: _moments(explanation, s) for s in SHARES},
    }


def _cycle(cycle):
    """The average heart cycle, with the nonzero shares of frames in the cells."""
    shares = cycle.shares
    if shares is not None:
        cells, frames = np.nonzero(shares)
        shares = {
            "counts": np.bincount(cells, minlength=len(shares)).tolist(),
            "frames": _base64(frames.astype("<u4").tobytes()),
            "values": _floats(shares[cells, frames]),
        }
    return {
        "edges": cycle.edges.tolist(),
        "end": float(cycle.edges[-1]),
        "unit": "s",
        "phases": cycle.phases.tolist(),
        "frequencies": _to_list(cycle.frequencies),
        "features": {"shape": cycle.features.shape, "values": _levels(cycle.features)},
        "head": {"shape": cycle.contribution.shape, "contribution": _floats(cycle.contribution)},
        "shares": shares,
    }


def _moments(explanation, share):
    """[start, end, contribution] of each interval of each class, as `to_audacity` writes them."""
    return [
        [
            [f"{row.start:.6f}", f"{row.end:.6f}", explanation._format(row.contribution)]
            for row in explanation.moments(label, share / 100).itertuples()
        ]
        for label in explanation.classes
    ]


def _notes(explanation):
    """Sentences on the particulars of a recording."""
    notes = list(explanation.notes)
    if explanation.signal is None:
        notes.append("No sound to play: the model received features, not a recording.")
    else:
        length, whole = len(explanation.signal) / explanation.sr, explanation.duration
        if whole is not None and whole > length + 0.05:
            notes.append(
                f"The model used {length:.1f} s of this recording of {whole:.1f} s, starting at "
                f"{explanation.start:.1f} s. Times on this page count from there."
            )
        elif whole is not None and whole < length - 0.05:
            how = f"The model received it repeated or padded to {length:.1f} s."
            notes.append(f"This recording lasts {whole:.1f} s. {how}")
    if explanation.times is None:
        notes.append("Seconds and Hz are unknown: the axes count frames and mel bins.")
    if explanation.part is not None and explanation.terms is None:
        notes.append(
            f"Explanation and answer are those of one member of a vote: {explanation.part}."
        )
    if explanation.head.contribution.shape[2] == 1 < explanation.features.shape[1]:
        notes.append("This model does not separate frequencies, so its colours are stripes.")
    return notes


def _describe_terms(explanation, number):
    """A sentence on the components of a probability, or "" if they are unknown."""
    if explanation.terms is None:
        return ""
    terms = [
        f"{100 * values[number]:+.1f} {_TERMS.get(name, f'from the {name}')}"
        for name, values in explanation.terms.items()
    ]
    inside = 100 * explanation.head.contribution[number].sum(dtype=float)
    return (
        f"The {100 * explanation.probabilities[number]:.1f}% for {explanation.classes[number]} "
        f"are the sum of {', '.join(terms)} and {inside:+.1f} from the picture."
    )


def _wav(signal, sr):
    """The sound as a 16-bit WAV file, normalised, at a rate that browsers play."""
    import soundfile
    import soxr

    signal = np.asarray(signal, np.float64)
    if sr < _LOWEST_RATE:
        factor = -(-_LOWEST_RATE // sr)
        signal, sr = soxr.resample(signal, sr, sr * factor), sr * factor
    peak = np.abs(signal).max()
    samples = np.round(signal * (0.95 * 32767 / (peak or 1))).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, sr, format="WAV")
    return file.getvalue()


def _outline(signal, sr, n_points=4000):
    """Minimum and maximum of each of many equal parts of the sound, -127 to 127."""
    size = -(-len(signal) // n_points)
    starts = np.arange(0, len(signal), size)
    scale = 127 / (np.abs(signal).max() or 1)
    parts = [np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)]
    values = np.round(np.stack(parts, axis=1) * scale).astype(np.int8)
    return {"seconds": size / sr, "values": _base64(values.tobytes())}


def _levels(features):
    """The spectrogram in 256 grey levels; the lowest and the highest values are clipped."""
    low, high = np.percentile(features, [1, 99.5])
    levels = (features - low) / (high - low if high > low else 1)
    return _base64(np.round(255 * np.clip(levels, 0, 1)).astype(np.uint8).tobytes())


def _floats(values):
    return _base64(np.asarray(values, "<f4").tobytes())


def _base64(data):
    return base64.b64encode(data).decode("ascii")


def _to_list(values):
    return None if values is None else np.asarray(values, float).tolist()
