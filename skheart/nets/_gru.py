"""GRU layer in bfloat16 on the CPU, whose gradient sums over time are float32.

Under `torch.autocast`, torch's own layer adds to the gradient of its weights in bfloat16 at every
time step, which is off by half after a thousand steps. Here the gates of all steps are kept, and
the gradient is one product of matrices at the end.
"""

from __future__ import annotations

import torch

__all__ = ["gru_layer"]


def gru_layer(x, layer, *, reverse=False):
    """Outputs of one direction of a torch GRU of one layer, with products in bfloat16.

    Parameters
    ----------
    x : Tensor of shape (time, n, features), float32
        The sequence, on the CPU.
    layer : GRU
        Its weights are used.
    reverse : bool, default=False
        Read from the end, with the weights of that direction.

    Returns
    -------
    Tensor of shape (time, n, hidden_size), float32
    """
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [getattr(layer, f"{kind}_l0{'_reverse' * reverse}") for kind in kinds]
    return _GRU.apply(x.flip(0), *weights).flip(0) if reverse else _GRU.apply(x, *weights)


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w_ih, w_hh, b_ih, b_hh):
        n_steps, n, _ = x.shape
        units = w_hh.shape[1]
        x = x.bfloat16()
        w_hh_t = w_hh.bfloat16().t()
        # Reset, update and new gates of all steps, at first their part from the input.
        gates = torch.matmul(x, w_ih.bfloat16().t()).float().add_(b_ih)
        gates[..., : 2 * units] += b_hh[: 2 * units]
        hidden, recurrent = x.new_empty((2, n_steps, n, units), dtype=torch.float32)
        entering = x.new_zeros(n_steps + 1, n, units)  # the states before each step
        before = torch.zeros_like(hidden[0])
        for t in range(n_steps):
            from_state = torch.mm(entering[t], w_hh_t)
            both, new = gates[t].tensor_split([2 * units], dim=1)
            reset, update = both.add_(from_state[:, : 2 * units]).sigmoid_().chunk(2, dim=1)
            torch.add(from_state[:, 2 * units :], b_hh[2 * units :], out=recurrent[t])
            new.addcmul_(reset, recurrent[t]).tanh_()
            before = torch.lerp(new, before, update, out=hidden[t])
            entering[t + 1] = before
        ctx.save_for_backward(x, w_ih, w_hh, hidden, entering)
        ctx.gates = gates, recurrent
        return hidden

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, w_ih, w_hh, hidden, entering = ctx.saved_tensors
        (gates, recurrent), ctx.gates = ctx.gates, None
        n_steps, n, units = hidden.shape
        weight = w_hh.bfloat16()
        into_x, into_h = torch.empty(2, n_steps, n, 3 * units, dtype=torch.bfloat16)
        state_grad = torch.zeros_like(hidden[0])
        for t in range(n_steps - 1, -1, -1):
            reset, update, new = gates[t].chunk(3, dim=1)
            state_grad += grad[t]
            into_new = state_grad * (1 - update)
            into_new.addcmul_(into_new, new * new, value=-1)
            before = hidden[t - 1] if t else 0
            into_update = (before - new).mul_(state_grad).mul_(update).mul_(1 - update)
            into_reset = (into_new * recurrent[t]).mul_(reset).mul_(1 - reset)
            into_x[t] = torch.cat([into_reset, into_update, into_new], dim=1)
            into_h[t, :, : 2 * units] = into_x[t, :, : 2 * units]
            into_h[t, :, 2 * units :] = into_new.mul_(reset)
            state_grad.mul_(update).add_(torch.mm(into_h[t], weight))
        x_grad = torch.matmul(into_x, w_ih.bfloat16()).float() if ctx.needs_input_grad[0] else None
        into_x, into_h = into_x.flatten(0, 1), into_h.flatten(0, 1)
        w_ih_grad = torch.mm(into_x.t(), x.flatten(0, 1)).float()
        w_hh_grad = torch.mm(into_h.t(), entering[:-1].flatten(0, 1)).float()
        ones = into_x.new_ones(1, len(into_x))
        b_ih_grad, b_hh_grad = (torch.mm(ones, into)[0].float() for into in (into_x, into_h))
        return x_grad, w_ih_grad, w_hh_grad, b_ih_grad, b_hh_grad
