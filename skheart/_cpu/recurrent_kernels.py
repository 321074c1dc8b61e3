"""One time step of an LSTM or GRU after its product of matrices, forwards and back, in one loop.

Arrays are (n, ...), float32 unless said otherwise; products and states that enter products are
bfloat16 as their bits in uint16. Gates stand side by side as torch has them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .bfloat16 import OPTIONS, like, wide

__all__ = ["gru_back", "gru_step", "lstm_back", "lstm_step"]

ONE = np.float32(1)
TWO = np.float32(2)


@njit(**OPTIONS)
def _sigmoid(x):
    """1 / (1 + exp(-x)) by a polynomial that vectorises; wrong by 1e-7 at most."""
    x = min(max(-x, np.float32(-87)), np.float32(87))
    whole = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    rest = x - whole * np.float32(0.693359375) + whole * np.float32(2.12194440e-4)
    power = np.float32(1 / 5040)
    for coefficient in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        power = power * rest + np.float32(coefficient)
    scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return ONE / (ONE + power * scale)


@njit(**OPTIONS)
def _tanh(x):
    return TWO * _sigmoid(TWO * x) - ONE


# The loops below are cut so that each touches few arrays: one of more is not vectorised.


@njit(**OPTIONS)
def _gate(gates, product, first, last):
    for u in range(first, last):
        gates[u] = _sigmoid(gates[u] + wide(product[u]))


@njit(**OPTIONS)
def _enter(entering, hidden):
    for u in range(len(hidden)):
        entering[u] = like(entering[u], hidden[u])


@njit(**OPTIONS)
def lstm_step(gates, product, cell_before, cell, tanh_cell, hidden, entering):
    """Gates i, f, g, o in place from their input part and W_hh h; the new cell and state."""
    n, units = cell.shape
    for k in range(n):
        gate, c, tanh_c, h = gates[k], cell[k], tanh_cell[k], hidden[k]
        _gate(gate, product[k], 0, 2 * units)
        _gate(gate, product[k], 3 * units, 4 * units)
        i, f, g, o = gate[:units], gate[units:], gate[2 * units :], gate[3 * units :]
        from_h = product[k, 2 * units :]
        for u in range(units):
            g[u] = _tanh(g[u] + wide(from_h[u]))
        for u in range(units):
            c[u] = f[u] * cell_before[k, u] + i[u] * g[u]
        for u in range(units):
            tanh_c[u] = _tanh(c[u])
        for u in range(units):
            h[u] = o[u] * tanh_c[u]
        _enter(entering[k], h)


@njit(**OPTIONS)
def lstm_back(gates, cell_before, tanh_cell, grad, through, cell_grad, into):
    """Gradient of the arguments of the gates, as bfloat16; cell_grad goes one step back."""
    n, units = cell_grad.shape
    dh = np.empty(units, np.float32)
    for k in range(n):
        gate, d, tanh_c, dc = gates[k], into[k], tanh_cell[k], cell_grad[k]
        i, f, g, o = gate[:units], gate[units:], gate[2 * units :], gate[3 * units :]
        d_i, d_f, d_g, d_o = d[:units], d[units:], d[2 * units :], d[3 * units :]
        for u in range(units):
            dh[u] = grad[k, u] + wide(through[k, u])
        for u in range(units):
            dc[u] += dh[u] * o[u] * (ONE - tanh_c[u] * tanh_c[u])
        for u in range(units):
            d_o[u] = like(d_o[u], dh[u] * tanh_c[u] * o[u] * (ONE - o[u]))
        for u in range(units):
            d_i[u] = like(d_i[u], dc[u] * g[u] * i[u] * (ONE - i[u]))
        for u in range(units):
            d_g[u] = like(d_g[u], dc[u] * i[u] * (ONE - g[u] * g[u]))
        for u in range(units):
            d_f[u] = like(d_f[u], dc[u] * cell_before[k, u] * f[u] * (ONE - f[u]))
        for u in range(units):
            dc[u] *= f[u]


@njit(**OPTIONS)
def gru_step(gates, product, bias, before, recurrent, hidden, entering):
    """Gates r, z, n in place; `recurrent` is W_hn h + b_hn, `bias` is b_hn."""
    n, units = hidden.shape
    for k in range(n):
        gate, part, h = gates[k], recurrent[k], hidden[k]
        _gate(gate, product[k], 0, 2 * units)
        r, z, new, from_h = gate[:units], gate[units:], gate[2 * units :], product[k, 2 * units :]
        for u in range(units):
            part[u] = wide(from_h[u]) + bias[u]
        for u in range(units):
            new[u] = _tanh(new[u] + r[u] * part[u])
        for u in range(units):
            h[u] = new[u] + z[u] * (before[k, u] - new[u])
        _enter(entering[k], h)


@njit(**OPTIONS)
def gru_back(gates, recurrent, before, grad, through, state_grad, into_x, into_h):
    """Gradients of the arguments of r, z, n (into_x) and of r, z, W_hn h + b_hn (into_h).

    state_grad goes one step back past the product of matrices.
    """
    n, units = state_grad.shape
    dh, dn = np.empty((2, units), np.float32)
    for k in range(n):
        gate, part, back = gates[k], recurrent[k], state_grad[k]
        r, z, new = gate[:units], gate[units:], gate[2 * units :]
        d_r, d_z, d_n = into_x[k, :units], into_x[k, units:], into_x[k, 2 * units :]
        d_part = into_h[k, 2 * units :]
        for u in range(units):
            dh[u] = grad[k, u] + wide(through[k, u]) + back[u]
        for u in range(units):
            dn[u] = dh[u] * (ONE - z[u]) * (ONE - new[u] * new[u])
        for u in range(units):
            d_r[u] = like(d_r[u], dn[u] * part[u] * r[u] * (ONE - r[u]))
        for u in range(units):
            d_z[u] = like(d_z[u], dh[u] * (before[k, u] - new[u]) * z[u] * (ONE - z[u]))
        for u in range(units):
            d_n[u] = like(d_n[u], dn[u])
        for u in range(units):
            d_part[u] = like(d_part[u], dn[u] * r[u])
        for u in range(units):
            back[u] = dh[u] * z[u]
        for u in range(2 * units):
            into_h[k, u] = into_x[k, u]
