"""The attention classifiers."""

from __future__ import annotations

import multiprocessing
import warnings
from numbers import Integral

import joblib
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from .._cpu.chunks import chunk_slices
from ..nets import CNN_HEADS, RNN_HEADS, AttentionCNN, AttentionRNN
from ._base import AttentionClassifier

__all__ = ["AttentionCNNClassifier", "AttentionRNNClassifier"]

# Maximum number of recordings that a CPU thread predicts at once.
PREDICT_ROWS = 8
# Below this product of recurrent weights and frames, one thread trains faster than several.
SMALL_WORK = 1e8

COMMON_PARAMETERS = """\
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        Maps the attention to [0, 1]: a sigmoid, or a softmax over the classes (assumed; the paper
        does not state the axis). Unused by other heads.
    lr : float, default=1e-3
        Learning rate of Adam (assumed; the paper only states Adam).
    max_epochs : int, default=10
        Number of epochs; without `early_stopping` the last one is used. The paper does not state
        it; the public code of sister papers trains for 10 000 to 15 000 batches.
    batch_size : int, default=32
        Recordings per batch. A single last recording joins the batch before it.
    lr_schedule : {"step", "cosine", "one_cycle", "plateau"} or None, default=None
        Learning rate schedule. "step": times 0.9 every 200 batches, as in the public code of
        sister papers. "cosine": down to 0 over the training. "one_cycle": up to `lr` and down
        again. "plateau": halved after 3 epochs without a lower loss (of the validation part, if
        there is one).
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the training loss; "balanced" is n / (n_classes * n_class).
    oversample : bool, default=False
        Repeat recordings of the rarer classes until all classes are equally frequent, by index and
        in the training part only.
    prior_correction : bool, default=False
        Correct the logits after training for the change of class proportions by `oversample` or
        `class_weight`, so that probabilities are for the proportions in y. Otherwise they are for
        those in training. A class of weight 0 is not corrected.
    augment : Augmentation, "standard" or None, default=None
        Augmentation of training batches. "standard": two frequency masks of up to a fifth of the
        mel bins, a time mask of up to a tenth of the frames, gain and tilt of 0.3, noise of 0.05.
        Grid searches set ``clf__augment__gain`` of an Augmentation.
    early_stopping : bool, default=False
        Stop when the UAR of an internal validation part has not improved by `tol` for
        `n_iter_no_change` epochs, and restore the weights of the best epoch. The split is
        stratified, and keeps groups and identical recordings on one side.
    validation_fraction : float, default=0.1
        Fraction of recordings in the validation part, in (0, 1). Met to about a twentieth, or as
        closely as few subjects allow.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Smallest increase of the validation UAR that counts as improvement.
    masked : bool, default=False
        Treat trailing all-NaN frames, as of ``LogMelTransformer(pad="mask")``, as padding. A
        prediction on the CPU is then, to the last bit, that of the recording alone, and batch
        statistics, convolutions and pools in training ignore padding. On the CPU, a CNN trains in
        one thread, and less than half as fast, on batches of different lengths; `crop` of an
        `Augmentation` makes them equal. Not for ``head="flatten"``.
    n_mels : int or None, default=None
        Mel bins per frame, to unfold the rows of a 2-D X. Not needed for 3-D X.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of matrix products and convolutions; everything else is float32. "auto" trains in
        bfloat16 if the processor or GPU supports it in hardware and predicts in float32.
        "bfloat16" also predicts in it: about twice as fast, with probabilities that differ by up
        to 1e-2. It may be changed between fit and predict.
    n_threads : int or None, default=None
        Number of CPU threads. Only in training an RNN does it affect results (their last bits).
        None: as many as torch uses, or as joblib leaves a worker process. For training an RNN,
        one if the sum of squared `units` times the number of frames is below 1e8, else one per
        core, also in worker processes; set 1 to train several large networks at once.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, batch order, validation part, oversampling and augmentation. The
        order of rows in X has no effect, and global generators are not used. On a GPU, models are
        reproducible as far as cuDNN is deterministic.
    device : str or torch.device, default="auto"
        "auto" (CUDA if available), "cpu", "cuda" or another torch device. A model trained on a GPU
        can be unpickled without one.
    verbose : int, default=0
        1 prints skorch's table of epochs and a progress bar on standard error.
    net_class : type or None, default=None
        Subclass of `HeartSoundNet` to use, for example with skorch's AccelerateMixin (pass the
        accelerator in `skorch_params`).
    skorch_params : dict or None, default=None
        Further parameters of the skorch net, such as ``{"optimizer__weight_decay": 1e-4,
        "callbacks": [...]}``. `set_params` and grid searches also take these names directly:
        ``clf__optimizer__weight_decay``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    net_ : HeartSoundNet
        Fitted skorch net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        Record of each epoch: train_loss, dur (s), and with `early_stopping` valid_loss, valid_acc
        and valid_uar.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of features of a recording, n_frames * n_mels.
    input_shape_ : tuple of int
        (n_frames, n_mels) in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names; only when X was a DataFrame with string columns."""


def _with_common_parameters(cls):
    cls.__doc__ = cls.__doc__.replace("    {common}", COMMON_PARAMETERS)
    return cls


@_with_common_parameters
class AttentionCNNClassifier(AttentionClassifier):
    """Convolutional network with attention pooling.

    The paper's best model: four convolutional layers of 64, 128, 256 and 256 channels, each with
    2x2 max-pooling, and attention pooling over the cells of the feature map.

    Parameters
    ----------
    channels : sequence of int, default=(64, 128, 256, 256)
        Output channels of each convolution.
    kernel_size : int or pair of int, default=3
        Kernel in (frames, mels) (assumed; the paper does not state it). The public code of sister
        papers uses 5, which takes 2.8 times the operations and was not better in our measurements.
    pool_size : int, pair of int, one of these per layer, or "fine", default=2
        Max-pooling in (frames, mels). "fine" halves the time only in the first layer and the mel
        bins in each: a cell of the map then spans 2 frames (0.064 s with the default front end)
        instead of 16, fine enough to tell systole from diastole. On CirCor (murmur, 6 s, 8 epochs,
        327 recordings of 92 subjects held out) UAR was 0.535 [0.468, 0.599] with "fine" and
        0.431 [0.390, 0.474] with 2, at 1.6 times the training and 1.8 times the prediction time
        (``python -m benchmarks.studies.explain --store OUT --circor FOLDER``).
    head : {"attention", "flatten", "max", "mean"}, default="attention"
        Attention pooling, or for comparison as in the paper one linear layer on the whole map, its
        maximum or its mean.
    {common}

    See Also
    --------
    AttentionRNNClassifier : The recurrent models of the paper.
    skheart.nets.AttentionCNN : The torch module.

    Notes
    -----
    The bias of the logits is initialised with the log class priors of the training part (assumed;
    the paper does not state it). A contribution map includes its part of this constant.

    A cell of the map sees more of the sound than it spans: 0.5 s with ``pool_size="fine"`` and
    kernels of 3 frames, so that a network may detect a murmur in systole and decide at the S1
    before it. With ``kernel_size=(1, 3)`` too, a cell sees only its own 2 frames, and its
    contributions lie where the evidence is (UAR 0.504 [0.444, 0.574] on the data above).

    References
    ----------
    Ren, Qian, Dong, Dai, Nejdl, Yamamoto, Schuller, "Deep attention-based neural networks for
    explainable heart sound classification", Machine Learning with Applications 9 (2022) 100322.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import AttentionCNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 32, 16)).astype("float32")
    >>> y = np.repeat(["normal", "murmur"], 20)
    >>> X[20:, :, 8:] += 2
    >>> clf = AttentionCNNClassifier(channels=(4, 8), max_epochs=5, lr=0.01, random_state=0)
    >>> clf.fit(X, y).predict(X[[0, -1]]).tolist()
    ['normal', 'murmur']
    >>> clf.predict_proba(X).shape
    (40, 2)
    """

    _module_class = AttentionCNN
    _module_params = ("channels", "kernel_size", "pool_size", "head", "rectifier")
    _equal_length_heads = ("flatten",)
    _trains_in_chunks = True

    _parameter_constraints = {
        **AttentionClassifier._parameter_constraints,
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "pool_size": [
            Interval(Integral, 1, None, closed="left"),
            tuple,
            list,
            StrOptions({"fine"}),
        ],
        "head": [StrOptions(set(CNN_HEADS))],
    }

    def __init__(
        self,
        *,
        channels=(64, 128, 256, 256),
        kernel_size=3,
        pool_size=2,
        head="attention",
        rectifier="sigmoid",
        lr=1e-3,
        max_epochs=10,
        batch_size=32,
        lr_schedule=None,
        class_weight=None,
        oversample=False,
        prior_correction=False,
        augment=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        masked=False,
        n_mels=None,
        precision="auto",
        n_threads=None,
        random_state=None,
        device="auto",
        verbose=0,
        net_class=None,
        skorch_params=None,
    ):
        self._store_parameters(locals())

    def _default_n_threads(self, n_frames):
        return torch.get_num_threads()

    def _predict_batch_size(self):
        # As many as stay in the cache: one for a large network, several for a small one.
        row_bytes = self.net_.module_.largest_map(*self.input_shape_)
        fitting = len(range(PREDICT_ROWS)[chunk_slices(PREDICT_ROWS, row_bytes)[0]])
        return max(2, fitting) if self.precision == "bfloat16" else fitting


@_with_common_parameters
class AttentionRNNClassifier(AttentionClassifier):
    """Recurrent network with attention pooling over time.

    The paper's LSTM-RNN and GRU-RNN: three recurrent layers of 256, 1024 and 256 units, and
    attention pooling over the frames.

    Parameters
    ----------
    cell : {"lstm", "gru"}, default="lstm"
        Recurrent cell.
    units : sequence of int, default=(256, 1024, 256)
        Units of each recurrent layer.
    bidirectional : bool, default=False
        Read the sequence in both directions (assumed False; the paper does not state it).
    head : {"attention", "last", "max", "mean"}, default="attention"
        Attention pooling, or one linear layer on the last frame, or on the maximum or mean over
        time (assumed; the paper does not state its read-out without attention).
    {common}

    See Also
    --------
    AttentionCNNClassifier : The convolutional model of the paper.
    skheart.nets.AttentionRNN : The torch module.

    Notes
    -----
    The bias of the logits is initialised with the log class priors of the training part (assumed;
    the paper does not state it). A contribution map includes its part of this constant.

    References
    ----------
    Ren, Qian, Dong, Dai, Nejdl, Yamamoto, Schuller, "Deep attention-based neural networks for
    explainable heart sound classification", Machine Learning with Applications 9 (2022) 100322.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import AttentionRNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 32, 16)).astype("float32")
    >>> y = np.repeat(["normal", "murmur"], 20)
    >>> X[20:, :, 8:] += 2
    >>> clf = AttentionRNNClassifier(cell="gru", units=(8,), lr=0.02, random_state=0)
    >>> clf.fit(X, y).predict(X[[0, -1]]).tolist()
    ['normal', 'murmur']
    """

    _module_class = AttentionRNN
    _module_params = ("cell", "units", "bidirectional", "head", "rectifier")
    _trains_in_chunks = False

    _parameter_constraints = {
        **AttentionClassifier._parameter_constraints,
        "cell": [StrOptions({"lstm", "gru"})],
        "units": ["array-like"],
        "bidirectional": ["boolean"],
        "head": [StrOptions(set(RNN_HEADS))],
    }

    def __init__(
        self,
        *,
        cell="lstm",
        units=(256, 1024, 256),
        bidirectional=False,
        head="attention",
        rectifier="sigmoid",
        lr=1e-3,
        max_epochs=10,
        batch_size=32,
        lr_schedule=None,
        class_weight=None,
        oversample=False,
        prior_correction=False,
        augment=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        masked=False,
        n_mels=None,
        precision="auto",
        n_threads=None,
        random_state=None,
        device="auto",
        verbose=0,
        net_class=None,
        skorch_params=None,
    ):
        self._store_parameters(locals())

    def _default_n_threads(self, n_frames):
        # The number may change the model, so that it must not depend on the process.
        if sum(n_units**2 for n_units in self.units) * n_frames < SMALL_WORK:
            return 1
        n_cores = joblib.cpu_count(only_physical_cores=True)
        if n_cores > 1 and multiprocessing.current_process().name.startswith("Loky"):
            warnings.warn(
                f"{type(self).__name__} uses {n_cores} threads in a worker process, so that the "
                "model does not depend on n_jobs. Set n_threads=1 to train several large networks "
                "at once.",
                UserWarning,
                stacklevel=3,
            )
        return n_cores

    def _predict_batch_size(self):
        return PREDICT_ROWS  # so that the weights are read once for all of them
