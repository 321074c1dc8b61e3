"""Recurrent layers with a gradient of their own, to train in bfloat16 on the CPU.

torch's layers add to the gradient of the weights at every time step. Here the gates of all steps
are kept, and the gradient of the weights is one product of matrices at the end. What enters a
product is bfloat16; states, cells and gates are float32.
"""

from __future__ import annotations

import numpy as np
import torch

from .chunks import borrow, give_back

__all__ = ["recurrent_layer"]


def recurrent_layer(x, layer, reverse=False):
    """The outputs of one direction of a torch LSTM or GRU of one layer, products in bfloat16.

    Parameters
    ----------
    x : Tensor of shape (time, n, features), float32
        The sequence, on the CPU.
    layer : LSTM or GRU
        Its weights are used.
    reverse : bool, default=False
        Read from the end, with the weights of that direction.

    Returns
    -------
    Tensor of shape (time, n, hidden_size), float32
    """
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [getattr(layer, f"{kind}_l0{'_reverse' * reverse}") for kind in kinds]
    function = _LSTM if isinstance(layer, torch.nn.LSTM) else _GRU
    return function.apply(x, *weights, reverse)


def _bits(tensor):
    """A bfloat16 tensor as an array of its bits."""
    return tensor.view(torch.int16).numpy().view(np.uint16)


class _Recurrent(torch.autograd.Function):
    """What both cells share: the products over all steps, before and after the loop."""

    @classmethod
    def forward(cls, ctx, x, w_ih, w_hh, b_ih, b_hh, reverse):
        n_steps, n, _ = x.shape
        x = x.bfloat16().flatten(0, 1)
        w_hh_cast = w_hh.bfloat16().t()
        width = len(w_ih)
        from_x = borrow((n_steps * n, width), torch.bfloat16)
        torch.mm(x, w_ih.bfloat16().t(), out=from_x)
        gates = borrow((n_steps, n, width), torch.float32)
        torch.add(from_x.view(gates.shape), cls.input_bias(b_ih, b_hh), out=gates)
        give_back(from_x)
        hidden = gates.new_empty(n_steps, n, w_hh.shape[1])
        # The states as they enter the product of each step: the one before it, zeros at first.
        entering = torch.zeros((n_steps + 1, *hidden.shape[1:]), dtype=torch.bfloat16)
        order = range(n_steps - 1, -1, -1) if reverse else range(n_steps)

        def product(step):
            return _bits(torch.mm(entering[step], w_hh_cast))

        kept = cls.run(gates, hidden.numpy(), _bits(entering), order, product, b_hh)
        ctx.save_for_backward(x, w_ih, w_hh, hidden, entering)
        ctx.kept = gates, *kept
        ctx.order = order
        if not any(ctx.needs_input_grad):
            cls.release(ctx)
        return hidden

    @staticmethod
    def release(ctx):
        for buffer in ctx.kept:
            give_back(buffer)
        ctx.kept = None

    @classmethod
    @torch.autograd.function.once_differentiable
    def backward(cls, ctx, grad):
        if ctx.kept is None:
            raise RuntimeError("The gradient of a training step can be taken once only.")
        x, w_ih, w_hh, hidden, entering = ctx.saved_tensors
        n_steps, n, _ = hidden.shape
        weight = w_hh.bfloat16()

        def product(into):
            return _bits(torch.mm(into, weight))

        grad = grad.contiguous().numpy()
        into_x, into_h = borrowed = cls.run_back(grad, hidden.numpy(), ctx.kept, ctx.order, product)
        cls.release(ctx)
        # The rows of `entering` stand in the order of the steps.
        in_order = into_h if ctx.order.step == 1 else into_h.flip(0)
        into_x, into_h, in_order = (g.flatten(0, 1) for g in (into_x, into_h, in_order))
        x_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = torch.mm(into_x, w_ih.bfloat16()).float().view(n_steps, n, -1)
        ones = torch.ones(1, n_steps * n, dtype=torch.bfloat16)
        b_ih_grad, b_hh_grad = (torch.mm(ones, g)[0].float() for g in (into_x, into_h))
        w_ih_grad = torch.mm(into_x.t(), x).float()
        w_hh_grad = torch.mm(in_order.t(), entering[:-1].flatten(0, 1)).float()
        for buffer in {id(tensor): tensor for tensor in borrowed}.values():
            give_back(buffer)
        return x_grad, w_ih_grad, w_hh_grad, b_ih_grad, b_hh_grad, None


class _LSTM(_Recurrent):
    @staticmethod
    def input_bias(b_ih, b_hh):
        return b_ih + b_hh

    @staticmethod
    def run(gates, hidden, entering, order, product, b_hh):
        """The cells, a row of zeros first, and their tanh."""
        from .recurrent_kernels import lstm_step

        shapes = (len(hidden) + 1, *hidden.shape[1:]), hidden.shape
        kept = tuple(borrow(shape, torch.float32) for shape in shapes)
        gates, cells, tanh_cells = gates.numpy(), kept[0].numpy(), kept[1].numpy()
        cells[0] = 0
        for step, t in enumerate(order):
            lstm_step(
                gates[t], product(step), cells[step], cells[step + 1], tanh_cells[t], hidden[t],
                entering[step + 1],
            )  # fmt: skip
        return kept

    @staticmethod
    def run_back(grad, hidden, kept, order, product):
        from .recurrent_kernels import lstm_back

        gates, cells, tanh_cells = (tensor.numpy() for tensor in kept)
        into = borrow(gates.shape, torch.bfloat16)
        bits = _bits(into)
        cell_grad = np.zeros_like(hidden[0])
        through = np.zeros(hidden.shape[1:], np.uint16)
        for step, t in reversed(list(enumerate(order))):
            maps = gates[t], cells[step], tanh_cells[t]
            lstm_back(*maps, grad[t], through, cell_grad, bits[t])
            through = product(into[t])
        return into, into


class _GRU(_Recurrent):
    @staticmethod
    def input_bias(b_ih, b_hh):
        bias = b_ih + b_hh
        units = len(b_hh) // 3
        bias[2 * units :] = b_ih[2 * units :]
        return bias

    @staticmethod
    def run(gates, hidden, entering, order, product, b_hh):
        """W_hn h + b_hn of all steps."""
        from .recurrent_kernels import gru_step

        kept = borrow(hidden.shape, torch.float32)
        gates, recurrent = gates.numpy(), kept.numpy()
        bias = b_hh.detach().numpy()[2 * hidden.shape[2] :]
        before = np.zeros_like(hidden[0])
        for step, t in enumerate(order):
            gru_step(
                gates[t], product(step), bias, before, recurrent[t], hidden[t], entering[step + 1]
            )
            before = hidden[t]
        return (kept,)

    @staticmethod
    def run_back(grad, hidden, kept, order, product):
        from .recurrent_kernels import gru_back

        gates, recurrent = (tensor.numpy() for tensor in kept)
        into_x, into_h = (borrow(gates.shape, torch.bfloat16) for _ in range(2))
        bits_x, bits_h = _bits(into_x), _bits(into_h)
        state_grad = np.zeros_like(hidden[0])
        through = np.zeros(hidden.shape[1:], np.uint16)
        for step, t in reversed(list(enumerate(order))):
            before = hidden[order[step - 1]] if step else np.zeros_like(hidden[0])
            maps = gates[t], recurrent[t], before
            gru_back(*maps, grad[t], through, state_grad, bits_x[t], bits_h[t])
            through = product(into_h[t])
        return into_x, into_h
