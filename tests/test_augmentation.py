"""Augmentation: each part against its definition, and training with it."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from scipy import stats
from sklearn.base import clone

from skheart.augmentation import Augmentation, augment_batch
from skheart.classifiers import HeartSoundNet
from tests.helpers.small import N_MELS, SMALL, make, small_cnn, small_rnn

EVERYTHING = {
    "crop": 16, "frequency_masks": 1, "frequency_mask": 2, "time_masks": 2, "time_mask": 3,
    "gain": 0.5, "tilt": 0.5, "noise": 0.1, "mixup": 0.5,
}  # fmt: skip


def augmented(x, seed=0, **params):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return augment_batch(Augmentation(**params), torch.as_tensor(x))


def numbered(n, n_frames, n_mels):
    """Spectrograms in which a cell says its recording, frame and bin."""
    cells = np.indices((n, n_frames, n_mels))
    return (cells[0] * 10000 + cells[1] * 100 + cells[2] + 1).astype(np.float32)


def with_ends(x, lengths):
    """A copy whose recordings end after so many frames."""
    x = x.copy()
    for row, length in zip(x, lengths, strict=True):
        row[length:] = np.nan
    return x


def runs(row):
    """(start, length) of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0])).reshape(-1, 2)
    return [(start, end - start) for start, end in edges]


# ---------------------------------------------------------------------- each part


def test_nothing_is_done_by_default():
    x = numbered(5, 7, 4)
    out, partner, share = augmented(x)
    np.testing.assert_array_equal(out, x)
    assert partner is None
    assert share == 1.0


@pytest.mark.parametrize("params", [{name: value} for name, value in EVERYTHING.items()], ids=str)
def test_the_input_batch_is_not_changed(params):
    x = torch.randn(6, 24, N_MELS)
    before = x.clone()
    if "mask" in next(iter(params)):
        params = {name: EVERYTHING[name] for name in EVERYTHING if "mask" in name}
    out, _, _ = augmented(x, **params)
    assert torch.equal(x, before)
    assert out.shape != x.shape or not torch.equal(out, x)


def test_a_crop_is_a_part_of_the_recording_and_new_each_time():
    x = numbered(200, 9, 4)
    starts = []
    for seed in (0, 1):
        out = augmented(x, seed, crop=6)[0].numpy()
        assert out.shape == (200, 6, 4)
        found = (out[:, 0, 0] - x[:, 0, 0]).astype(int) // 100
        np.testing.assert_array_equal(
            out, [row[s : s + 6] for row, s in zip(x, found, strict=True)]
        )
        starts.append(found)
    counts = np.bincount(np.concatenate(starts), minlength=4)
    assert len(counts) == 4
    assert stats.chisquare(counts).pvalue > 1e-3
    assert (starts[0] != starts[1]).any()


def test_a_crop_of_pieces_covers_the_recording():
    x = torch.arange(100.0)[None, :, None].expand(2, -1, 3).clone()
    starts = set()
    for seed in range(200):
        out = augmented(x, seed, crop=10, pieces=4)[0].numpy()[:, :, 0]
        assert out.shape == (2, 10)
        for row in out:
            for k, piece in enumerate(np.split(row, [3, 6, 8])):  # sizes 3, 3, 2, 2
                assert np.all(np.diff(piece) == 1)
                free = 100 - len(piece) + 1
                assert free * k // 4 <= piece[0] < free * (k + 1) // 4
                starts.add(piece[0])
    assert len(starts) > 90
    X, y = make()
    with pytest.raises(ValueError, match="pieces=4, but crop=None"):
        small_cnn(augment=Augmentation(pieces=4)).fit(X, y)


def test_a_crop_repeats_a_recording_that_is_shorter():
    lengths = np.tile([3, 6, 8, 9], 20)
    x = numbered(80, 9, 4)
    out = augmented(with_ends(x, lengths), crop=8)[0].numpy()
    for row, one, length in zip(out, x, lengths, strict=True):
        start = int(row[0, 0] - one[0, 0]) // 100
        assert start < length if length < 8 else start <= length - 8
        np.testing.assert_array_equal(row, one[(start + np.arange(8)) % length])


@pytest.mark.parametrize("dim", [1, 2], ids=["time", "frequency"])
@pytest.mark.parametrize(("width", "widest"), [(3, 3), (0.5, 6)])
def test_widths_and_places_of_masks_are_drawn_evenly(dim, width, widest):
    size, other = 12, 5
    x = np.ones((4000, size, other), np.float32)
    x = x if dim == 1 else x.transpose(0, 2, 1)
    name = "time_mask" if dim == 1 else "frequency_mask"
    out = augmented(x, **{f"{name}s": 1, name: width})[0].numpy()
    hidden = (out == 0).all(axis=3 - dim)
    np.testing.assert_array_equal((out == 0).any(axis=3 - dim), hidden)
    assert set(np.unique(out)) == {0, 1}
    found = [runs(row) for row in hidden]
    assert max(map(len, found)) == 1
    widths = np.array([row[0][1] if row else 0 for row in found])
    assert stats.chisquare(np.bincount(widths)).pvalue > 1e-3
    assert widths.max() == widest
    starts = np.array([row[0][0] for row in found if row and row[0][1] == widest])
    assert starts.max() == size - widest
    assert stats.chisquare(np.bincount(starts)).pvalue > 1e-3


def test_masks_are_drawn_independently():
    x = np.ones((500, 30, 2), np.float32)
    out = augmented(x, time_masks=3, time_mask=2)[0].numpy()
    found = [runs(row[:, 0] == 0) for row in out]
    assert {len(row) for row in found} == {0, 1, 2, 3}
    hidden = (out[:, :, 0] == 0).sum(axis=1)
    assert hidden.max() == 6  # three masks of two frames, side by side or apart
    assert hidden.mean() == pytest.approx(3, abs=0.3)  # less what overlaps


def test_masks_lie_within_the_recording_and_keep_padding():
    lengths = np.tile([2, 7, 20], 100)
    x = with_ends(np.ones((300, 20, 3), np.float32), lengths)
    for params, limits in [({"time_mask": 4}, (2, 4, 4)), ({"time_mask": 0.5}, (1, 3, 10))]:
        out = augmented(x, time_masks=1, frequency_masks=1, frequency_mask=1, **params)[0].numpy()
        np.testing.assert_array_equal(np.isnan(out), np.isnan(x))
        longest = [(row[:, [0, 1, 2]] == 0).all(axis=1).sum() for row in out]
        for length, limit in zip((2, 7, 20), limits, strict=True):
            assert max(np.array(longest)[lengths == length]) == limit


def test_gain_adds_one_number_to_a_recording():
    x = np.random.default_rng(0).normal(size=(3000, 4, 3)).astype(np.float32)
    offset = augmented(x, gain=0.5)[0].numpy() - x
    np.testing.assert_allclose(offset, np.broadcast_to(offset[:, :1, :1], x.shape), atol=1e-6)
    assert stats.kstest(offset[:, 0, 0] / 0.5, "norm").pvalue > 1e-3


def test_tilt_adds_a_line_over_the_mel_bins():
    x = np.zeros((3000, 2, 5), np.float32)
    offset = augmented(x, tilt=0.5)[0].numpy()
    slope = offset[:, 0, -1]
    gain = augmented(x, gain=1.0, tilt=1.0)[0].numpy()[:, 0, 2]
    both = augmented(x, gain=1.0, tilt=1.0)[0].numpy()[:, 0]
    assert abs(np.corrcoef(gain, both[:, -1] - gain)[0, 1]) < 0.06
    line = np.array([-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(offset, np.tile((slope[:, None] * line)[:, None], (1, 2, 1)))
    assert stats.kstest(slope / 0.5, "norm").pvalue > 1e-3


def test_noise_is_white():
    x = np.random.default_rng(0).normal(size=(50, 20, 8)).astype(np.float32)
    noise = augmented(x, noise=0.2)[0].numpy() - x
    assert stats.kstest(noise.ravel() / 0.2, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.04


def test_mixup_keeps_the_larger_share_of_a_recording():
    x = np.random.default_rng(0).normal(size=(16, 6, 4)).astype(np.float32)
    shares, partners = [], []
    for seed in range(300):
        out, partner, share = augmented(x, seed, mixup=0.4)
        expected = share * x.astype(float) + (1 - share) * x[partner.numpy()]
        np.testing.assert_allclose(out, expected, atol=1e-5)
        shares.append(share)
        partners.append(partner.numpy())
    folded = stats.beta(0.4, 0.4)
    found = stats.kstest(shares, lambda s: folded.cdf(s) - folded.cdf(1 - np.asarray(s)))
    assert found.pvalue > 1e-3
    assert min(shares) >= 0.5
    assert all(sorted(partner) == list(range(16)) for partner in partners)
    assert np.ptp([partner[0] for partner in partners]) > 10


def test_mixup_keeps_the_length():
    whole = np.random.default_rng(0).normal(size=(8, 6, 2)).astype(np.float32)
    lengths = np.tile([2, 6], 4)
    x = with_ends(whole, lengths)
    out, partner, share = augmented(x, mixup=0.4)
    for row, own, other in zip(out.numpy(), range(8), partner.numpy(), strict=True):
        both = min(lengths[own], lengths[other])
        mixed = share * x[own, :both] + (1 - share) * x[other, :both]
        np.testing.assert_allclose(row[:both], mixed, atol=1e-6)
        np.testing.assert_array_equal(row[both:], x[own, both:])
    assert (lengths[partner] != lengths).any()


def test_masks_come_last_so_that_masked_cells_are_zero():
    x = np.random.default_rng(0).normal(size=(50, 20, 6)).astype(np.float32)
    out = augmented(x, **{**EVERYTHING, "frequency_masks": 0})[0].numpy()
    assert {0, 6} >= set((out == 0).sum(axis=2).ravel()) > {0}


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("build", SMALL)
@pytest.mark.parametrize("name", EVERYTHING)
def test_each_parameter_changes_the_model(build, name):
    X, y = make(n=24)
    params = {name: EVERYTHING[name]}
    if "mask" in name:
        prefix = name.partition("_")[0]
        params = {key: EVERYTHING[key] for key in (f"{prefix}_masks", f"{prefix}_mask")}
    plain = build(max_epochs=2).fit(X, y)
    clf = build(max_epochs=2, augment=Augmentation(**params)).fit(X, y)
    assert not np.array_equal(clf.history_[:, "train_loss"], plain.history_[:, "train_loss"])
    assert not np.array_equal(clf.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))


class Watching(HeartSoundNet):
    """Keeps what the module was given."""

    seen = ()

    def infer(self, x, **params):
        values = x["x"] if isinstance(x, dict) else x
        self.seen = (*self.seen, (self.module_.training, values.clone()))
        return super().infer(x, **params)


def test_only_training_steps_are_augmented():
    X, y = make(n=48)
    params = {"early_stopping": True, "max_epochs": 3, "net_class": Watching}
    plain = small_cnn(**params).fit(X, y)
    clf = small_cnn(**params, augment=Augmentation(**EVERYTHING)).fit(X, y)
    clf.predict_proba(X)
    rows = {row.tobytes() for row in X}
    trained = [x for training, x in clf.net_.seen if training]
    watched = [x for training, x in clf.net_.seen if not training]
    assert {x.shape[1] for x in trained} == {16}
    assert watched
    assert all(row.numpy().tobytes() in rows for x in watched for row in x)
    # The split is the same one: the augmentation takes no draw from it.
    first = [next(x for training, x in c.net_.seen if not training) for c in (plain, clf)]
    assert torch.equal(*first)
    assert len({x[0].numpy().tobytes() for x in trained}) == len(trained)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_the_same_seed_gives_the_same_model(build):
    X, y = make()
    clf = build(max_epochs=2, augment=Augmentation(**EVERYTHING), class_weight="balanced")
    expected = clone(clf).fit(X, y).predict_proba(X)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = clone(clf).fit(X[order], y[order])
    np.testing.assert_array_equal(shuffled.predict_proba(X), expected)
    in_processes = Parallel(n_jobs=2)(delayed(clone(clf).fit)(X, y) for _ in range(2))
    for other in in_processes:
        np.testing.assert_array_equal(other.predict_proba(X), expected)
    if build is small_cnn:
        threads = clone(clf).set_params(n_threads=3).fit(X, y)
        np.testing.assert_array_equal(threads.predict_proba(X), expected)
    another = clone(clf).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(another.predict_proba(X), expected)


class Losses(HeartSoundNet):
    """Keeps the loss of each training step beside what it is to be."""

    kept = ()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        loss = super().get_loss(y_pred, y_true, X=X, training=training)
        if training:
            self.kept = (*self.kept, (loss.item(), y_pred.detach(), y_true, X))
        return loss


@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_weights_the_losses_of_both_labels(weighted):
    X, y = make(n=40)
    weight = np.random.default_rng(0).uniform(0.5, 2, size=len(X)) if weighted else None
    clf = small_cnn(max_epochs=1, net_class=Losses, augment=Augmentation(mixup=1.0), batch_size=8)
    clf.fit(X, y, sample_weight=weight)
    assert len(clf.net_.kept) == 5
    for loss, logits, labels, batch in clf.net_.kept:
        logs = torch.log_softmax(logits, 1).numpy()
        share, others = batch["share"], batch["mixed_y"]
        own, other = (-logs[np.arange(8), codes] for codes in (labels, others))
        if weighted:
            own = own * batch["sample_weight"].numpy()
            other = other * batch["mixed_weight"].numpy()
        assert loss == pytest.approx((share * own + (1 - share) * other).mean(), rel=1e-5)
        assert 0.5 <= share < 1
        assert sorted(others.tolist()) == sorted(labels.tolist())


def test_a_mixed_weight_belongs_to_its_label():
    X, y = make(n=40)
    of_class = {0: 1.0, 1: 2.0, 2: 5.0}
    clf = small_cnn(max_epochs=1, net_class=Losses, augment=Augmentation(mixup=1.0))
    clf.set_params(class_weight=of_class, batch_size=40).fit(X, y)
    batch, labels = clf.net_.kept[0][3], clf.net_.kept[0][2]
    ratio = batch["sample_weight"][0].item() / of_class[labels[0].item()]
    for codes, weights in [(labels, "sample_weight"), (batch["mixed_y"], "mixed_weight")]:
        expected = [of_class[code] * ratio for code in codes.tolist()]
        np.testing.assert_allclose(batch[weights], expected, rtol=1e-5)


class Margin(torch.nn.Module):
    """A criterion that takes codes alone, and returns one loss for the batch."""

    def forward(self, logits, codes):
        return torch.nn.functional.multi_margin_loss(logits, codes)


def test_mixup_works_with_a_custom_criterion():
    X, y = make(n=16)
    clf = small_cnn(max_epochs=1, net_class=Losses, augment=Augmentation(mixup=1.0))
    clf.set_params(criterion=Margin).fit(X, y)
    ((loss, logits, labels, batch),) = clf.net_.kept
    own, other = (Margin()(logits, codes).item() for codes in (labels, batch["mixed_y"]))
    assert loss == pytest.approx(batch["share"] * own + (1 - batch["share"]) * other, rel=1e-5)


def test_standard_is_the_documented_set():
    X, y = make()
    same = Augmentation(
        frequency_masks=2, frequency_mask=0.2, time_masks=1, time_mask=0.1, gain=0.3, tilt=0.3,
        noise=0.05,
    )  # fmt: skip
    named, spelt = (small_cnn(augment=augment).fit(X, y) for augment in ("standard", same))
    np.testing.assert_array_equal(named.predict_proba(X), spelt.predict_proba(X))


def test_a_search_sets_its_parameters():
    clf = small_cnn(augment=Augmentation())
    assert clf.get_params()["augment__gain"] == 0.0
    clf.set_params(augment__gain=0.4, augment__crop=8)
    assert clf.augment.gain == 0.4
    assert clone(clf).augment.crop == 8
    assert clone(clf).augment is not clf.augment
    for augment in (None, "standard"):
        with pytest.raises(ValueError, match="augment__gain needs augment to be an Augmentation"):
            small_cnn(augment=augment).set_params(augment__gain=0.4)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"crop": 0}, "The 'crop' parameter of Augmentation must be"),
        ({"gain": -1.0}, "The 'gain' parameter of Augmentation must be"),
        ({"frequency_mask": 1.0}, "The 'frequency_mask' parameter of Augmentation must be"),
        ({"mixup": 0}, "The 'mixup' parameter of Augmentation must be"),
        ({"frequency_masks": 1, "frequency_mask": 9}, "frequency_mask=9, but .* has 8 mel bins"),
        ({"time_masks": 1, "time_mask": 25}, "time_mask=25, but .* has 24 frames"),
        ({"time_masks": 1, "time_mask": 5, "crop": 4}, "time_mask=5, but .* has 4 frames"),
    ],
)
def test_invalid_parameters_are_named(params, message):
    X, y = make()
    with pytest.raises(ValueError, match=message):
        small_cnn(augment=Augmentation(**params)).fit(X, y)


def test_standard_fits_all_sizes_and_heads():
    X, y = make()
    small_cnn(head="flatten", augment="standard", max_epochs=1).fit(X[:, :3, :2], y)
    with pytest.raises(ValueError, match="crop=16, but the head needs recordings of equal length"):
        small_cnn(head="flatten", augment=Augmentation(crop=16)).fit(X, y)
