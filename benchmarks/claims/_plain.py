"""The peers: the paper's nets as a torch tutorial writes them, trained by skorch as it comes."""

from __future__ import annotations

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skheart.nets import AttentionPooling

CHANNELS = (64, 128, 256, 256)
UNITS = (256, 1024, 256)


class PlainCNN(nn.Module):
    """Convolution, batch norm, ReLU, max-pooling, four times; attention pooling."""

    def __init__(self, kernel_size=3, channels=CHANNELS):
        super().__init__()
        layers = []
        for n_in, n_out in zip((1, *channels), channels, strict=False):
            conv = nn.Conv2d(n_in, n_out, kernel_size, padding="same", bias=False)
            layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers)
        self.head = AttentionPooling(channels[-1], 3)

    def forward(self, x):
        return self.head(self.layers(x.unsqueeze(1)))


class PlainRNN(nn.Module):
    """Three recurrent layers of torch; attention pooling over time."""

    def __init__(self, cell, units=UNITS, n_mels=64):
        super().__init__()
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        widths = (n_mels, *units)
        self.layers = nn.ModuleList(
            layer(n_in, n_out, batch_first=True) for n_in, n_out in zip(widths, units, strict=False)
        )
        self.head = AttentionPooling(units[-1], 3, ndim=1)

    def forward(self, x):
        for layer in self.layers:
            x, _ = layer(x)
        return self.head(x.transpose(1, 2))


def plain_module(model, **settings):
    """The module of a model: "cnn", "lstm" or "gru"."""
    return PlainCNN(**settings) if model == "cnn" else PlainRNN(model, **settings)


def plain_skorch(model, max_epochs=2, **settings):
    """A skorch net of a model, in float32, with Adam at 1e-3 and batches of 32."""
    return NeuralNetClassifier(
        plain_module(model, **settings), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam,
        lr=1e-3, batch_size=32, max_epochs=max_epochs, iterator_train__shuffle=True,
        train_split=None, verbose=0,
    )  # fmt: skip


def spectrograms(n, n_frames=936, n_mels=64, seed=0):
    """Standardised noise in which the mel bins of the class are raised; labels 0, 1, 2."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_frames, n_mels), dtype=np.float32)
    y = np.arange(n) % 3
    for label in range(3):
        X[y == label, :, 8 * label : 8 * label + 8] += 0.5
    return X, y
