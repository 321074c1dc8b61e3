"""The card of the segmenter that comes with skheart: text from numbers."""

from __future__ import annotations

from ._card import GENERATED, SOURCE, part_of_published, wrapped
from ._card_tables import counts, interval, number
from ._paper_table import _markdown as ruled
from ._pretrained_runs import PHASES_NAME

TEXT = """\
# Phases of the heart cycle in heart sounds: `{name}.safetensors`

**{title}** From a recording the model gives the times of S1, systole, S2 and diastole, as an
annotator would who looks at the signal. It is for research and teaching.

```python
import skheart

segmenter = skheart.load_pretrained("{name}")
tables = segmenter.predict(["recording.wav"])  # start, end and state, a table for each recording
```

`HeartCycleTransformer()` and `make_heart_pipeline(recipe="best")` use it. This card is written by
`{command}` from what it measured.

## What it is not for

- It is no medical device, and its times are no diagnosis.
- Extra sounds, prosthetic valves, arrhythmia: it knows a cycle of four phases, and finds one
  everywhere, in noise too; `predict_proba` says how sure it is.
- Adults, but for a few pregnant women, other stethoscopes, other rooms: the patients were children
  and adolescents of screening campaigns, and nothing else was tried.
- Scores on recordings that it was trained on, which are all that are named below: for those train
  another on the training subjects, with `HeartPhaseSegmenter().fit(X, segmentation)`.

## Data, licence and subjects

{source} Used here: {n_recordings} annotated recordings of {n_patients} patient numbers, who are
{n_subjects} persons. The annotations are those of the data set; only parts of the recordings are
annotated. {part}

## Recipe and seed

`{model}`: {n_parameters} learnt numbers, {megabytes:.2f} MB. SHA-256 of the file: `{sha256}`.
`{command}` trains it again.

## Scores with intervals and subgroups

Share of the annotated frames (16 ms apart) whose phase is found, the mean over the recordings of a
patient and over patients; cross-validation with {folds} folds by subject{repeats}, predicted by a
segmenter that was trained without the person. Intervals, 95 %: bootstrap over subjects. The file
was trained on all patients; it has no score of its own. Settings were chosen on these patients,
with other folds. Where a border between two phases is one frame off, that frame counts as wrong.

{table}

## Calibration

In annotated frames the mean probability of the likeliest phase is {sure}, and {right} of the frames
are right. Where nothing is annotated, mostly in noise, nobody knows.
"""


def card(data, found, told, options):
    """The text of the card, from the table of `_pretrained_scores.score_phases`."""
    segmenter, circor = told["segmenter"], data.dataset == "circor"
    rows = []
    for _, line in found.iterrows():
        name = line["value"] if line["by"] == "all" else f"{line['by']}: {line['value']}"
        rows.append([name, interval(line), *counts(line)])
    header = ["patients", "share of frames, 95 % interval by subject", "patients", "subjects"]
    whole = found[found["by"] == "all"].iloc[0]
    text = TEXT.format(
        name=PHASES_NAME,
        title="CirCor DigiScope." if circor else GENERATED,
        command="python -m benchmarks.studies.pretrained --data-home FOLDER --store OUT "
        f"--folds {options.folds} --repeats {options.repeats} --seed {options.seed}",
        source=SOURCE if circor else GENERATED,
        part=part_of_published(data).partition(". ")[0].rstrip(".") + ".",
        n_recordings=segmenter["n_recordings"],
        n_patients=whole["n_patients"],
        n_subjects=whole["n_subjects"],
        model=segmenter["model"],
        n_parameters=f"{segmenter['n_parameters']:,}",
        megabytes=segmenter["bytes"] / 1e6,
        sha256=segmenter["sha256"],
        folds=options.folds,
        repeats=f", {options.repeats} times" if options.repeats > 1 else "",
        table=ruled(header, rows),
        sure=number(whole["sure"]),
        right=number(whole["score"]),
    )
    return wrapped(text) + "\n"
