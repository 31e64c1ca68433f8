"""When relaxations end: those of many updates side by side, a turn of the carousel at a time."""

import numpy as np

__all__ = ["regular", "relax"]

NEVER = 1 << 60
"""Later than any cycle."""

TOGETHER = 1 << 14
"""Patterns whose turns are counted at once: their arrays fit a cache."""


def regular(schedule, batch):
    """Whether :func:`relax` counts a batch: its deal is over before the first finish, and no lane
    is so far behind that a turn begins before it has taken its sweep of the one before."""
    time, program = schedule.time, schedule.program
    least = min(program.short, len(program))
    return least > time.behind(schedule.config.lanes - 1) and batch <= least + schedule.finish


def relax(schedule, ready, free, lanes, steps):
    """(cycle in which all lanes are idle, in which the deal is over) of K relaxations that begin at
    0: what :meth:`rbp.hdl.schedule.Schedule._relax` says of each.

    ``ready`` and ``free`` (K), and ``steps`` (K×B×2), at least one of a pattern; ``lanes`` (B) are
    those of the patterns of all.
    """
    deal = ready + 1 + 2 * schedule.time.reach
    idle = np.empty(len(steps), np.int64)
    order = np.argsort(steps.sum(axis=(1, 2)), kind="stable")  # those of one part end together
    size = max(1, TOGETHER // len(lanes))
    for first in range(0, len(order), size):
        part = order[first : first + size]
        idle[part] = _idle(schedule, free[part], *_dealt(schedule, deal[part], lanes, steps[part]))
    return idle, deal + len(lanes) - schedule.time.reach


def _dealt(schedule, deal, lanes, steps):
    """By update, lane and place in it: the cycle from which the pattern is ready, and the steps of
    x and of both to come; NEVER and 0 where there is none."""
    places = [int((lanes[:k] == lane).sum()) for k, lane in enumerate(lanes)]
    shape = len(steps), schedule.config.lanes, 1 + max(places)
    at, left = np.full(shape, NEVER), np.zeros((2, *shape), np.int64)
    at[:, lanes, places] = deal[:, None] + np.arange(len(lanes)) + 1
    left[0][:, lanes, places] = steps[..., 0]
    left[1][:, lanes, places] = steps.sum(axis=2)
    return at, *left


def _idle(schedule, free, at, of_x, of_both):
    """Cycle in which the last pattern of each update has settled; the arrays are changed.

    In a lane patterns become ready one after the other, so the one that was first is the next.
    """
    program, (updates, lanes, places) = schedule.program, at.shape
    behind = np.array([schedule.time.behind(lane) for lane in range(lanes)])
    rows, idle = np.arange(updates * lanes) * places, np.zeros(updates, np.int64)
    at, of_x, of_both = (array.reshape(-1) for array in (at, of_x, of_both))
    while True:
        head = rows + at.reshape(-1, places).argmin(axis=1)
        came = at[head].reshape(updates, lanes)
        start = np.maximum(free, came.min(axis=1))
        if start.min() >= NEVER:
            return idle
        start = start[:, None]
        forward = of_x[head].reshape(updates, lanes) > 0
        whole = (forward & (came <= start)).any(axis=1, keepdims=True)
        end = start + np.where(whole, len(program), program.short)
        taken = (came <= start + behind) & (came < NEVER) & (whole | ~forward)
        ready = end + behind + schedule.finish + 1
        idle = np.maximum(idle, np.where(taken, ready, 0).max(axis=1))
        free = end[:, 0]
        taken = taken.reshape(-1)
        head, ready = head[taken], ready.reshape(-1)[taken]
        of_x[head] -= forward.reshape(-1)[taken]
        of_both[head] -= 1
        at[head] = np.where(of_both[head] > 0, ready, NEVER)
