"""What the tests of the loaders and of the generator share."""

import numpy as np
import soundfile

from skheart.datasets import load_table


def sound(path, n_samples=40, sr=4000):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(n_samples).integers(-99, 99, n_samples)
    soundfile.write(path, values.astype(np.int16), sr)
    return str(path)


def assert_frame_reads_again(bunch, folder):
    """What one exports and reads again keeps labels and groups: no leak by the way."""
    bunch.frame.to_csv(folder / "export.csv", index=False)
    again = load_table(folder / "export.csv")
    assert again.paths == bunch.paths
    assert again.target.tolist() == bunch.target.tolist()
    assert again.groups.tolist() == bunch.groups.tolist()


def inside(spans, n, sr, margin=0.0):
    """Mask of the samples inside the spans, kept off their ends by a margin in seconds."""
    mask = np.zeros(n, dtype=bool)
    for start, end in np.asarray(spans):
        mask[int(np.ceil((start + margin) * sr)) : int((end - margin) * sr)] = True
    return mask


def of_state(segmentation, state):
    return segmentation.loc[segmentation["state"] == state, ["start", "end"]].to_numpy()
