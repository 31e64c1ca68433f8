"""When each field of a token is where, made from the latencies of its parts.

Cycle 0 is the one in which the carousel plays an entry, seen by the lane in question; PE p is p
cycles behind PE 0. A field reaches PE p's register at the cycle given here, plus p.

    0            an entry: address of c and y      (state memory; of φ's factors in a higher order)
    operand      φ, y and w meet                   (multiplier)
    shift        the product, η's shift
    add          the adder, with noise and w in an UPDATE
    result       the sum: to the result tree, or narrowed to a weight
    write        the new weight: to memory, or to the next lane
"""

from dataclasses import dataclass

from rbp.golden.program import Rules

__all__ = ["LANE_SKEW", "Timing"]

LANE_SKEW = 2
"""Cycles that a lane is behind the one before: a weight's way through one lane's UPDATE."""


@dataclass(frozen=True)
class Timing:
    """Cycles of the pipeline of one configuration."""

    config: object

    @property
    def memory(self):
        return self.config.device.memory

    @property
    def multiplier(self):
        return self.config.device.multiplier

    @property
    def feature(self):
        """What a higher order takes longer from a column to φ: look up its factors, multiply."""
        config = self.config
        return (self.memory + 1 + self.product(config.order)) if config.higher else 0

    def product(self, factors):
        """To multiply a few factors, rounding each time."""
        return (factors - 1) * (self.multiplier + 1)

    @property
    def factor(self):
        """From c to f(c), which the state memory keeps."""
        latency = self.memory + self.multiplier + self.config.device.narrow
        return 0 if self.config.feature == "identity" else latency

    @property
    def sums(self):
        """Behind the tree, to add what a column has so far."""
        return 1

    @property
    def merge(self):
        """From the tree to the integrator: the sum; in a higher order, to choose between a
        FORWARD's result and a fold's."""
        return self.sums + int(self.config.higher)

    @property
    def tail(self):
        """From an entry to its sum out of the tree, by way of the last PE."""
        return self.result + self.config.macs - 1 + self.tree

    @property
    def fold_pipeline(self):
        """From a term of the fold to the unit's sum."""
        config = self.config
        derive = self.product(max(1, config.order - 1)) + self.product(1 + bool(self.factor))
        return 2 * self.memory + 1 + derive + self.multiplier + config.fold_parts + 2

    @property
    def reach(self):
        """Cycles from what is common to a lane, or back: a register on the way, where there are
        several, or the device is fast."""
        return int(self.config.lanes > 1 or self.memory > 1)

    @property
    def notice(self):
        """Cycles that a finish is said ahead, so that no deal reaches a lane beside it."""
        return 2 + self.reach

    @property
    def look(self):
        """To look up what one of the lanes keeps: there, its memory, and back."""
        return self.memory + 2 * self.reach

    @property
    def answer(self):
        """Cycles of a host's read, the first included: a word of a lane's, or of the log, and two
        registers; as many more as a write of that word takes where memories are slow."""
        return self.look + 4 + (self.memory - 1)

    def behind(self, lane):
        """Cycles that a lane is behind the carousel."""
        return self.reach + LANE_SKEW * lane

    @property
    def operand(self):
        """Memory, a register to mask φ, and the first PE's own."""
        return self.feature + self.memory + 2

    @property
    def shift(self):
        return self.operand + self.multiplier

    @property
    def add(self):
        return self.shift + self.config.device.shifter

    @property
    def result(self):
        return self.add + 1

    @property
    def write(self):
        return self.add + LANE_SKEW

    @property
    def update_lag(self):
        """δ: an UPDATE meets its weight at the adder, not at the multiplier."""
        return self.add - self.operand

    @property
    def read(self):
        """When FORWARD and BACKWARD address a weight; UPDATE does so δ later."""
        return self.operand - self.memory

    @property
    def last_write(self):
        """When an UPDATE writes a weight, behind the last lane."""
        return self.write + LANE_SKEW * (self.config.lanes - 1)

    @property
    def reread(self):
        """Cycles from an UPDATE's reading of a weight until it can be read anew."""
        return self.last_write - (self.read + self.update_lag) + 1

    @property
    def rules(self):
        """What a program must keep, see :mod:`rbp.golden.program`."""
        return Rules(
            gap=self.memory + 2,  # of a column's sum: read, added to, written
            late=self.tail + self.merge + self.integrator + self.memory - 1,
            shortest=self.reread,
        )

    @property
    def before_update(self):
        """Cycles that an UPDATE waits behind an UPDATE: of a single port, until it is free."""
        return self.reread - 1 if self.config.spram else 0

    @property
    def before_relax(self):
        """Cycles that a RELAX waits behind an UPDATE, or an APPLY."""
        return self.update_lag + self.before_update

    @property
    def tree(self):
        """Register levels of the result tree: pairs first, then fours."""
        width, levels = -(-self.config.macs // 2), 1
        while width > 1:
            width, levels = -(-width // 4), levels + 1
        return levels

    @property
    def integrator(self):
        """From a result to the cycle in which its state is written.

        To narrow the sum, e, the product, the goal; to scale the difference; and a last addition.
        Where units choose among tables, u waits for their flags.
        """
        narrow, many = self.config.device.narrow, len(self.config.activations) > 1
        look_up = max(narrow, self.memory) if many else narrow
        return look_up + self.memory + (narrow - 1) + self.multiplier + 3 * narrow + 1

    @property
    def turnaround(self):
        """λ: cycles between a sweep's last column and the first of that pattern's next sweep.

        Behind a BACKWARD of higher order, the fold comes in addition.
        """
        pipeline = self.result + self.tree + self.merge + self.integrator + self.factor
        return self.config.macs - 1 + pipeline + 1

    @property
    def drain(self):
        """Cycles after which nothing that the carousel has issued is still under way."""
        return self.turnaround + self.update_lag + self.behind(self.config.lanes) + 5
