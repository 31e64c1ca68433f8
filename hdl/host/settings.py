"""Settings: the registers that the host writes, each with whether its value fits."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import within
from rbp.hdl.host.memory_map import REGISTERS, greatest
from rbp.hdl.layouts import patterns, settings_layout

__all__ = ["SettingsRegisters"]

FIELDS = ("PATTERNS", "BATCH", "LIMIT", "TOLERANCE", "USE_WITHIN")
CHECKED = ("MODE", "ROWS", "UPDATES", *FIELDS)


class SettingsRegisters(wiring.Component):
    """Keeps what is written; a value beyond its range is kept apart, and lets no run start.

    Members
    -------
    word, done : In
        What is written, and where to, one flag for each register.
    errors, set_errors : In
        The command at hand is to train; it is to be kept.
    settings, patterns, batch, drawn, logging : Out
        For the core.
    refused : Out
        What was written a cycle ago does not fit.
    fit : Out
        A run may start with these, three cycles after the last was written at the earliest.
    fits : In
        The next pattern is one of A.
    """

    def __init__(self, config):
        self.config = config
        pattern = patterns(config)
        super().__init__(
            {
                "word": In(32),
                "done": In(data.StructLayout({name: 1 for name in CHECKED})),
                "errors": In(1),
                "set_errors": In(1),
                "settings": Out(settings_layout(config)),
                "patterns": Out(pattern),
                "batch": Out(pattern),
                "drawn": Out(1),
                "logging": Out(1),
                "refused": Out(1),
                "fit": Out(1),
                "fits": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, settings, word = self.config, self.settings, self.word
        kept = (
            self.patterns,
            self.batch,
            settings.limit,
            settings.tolerance,
            settings.use_within,
        )
        for name, signal in zip(FIELDS, kept, strict=True):
            with m.If(self.done[name]):
                m.d.sync += signal.eq(word)
        with m.If(self.set_errors):
            m.d.sync += settings.errors.eq(self.errors)
        m.d.sync += settings.rows_set.eq(self.done.ROWS)
        with m.If(self.done.ROWS):
            m.d.sync += settings.first_unit.eq(word)
            if config.random_start:
                m.d.sync += settings.last_unit.eq(word[16:])
        with m.If(self.done.MODE):
            m.d.sync += [
                settings.dt_shift.eq(word[0:2]),
                settings.eta.eq(word[4:8]),
                settings.nearest.eq(word[8]),
                settings.fixed.eq(word[9]),
                self.logging.eq(word[10]),
                settings.keep.eq(word[11]),
                self.drawn.eq(word[12]),
            ]
            if config.random_start:
                m.d.sync += settings.random.eq(word[13])
            if config.momentum:
                m.d.sync += settings.friction.eq(word[16:])

        # compared in a cycle of its own
        written, beyond = Signal.like(self.done.as_value()), Signal(len(CHECKED), reset_less=True)
        unfit = Signal(len(CHECKED))
        found = self._beyond()
        m.d.sync += [
            written.eq(self.done),
            beyond.eq(Cat(found[name] for name in CHECKED)),
            unfit.eq((unfit & ~written) | (beyond & written)),
        ]
        m.d.comb += self.refused.eq((written & beyond).any())
        checks, one = Signal(3), Signal()
        m.d.sync += [
            one.eq(self.batch == 1),
            checks.eq(
                Cat(
                    self.batch != 0,
                    self.batch <= self.patterns,
                    settings.limit != 0,
                )
            ),
            self.fit.eq(
                ~unfit.any() & checks.all() & self.fits & (one | ~self.drawn | ~settings.errors)
            ),
        ]
        return m

    def _beyond(self):
        """Whether what is written is beyond what each register takes."""
        config, word = self.config, self.word
        low, high = config.eta_shifts
        beyond = {name: ~within(word, most) for name, most in greatest(config).items()}
        mode = next(r for r in REGISTERS if r.name == "MODE")
        built = sum(field.mask for field in mode.built(config))
        unknown = (word & Const(~built & 0xFFFFFFFF, 32)).any()
        last = config.units - 1
        rows = ~within(word[:16], last) | ~within(word[16:], last if config.random_start else 0)
        return beyond | {"MODE": unknown | ~within(word[4:8], high - low), "ROWS": rows}
