"""Attention classifiers for log-mel spectrograms, as scikit-learn estimators."""

from __future__ import annotations

from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from .._cpu.chunks import chunk_slices
from ..nets import CNN_HEADS, RNN_HEADS, AttentionCNN, AttentionRNN
from ._base import AttentionClassifier
from ._skorch_net import HeartSoundNet

__all__ = ["AttentionCNNClassifier", "AttentionRNNClassifier", "HeartSoundNet"]

# Recordings predicted at once by a thread of the CPU, at most.
PREDICT_ROWS = 8

_COMMON_PARAMETERS = """\
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        How the attention is brought into [0, 1]: a sigmoid, or a softmax over the classes (the
        axis is assumed; the paper does not state it). Unused by the other heads.
    lr : float, default=1e-3
        Learning rate of Adam (assumed; the paper states Adam alone).
    max_epochs : int, default=10
        Passes over the training part; the last one is used unless `early_stopping`. The paper
        does not state it; the public code of sister papers trains for 10 000 to 15 000 batches.
    batch_size : int, default=32
        Recordings in a batch. A last single recording joins the batch before it.
    lr_schedule : {"step", "cosine", "one_cycle", "plateau"} or None, default=None
        How the learning rate changes. "step": times 0.9 every 200 batches, as in the public code
        of sister papers. "cosine": down to 0 over the whole training. "one_cycle": up to `lr` and
        down again. "plateau": halved when the loss (of the validation part, if there is one) has
        not fallen for 3 epochs.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the training loss; "balanced" is n / (n_classes * n_class).
    oversample : bool, default=False
        Draw recordings of the rarer classes again until all classes are equally many: after the
        internal split, in the training part alone, by index.
    prior_correction : bool, default=False
        Whether probabilities are for classes as frequent as in y, where `oversample` or
        `class_weight` made others of them in training: once it is over, the logit of each class
        gets the logarithm of its share in y (by `sample_weight`) over that in training. Without
        it, probabilities are for the shares in training. A class of weight 0 stays as it is.
    augment : Augmentation, "standard" or None, default=None
        What is done to the spectrograms of a batch before a training step, and in no other place;
        see `skheart.augmentation.Augmentation`. "standard": two frequency masks of up to a fifth
        of the mel bins, a time mask of up to a tenth of the frames, gain and tilt of 0.3 and noise
        of 0.05 deviations. Searches set ``clf__augment__gain`` of an Augmentation.
    early_stopping : bool, default=False
        Set a validation part aside, stop when its UAR has not grown by `tol` for
        `n_iter_no_change` epochs, and restore the weights of the best epoch. The validation part
        is stratified; recordings of one group, and identical ones, stay on one side.
    validation_fraction : float, default=0.1
        Share of the recordings in the validation part, in (0, 1), to about a twentieth, and as
        near as whole subjects allow where they are few.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Smallest growth of the validation UAR that counts as improvement.
    masked : bool, default=False
        Whether frames at the end of a recording that are NaN in all mel bins, as after
        ``LogMelTransformer(pad="mask")``, are taken as not there. What is predicted for a recording
        is then, to the last bit on the CPU, what is predicted for it alone without them, however
        wide X is; in training, batch moments, edges of convolutions, pools and heads know the end
        of each recording, and a pool is cut to a recording that is shorter than it. On the
        CPU, a CNN trains on batches of unlike lengths in one thread, less than half as fast as on
        those of one length, which crops of an `Augmentation` make of them. All heads but "flatten".
    n_mels : int or None, default=None
        Mel bins of a frame, to unfold the rows of a 2-D X. 3-D input needs none.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        In what products of matrices and convolutions are computed; weights, batch moments,
        recurrent states and the head are float32 always. "auto" trains in bfloat16 where the
        processor or the GPU multiplies it in hardware, else in float32, and predicts in float32.
        "bfloat16" predicts in it too: about twice as fast, with probabilities that differ by up to
        1e-2. It may be changed between fit and predict.
    n_threads : int or None, default=None
        Threads on the CPU; {threads}
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the recordings, the validation part, the
        oversampling and the augmentation; the order of the rows of X decides nothing. None: another
        model in each fit. The global generators are not touched. On a GPU, equal models are
        promised as far as cuDNN is deterministic.
    device : str or torch.device, default="auto"
        "auto" (CUDA where there is one), "cpu", "cuda" or any name of a torch device. A model
        trained on a GPU unpickles on a machine without one.
    verbose : int, default=0
        1 prints skorch's table, a line an epoch, and a progress bar on standard error; 0 is
        silent.
    net_class : type or None, default=None
        Subclass of `HeartSoundNet` to use, for example with skorch's AccelerateMixin in front;
        the accelerator is then an entry of `skorch_params`.
    skorch_params : dict or None, default=None
        More parameters of the skorch net by skorch's names, such as
        ``{"optimizer__weight_decay": 1e-4, "callbacks": [...]}``. `set_params` and grid searches
        take the same names directly: ``clf__optimizer__weight_decay``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    net_ : HeartSoundNet
        The fitted skorch net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        What each epoch recorded: train_loss, dur (s), and with `early_stopping` valid_loss,
        valid_acc and valid_uar.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Features of a recording, n_frames * n_mels.
    input_shape_ : tuple of int
        (n_frames, n_mels) in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns; only where X was a DataFrame with such."""


def _with_common_parameters(cls):
    common = _COMMON_PARAMETERS.replace("{threads}", cls._n_threads_doc)
    cls.__doc__ = cls.__doc__.replace("    {common}", common)
    return cls


@_with_common_parameters
class AttentionCNNClassifier(AttentionClassifier):
    """Convolutional net with attention pooling, as a scikit-learn classifier.

    The paper's best model: four convolutional layers of 64, 128, 256 and 256 channels, each with
    2x2 max-pooling, and a head that weights the cells of the map by attention.

    Parameters
    ----------
    channels : sequence of int, default=(64, 128, 256, 256)
        Output channels of each convolution.
    kernel_size : int or pair of int, default=3
        Kernel in (frames, mels) (assumed; the paper does not state it). The public code of sister
        papers has 5, which takes 2.8 times the operations and was not better where it was
        measured (README, "Measured").
    pool_size : int, pair of int, one of these for each layer, or "fine", default=2
        Max-pooling in (frames, mels). "fine" halves the time in the first layer alone and the mel
        bins in each, so that a cell of the map is 2 frames long (0.064 s with the default front
        end) rather than 16, fine enough to tell systole from diastole. On CirCor (murmur, 6 s, 8
        epochs, 327 recordings of 92 people held out) UAR was 0.535 [0.468, 0.599] with "fine",
        0.431 [0.390, 0.474] with 2; training took 1.6 times as long, prediction 1.8 times
        (``python -m benchmarks.studies.explain --store OUT --circor FOLDER``). See the notes on
        where it looks.
    head : {"attention", "flatten", "max", "mean"}, default="attention"
        Attention pooling, or what the paper compares it with: one linear layer on the whole map,
        its maximum or its mean.
    {common}

    See Also
    --------
    AttentionRNNClassifier : The recurrent models of the paper.
    skheart.nets.AttentionCNN : The torch module.

    Notes
    -----
    The logits start at the log of the class frequencies of the training part, weights included, so
    that training need not learn them (assumed; the paper does not state it). A contribution map
    holds its share of this constant.

    A cell of the map sees more of the sound than it covers: 0.5 s with ``pool_size="fine"`` and
    kernels of 3 frames. A net may then hear a murmur in systole and decide at the S1 before it, and
    the one of the figures above does. With ``kernel_size=(1, 3)`` too, a cell sees the 2 frames
    that it covers and no more, and its contributions lie where the evidence is (README,
    "Explanations"); UAR 0.504 [0.444, 0.574], in 0.8 times the time of the default.

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

    _net_params = ("channels", "kernel_size", "pool_size", "head", "rectifier")
    _trains_in_chunks = True
    _n_threads_doc = """their number does not change a model. None: as many as torch uses, in a
        worker process as many as joblib leaves to it."""

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
        self.channels = channels
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.head = head
        self.rectifier = rectifier
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr_schedule = lr_schedule
        self.class_weight = class_weight
        self.oversample = oversample
        self.prior_correction = prior_correction
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.masked = masked
        self.n_mels = n_mels
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.net_class = net_class
        self.skorch_params = skorch_params

    @property
    def _module_class(self):
        return AttentionCNN

    def _predict_rows(self):
        # As many as stay in the cache: one of the default size, several small ones.
        row_bytes = self.net_.module_.largest_map(*self.input_shape_)
        fitting = len(range(PREDICT_ROWS)[chunk_slices(PREDICT_ROWS, row_bytes)[0]])
        return max(2, fitting) if self.precision == "bfloat16" else fitting


@_with_common_parameters
class AttentionRNNClassifier(AttentionClassifier):
    """Recurrent net with attention pooling over time, as a scikit-learn classifier.

    The paper's LSTM-RNN and GRU-RNN: three recurrent layers of 256, 1024 and 256 units, and a head
    that weights the frames by attention.

    Parameters
    ----------
    cell : {"lstm", "gru"}, default="lstm"
        The recurrent cell.
    units : sequence of int, default=(256, 1024, 256)
        Units of each recurrent layer.
    bidirectional : bool, default=False
        Read the sequence both ways (assumed False; the paper does not state it).
    head : {"attention", "last", "max", "mean"}, default="attention"
        Attention pooling, or one linear layer on the last frame, or on the maximum or the mean
        over time (assumed; the paper does not state its read-out without attention).
    {common}

    See Also
    --------
    AttentionCNNClassifier : The convolutional model of the paper.
    skheart.nets.AttentionRNN : The torch module.

    Notes
    -----
    The logits start at the log of the class frequencies of the training part, weights included, so
    that training need not learn them (assumed; the paper does not state it). A contribution map
    holds its share of this constant.

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

    _net_params = ("cell", "units", "bidirectional", "head", "rectifier")
    _trains_in_chunks = False
    _n_threads_doc = """their number may change the last bits of a model. None: one where
        the squares of `units` times the frames of a recording are fewer than 1e8, else one for
        each core, in a worker process too. Set 1 where many large nets are trained side by
        side. Predictions do not depend on it."""

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
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.head = head
        self.rectifier = rectifier
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr_schedule = lr_schedule
        self.class_weight = class_weight
        self.oversample = oversample
        self.prior_correction = prior_correction
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.masked = masked
        self.n_mels = n_mels
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.net_class = net_class
        self.skorch_params = skorch_params

    @property
    def _module_class(self):
        return AttentionRNN

    def _predict_rows(self):
        return PREDICT_ROWS  # the weights are read once for all of them
