"""The networks of the paper: a CNN and an RNN, each with a head."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from itertools import pairwise
from math import prod
from numbers import Integral

import torch
from torch import nn
from torch.nn import functional

from .._cpu import work
from .._cpu.chunks import chunk_slices, in_chunks
from .._cpu.conv_block import channels_last, conv_norm_pool
from .._cpu.folded_conv import fold, folded_conv_pool
from .._cpu.hardware import multiplies_bfloat16
from .._utils.suggest import check_choice
from ._gru import gru_layer
from ._heads import AttentionPooling, PooledHead, init_he
from ._padding import (
    masked_conv_norm_pool,
    pooled_lengths,
    run_bidirectional,
    valid_frames,
)
from ._sizes import check_sizes, pool_sizes

__all__ = ["CNN_HEADS", "RNN_HEADS", "AttentionCNN", "AttentionRNN"]

CNN_HEADS = ("attention", "flatten", "max", "mean")
RNN_HEADS = ("attention", "last", "max", "mean")


class _AttentionNet(nn.Module):
    """Base class of the networks: `features` of a subclass, then its `head`."""

    def training_on(self, shape, n_epochs):
        """Prepare the network for training on recordings (n, n_frames, n_mels)."""
        return nullcontext()

    def predicting(self, shape, dtype=torch.float32):
        """Prepare the network to predict recordings (n, n_frames, n_mels) in this type."""
        return nullcontext()

    @torch.no_grad()
    def add_log_prior(self, prior):
        """Add the log of class priors to the bias of the logits.

        Parameters
        ----------
        prior : array-like of shape (n_classes,)
            Prior, or prior ratio, of each class, up to a common factor.
        """
        log_prior = torch.as_tensor(prior, dtype=torch.float32).clamp(min=1e-6).log()
        self.head.bias.add_((log_prior - log_prior.mean()).to(self.head.bias.device))

    def forward(self, x, return_maps=False, lengths=None):
        """Compute logits.

        Parameters
        ----------
        x : Tensor of shape (n, n_frames, n_mels)
            Log-mel spectrograms.
        return_maps : bool, default=False
            Return an `AttentionMaps`.
        lengths : Tensor of int of shape (n,) or None, default=None
            Frames of each recording, if they differ. Padding after them affects nothing, not even
            batch statistics and the edges of convolutions, and maps are 0 there.

        Returns
        -------
        Tensor of shape (n, n_classes) or AttentionMaps
        """
        features = self.features(x, lengths)
        mask = None
        if lengths is not None:
            mask = valid_frames(self.map_lengths(lengths), features.shape[2])
        with torch.autocast(x.device.type, enabled=False):  # the head is cheap in full precision
            return self.head(features, return_maps, mask)


class AttentionCNN(_AttentionNet):
    """Convolutional network with attention pooling.

    Each layer is a convolution without bias, batch normalisation, max-pooling and ReLU. ReLU
    before the pooling would give the same numbers, at four times the cost.

    Parameters
    ----------
    n_classes : int, default=3
        Number of classes.
    input_shape : tuple of int, default=(936, 64)
        (n_frames, n_mels) of the spectrograms. Only ``head="flatten"`` depends on it.
    channels : sequence of int, default=(64, 128, 256, 256)
        Output channels of each convolution.
    kernel_size : int or pair of int, default=3
        Kernel in (frames, mels), with "same" padding (assumed; the paper does not state it, and
        the public code of sister papers uses 5).
    pool_size : int, pair of int, one of these per layer, or "fine", default=2
        Max-pooling in (frames, mels). "fine" is (2, 2) in the first layer and (1, 2) in the
        others. Two ints are always one pair. A pool larger than the map is cut to it.
    head : {"attention", "flatten", "max", "mean"}, default="attention"
        Attention pooling, or a linear layer on the whole map, its maximum or its mean.
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        Rectifier of `AttentionPooling`.

    References
    ----------
    Ren et al., Machine Learning with Applications 9 (2022) 100322. The batch normalisation
    and He-uniform initialisation are assumed, after the public code of sister papers.

    Examples
    --------
    >>> import torch
    >>> from skheart.nets import AttentionCNN
    >>> net = AttentionCNN(n_classes=3, channels=(4, 8))
    >>> net(torch.randn(2, 100, 64)).shape
    torch.Size([2, 3])
    """

    _compiled = False
    _folded = None

    def __init__(
        self,
        n_classes=3,
        *,
        input_shape=(936, 64),
        channels=(64, 128, 256, 256),
        kernel_size=3,
        pool_size=2,
        head="attention",
        rectifier="sigmoid",
    ):
        super().__init__()
        check_choice("head", head, CNN_HEADS)
        check_sizes("channels", channels)
        if not isinstance(kernel_size, Integral) or kernel_size < 1:
            check_sizes("kernel_size", kernel_size, length=2)
            kernel_size = tuple(kernel_size)
        self.pool_sizes = pool_sizes(pool_size, len(channels))
        widths = (1, *channels)
        self.convs = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel_size, padding="same", bias=False)
            for n_in, n_out in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in channels)
        for conv in self.convs:
            init_he(conv)
        if head == "attention":
            self.head = AttentionPooling(channels[-1], n_classes, rectifier=rectifier)
        else:
            n_cells = prod(self.map_shape(*input_shape)) if head == "flatten" else 1
            self.head = PooledHead(channels[-1] * n_cells, n_classes, head)
        # The convolutions are faster with the channels innermost, on CPU and GPU alike.
        self.to(memory_format=torch.channels_last)

    def map_shape(self, n_frames, n_mels):
        """Cells of the feature map, (time, mel), for an input of this size."""
        *_, (shape, pool) = self._layer_sizes(n_frames, n_mels)
        return shape[0] // pool[0], shape[1] // pool[1]

    def map_lengths(self, lengths):
        """Time cells of recordings with these numbers of frames, a tensor of int."""
        for time, _ in self.pool_sizes:
            lengths = pooled_lengths(lengths, time)
        return lengths

    def features(self, x, lengths=None):
        """Feature map ``(n, channels, time, mel)`` of spectrograms ``(n, n_frames, n_mels)``."""
        if lengths is not None:
            return self._masked_maps(x, lengths)
        on_cpu = x.device.type == "cpu"
        if on_cpu and not (self.training or torch.is_grad_enabled()):
            slices = chunk_slices(len(x), self.largest_map(*x.shape[1:]))
            if len(slices) > 1:
                return torch.cat(in_chunks(lambda rows: self._maps(x[rows]), slices))
        return self._maps(x)

    @contextmanager
    def training_on(self, shape, n_epochs):
        # The gradients of input and weights take as many multiplications each as the output.
        self._compiled = 3 * n_epochs * self._multiplications(*shape) >= work.COMPILE_WORK
        try:
            yield
        finally:
            del self._compiled

    @contextmanager
    def predicting(self, shape, dtype=torch.float32):
        n_recordings = work.expected_recordings(shape[0])
        compiled = self._multiplications(n_recordings, *shape[1:]) >= work.COMPILE_WORK
        with torch.no_grad():  # fold the normalisation into the convolutions, once
            layers = zip(self.convs, self.norms, strict=True)
            self._folded = [fold(*layer, dtype, compiled=compiled) for layer in layers]
        try:
            yield
        finally:
            self._folded = None

    def cell_size(self, n_frames, n_mels):
        """Frames and mel bins that a cell of the feature map covers."""
        times, mels = zip(*(pool for _, pool in self._layer_sizes(n_frames, n_mels)), strict=True)
        return prod(times), prod(mels)

    def largest_map(self, n_frames, n_mels):
        """Bytes of the largest map of a recording in float32."""
        sizes = zip(self.convs, self._layer_sizes(n_frames, n_mels), strict=True)
        return max(4 * conv.out_channels * prod(shape) for conv, (shape, _) in sizes)

    def _multiplications(self, n_recordings, n_frames, n_mels):
        """Multiplications of the convolutions."""
        sizes = zip(self.convs, self._layer_sizes(n_frames, n_mels), strict=True)
        return n_recordings * sum(conv.weight.numel() * prod(shape) for conv, (shape, _) in sizes)

    def _layer_sizes(self, n_frames, n_mels):
        """Yield the shape of each layer's maps before pooling, and the pool, cut to the maps."""
        for time, mel in self.pool_sizes:
            pool = min(time, n_frames), min(mel, n_mels)
            yield (n_frames, n_mels), pool
            n_frames, n_mels = n_frames // pool[0], n_mels // pool[1]

    def _maps(self, x):
        on_cpu = x.device.type == "cpu"
        fused = on_cpu and self.training and x.dtype == torch.float32
        h = x.unsqueeze(1)
        if on_cpu:
            h = h.to(reduced_precision(x) or x.dtype)
        layers = zip(self.convs, self.norms, self.pool_sizes, strict=True)
        for layer, (conv, norm, sizes) in enumerate(layers):
            pool = tuple(map(min, sizes, h.shape[2:]))
            if fused:
                h = conv_norm_pool(h, conv, norm, pool, compiled=self._compiled)
            elif self.training:
                h = functional.relu(functional.max_pool2d(norm(conv(h)), pool))
            else:
                folded = self._folded[layer] if self._folded else fold(conv, norm, h.dtype)
                h = folded_conv_pool(h, *folded, pool)
        return h.to(x.dtype)

    def _masked_maps(self, x, lengths):
        h = x.masked_fill(~valid_frames(lengths, x.shape[1])[:, :, None], 0).unsqueeze(1)
        h = channels_last(h)
        for layer in zip(self.convs, self.norms, self.pool_sizes, strict=True):
            h, lengths = masked_conv_norm_pool(h, lengths, *layer)
        return h.to(x.dtype)


class AttentionRNN(_AttentionNet):
    """Recurrent network with attention pooling over time.

    Parameters
    ----------
    n_classes : int, default=3
        Number of classes.
    input_shape : tuple of int, default=(936, 64)
        (n_frames, n_mels) of the spectrograms. The number of frames is not used.
    cell : {"lstm", "gru"}, default="lstm"
        The recurrent cell.
    units : sequence of int, default=(256, 1024, 256)
        Units of each recurrent layer.
    bidirectional : bool, default=False
        Read the sequence in both directions; a layer then has twice as many outputs as units
        (assumed False; the paper does not state it).
    head : {"attention", "last", "max", "mean"}, default="attention"
        Attention pooling, or a linear layer on the last frame (of each direction), or on the
        maximum or mean over time (assumed; the paper does not state its read-out).
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        Rectifier of `AttentionPooling`.

    References
    ----------
    Ren et al., Machine Learning with Applications 9 (2022) 100322.

    Examples
    --------
    >>> import torch
    >>> from skheart.nets import AttentionRNN
    >>> net = AttentionRNN(n_classes=3, input_shape=(100, 64), cell="gru", units=(8, 4))
    >>> net(torch.randn(2, 100, 64), return_maps=True).attention.shape
    torch.Size([2, 3, 100])
    """

    def __init__(
        self,
        n_classes=3,
        *,
        input_shape=(936, 64),
        cell="lstm",
        units=(256, 1024, 256),
        bidirectional=False,
        head="attention",
        rectifier="sigmoid",
    ):
        super().__init__()
        check_choice("cell", cell, ("lstm", "gru"))
        check_choice("head", head, RNN_HEADS)
        check_sizes("units", units)
        layer = nn.LSTM if cell == "lstm" else nn.GRU
        directions = 2 if bidirectional else 1
        widths = (input_shape[1], *(directions * n for n in units))
        self.layers = nn.ModuleList(
            layer(n_in, n_units, batch_first=True, bidirectional=bidirectional)
            for n_in, n_units in zip(widths, units, strict=False)
        )
        if head == "attention":
            self.head = AttentionPooling(widths[-1], n_classes, ndim=1, rectifier=rectifier)
        else:
            self.head = PooledHead(widths[-1], n_classes, head)

    def map_lengths(self, lengths):
        """Feature steps of recordings with these numbers of frames, a tensor of int."""
        return torch.ones_like(lengths) if self._last_of_both else lengths

    @property
    def _last_of_both(self):
        """Whether the head sees only the last step of each of two directions."""
        return self.layers[-1].bidirectional and getattr(self.head, "mode", None) == "last"

    def features(self, x, lengths=None):
        """Feature sequence ``(n, outputs, time)`` of spectrograms ``(n, n_frames, n_mels)``."""
        if lengths is not None:
            x = x.masked_fill(~valid_frames(lengths, x.shape[1])[:, :, None], 0)
        h = self._sequence(x, lengths).to(x.dtype)
        if self._last_of_both:
            # The backward direction ends at the first frame.
            n_units = self.layers[-1].hidden_size
            ends = -1 if lengths is None else lengths - 1
            last = h[torch.arange(len(h), device=h.device), ends][:, None]
            h = torch.cat([last[:, :, :n_units], h[:, :1, n_units:]], dim=2)
        return h.transpose(1, 2)

    def cell_size(self, n_frames, n_mels):
        """Frames and mel bins that a feature step covers."""
        return n_frames if self._last_of_both else 1, n_mels

    def _sequence(self, x, lengths):
        """Outputs of the layers, (n, time, outputs)."""
        kind, reduced = x.device.type, reduced_precision(x)
        on_cpu = kind == "cpu"
        if lengths is not None and self.layers[-1].bidirectional:
            # On the CPU, torch would sum the gradients of these layers over time in bfloat16.
            with torch.autocast(kind, reduced, enabled=reduced is not None and not on_cpu):
                return run_bidirectional(self.layers, x, lengths)
        if on_cpu and reduced == torch.bfloat16 and isinstance(self.layers[0], nn.GRU):
            h = x.transpose(0, 1)
            for layer in self.layers:
                directions = (False, True) if layer.bidirectional else (False,)
                h = torch.cat([gru_layer(h, layer, reverse=reverse) for reverse in directions], 2)
            return h.transpose(0, 1)
        # torch's LSTM does the same without bfloat16 in the processor.
        reduces = reduced is not None and (not on_cpu or multiplies_bfloat16())
        with torch.autocast(kind, reduced, enabled=reduces):
            for layer in self.layers:  # forwards, padding comes after everything that counts
                x, _ = layer(x)
        return x


def reduced_precision(x):
    """Return the dtype of `torch.autocast` on the device of a tensor, or None."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
