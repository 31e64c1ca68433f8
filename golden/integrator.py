"""One Euler step of x (1) and of y (17), element by element.

Δt = 2**-k. Every element stops within 2**(k-1) ulp of its fixed point.
"""

import numpy as np

from rbp.golden.formats import narrow, round_half_up, saturate

__all__ = ["backward_step", "forward_step", "targets_error"]


def forward_step(network, sums, x, inputs, dt_shift, flags):
    """x ← x + Δt (−x + g(u) + I).

    Returns x, g'(u) and the step that x took, each A×N, from the sums W φ.
    """
    f = network.formats
    u = narrow(sums, f.weight.fraction + f.state.fraction - f.net.fraction, f.net, flags)
    g, slope = network.activate(u)
    goal = saturate(g + np.where(network.input_units, inputs, 0), f.state, flags)
    step = round_half_up(goal - x, dt_shift)
    return x + step, slope, step


def targets_error(network, targets, x, flags):
    """J_k = T_k − x_k where k is a target, else 0 (7)."""
    f = network.formats
    difference = round_half_up(targets - x, f.state.fraction - f.error.fraction)
    difference = np.where(network.target_units, difference, 0)
    return saturate(difference, f.error, flags)


def backward_step(network, sums, y, slope, errors, dt_shift, flags):
    """y ← y + Δt (−y + g'(u) (b + J)), with b = 0 where a unit is clamped.

    Returns y and the step that y took, from the sums Wᵀ y, or (∂φ/∂c)ᵀ Wᵀ y, and J of
    :func:`targets_error`.
    """
    f = network.formats
    shift = f.weight.fraction + (f.state.fraction if network.features else 0)
    b = narrow(np.where(network.clamp_units, 0, sums), shift, f.error, flags)
    e = saturate(b + errors, f.error, flags)
    goal = narrow(slope * e, f.slope.fraction, f.error, flags)
    step = round_half_up(goal - y, dt_shift)
    return y + step, step
