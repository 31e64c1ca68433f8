"""Numbering: in which order the machine has the units, so that their program is short.

Held units come first; then those whose rows have wanted columns, since a BACKWARD may end behind
them; then the others. Within each of the last two groups the user's order stays, unless a *nested*
one makes a sweep clearly shorter: rows that share columns are paired, then the pairs, and so on. So
whatever power of two P is, a block has rows that share columns, and for other P most of it. Between
the groups some numbers are left to no unit, where that makes a sweep clearly shorter: so no block
has rows of both.
"""

import numpy as np

from rbp.golden.config import GREATEST_FACTORS

__all__ = ["NOBODY", "number"]

NOBODY = -1
"""Whose a number is that no unit has."""

MACS = (2, 4, 8, 16)
"""P for which entries are counted; the nested order does not depend on P."""

PERCENT = 98
"""Of the entries with the user's order: the nested one is taken where it has fewer."""


def number(connected: np.ndarray, held: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """At least N int: the user's number of the machine's unit 0, 1, …, or :data:`NOBODY`.

    In first order, the columns of W move with its rows.

    Parameters
    ----------
    connected : N×M bool
        In the user's order.
    held : N bool
        Units whose rows are empty.
    wanted : M bool
        Columns whose sums are results; by default, in first order, those of units not held.
    """
    wanted = ~held if wanted is None else wanted
    leads = (connected & wanted).any(axis=1)
    groups = [np.flatnonzero(~held & leads), np.flatnonzero(~held & ~leads)]
    for k, begun in enumerate((0, len(groups[0]))):
        rows, lead = connected[groups[k]], -begun % max(MACS)
        choices = []
        for lonely in (True, False):
            nested = groups[k][_nested(rows, lead, lonely)]
            choices.append([*groups[:k], nested, *groups[k + 1 :]])
        entries = [_entries(connected, choice) for choice in choices]
        if 100 * min(entries) < PERCENT * _entries(connected, groups):
            groups = choices[int(np.argmin(entries))]
    return np.concatenate([np.flatnonzero(held), *_apart(connected, wanted, groups)])


def _apart(connected, wanted, groups):
    """The groups, with numbers of nobody between them where a sweep is clearly shorter so, and
    where a core has as many numbers."""
    first, second = groups
    if not (len(first) and len(second)):
        return groups
    empty = np.zeros_like(connected[:1])
    costs, fillers = [], []
    for multiple in (1, *MACS):
        free = -len(first) % multiple
        if free > max(0, GREATEST_FACTORS - len(connected)):
            continue
        fillers.append(np.full(free, NOBODY))
        order = np.concatenate([first, fillers[-1], second])
        rows = np.concatenate([connected, empty])[order]
        costs.append(_played(rows, wanted, len(first)))
    best = int(np.argmin(costs)) if 100 * min(costs) < PERCENT * costs[0] else 0
    return [first, fillers[best], second]


def _played(rows, wanted, leading):
    """Entries of a FORWARD, a short BACKWARD and an UPDATE, times P, in sum over :data:`MACS`."""
    cost = 0
    for macs in MACS:
        blocks = np.logical_or.reduceat(rows, np.arange(0, len(rows), macs), axis=0)
        sizes, last = np.maximum(macs, blocks.sum(axis=1)), (leading - 1) // macs
        short = sizes[:last].sum() + max(macs, (blocks[last] & wanted).sum())
        cost += macs * int(2 * sizes.sum() + short)
    return cost


def _entries(connected, groups):
    """Of a sweep, in sum over :data:`MACS`."""
    rows, entries = connected[np.concatenate(groups)], 0
    for macs in MACS if len(rows) else ():
        blocks = np.logical_or.reduceat(rows, np.arange(0, len(rows), macs), axis=0)
        entries += int(np.maximum(macs, blocks.sum(axis=1)).sum())
    return entries


def _nested(rows, lead, lonely):
    """The order of K×M bool ``rows``, of which the first ``lead`` fill a block that has begun.

    Clusters of as many rows are paired, level by level. Before, one goes to the front where
    ``lead`` asks for as many rows, and one to the end if their number is odd. ``lonely`` is
    for :func:`_pairs`.
    """
    clusters, size = [[k] for k in range(len(rows))], 1
    front, back = [], []
    while len(clusters) > 1:
        count = rows.astype(np.float32)
        shared = (count @ count.T).astype(np.int64)
        np.fill_diagonal(shared, 0)
        left = np.arange(len(clusters))
        if lead & size:
            left, odd = _without_loneliest(left, shared)
            front = front + clusters[odd]
        if len(left) % 2:
            left, odd = _without_loneliest(left, shared)
            back = clusters[odd] + back
        pairs = left[_pairs(shared[np.ix_(left, left)], lonely)]
        clusters = [clusters[a] + clusters[b] for a, b in pairs]
        rows = rows[pairs].any(axis=1)
        size *= 2
    return np.array(front + sum(clusters, []) + back, int)


def _without_loneliest(left, shared):
    """All but the one that shares least with the others; that one."""
    least = int(shared[np.ix_(left, left)].sum(axis=1).argmin())
    return np.delete(left, least), left[least]


def _pairs(shared, lonely):
    """K/2×2 int: pairs that share much, from the symmetric K×K ``shared``; its diagonal is 0.

    Of those without a partner, the first chooses next, or if ``lonely`` the one that shares least
    with the others. Then pairs exchange partners as long as that is a gain.
    """
    count = len(shared)
    rest, free = shared.sum(axis=1), np.ones(count, bool)
    scale = int(rest.max(initial=0)) + 1
    pairs = []
    for _ in range(count // 2):
        a = int(np.where(free, rest, scale).argmin() if lonely else free.argmax())
        free[a] = False
        b = int(np.where(free, shared[a] * scale - rest, -scale).argmax())
        free[b] = False
        rest -= shared[a] + shared[b]
        pairs.append((min(a, b), max(a, b)))
    pairs = np.array(sorted(pairs), int).reshape(-1, 2)
    while len(pairs) and _exchange(pairs, shared):
        pass
    return np.sort(pairs, axis=1)[np.argsort(pairs.min(axis=1))]


def _exchange(pairs, shared):
    """Exchange partners, in place, where two pairs are each other's greatest gain; whether any."""
    a, b = pairs.T
    now = shared[a, b] + shared[a, b][:, None]
    straight = shared[np.ix_(a, a)] + shared[np.ix_(b, b)]
    crossed = shared[np.ix_(a, b)] + shared[np.ix_(b, a)]
    gain = np.maximum(straight, crossed) - now
    np.fill_diagonal(gain, 0)
    other = gain.argmax(axis=1)
    here = np.arange(len(pairs))
    chosen = (other[other] == here) & (gain[here, other] > 0) & (here < other)
    for p, q in zip(here[chosen], other[chosen], strict=True):
        (a, b), (c, d) = pairs[p].tolist(), pairs[q].tolist()
        both = ((a, c), (b, d)) if straight[p, q] >= crossed[p, q] else ((a, d), (b, c))
        pairs[p], pairs[q] = both
    return chosen.any()
