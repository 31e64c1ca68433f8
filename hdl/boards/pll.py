"""Phase-locked loops of iCE40 and of ECP5: a clock from that of a board's oscillator."""

from dataclasses import dataclass
from fractions import Fraction

from amaranth.hdl import Const, Instance

__all__ = ["Ecp5Pll", "IcePll"]


@dataclass(frozen=True)
class IcePll:
    """SB_PLL40_PAD or SB_PLL40_CORE: f = source · (divf + 1) / ((divr + 1) · 2^divq).

    Parameters
    ----------
    source : int
        Frequency of its input in Hz.
    divr, divf, divq : int
        Dividers, as the cell takes them.
    filter_range : int
        Of the loop's filter, by the frequency at the phase detector.
    pad : bool
        Whether the clock's pin is the loop's own, as it must be where the two share a place.
    """

    source: int
    divr: int
    divf: int
    divq: int
    filter_range: int
    pad: bool

    @property
    def frequency(self):
        """In Hz, exact."""
        return Fraction(self.source * (self.divf + 1), (self.divr + 1) << self.divq)

    def instance(self, pin, clock, locked):
        """The cell: from a pin, to a clock on a global net."""
        return Instance(
            "SB_PLL40_PAD" if self.pad else "SB_PLL40_CORE",
            ("p", "FEEDBACK_PATH", "SIMPLE"),
            ("p", "DIVR", Const(self.divr, 4)),
            ("p", "DIVF", Const(self.divf, 7)),
            ("p", "DIVQ", Const(self.divq, 3)),
            ("p", "FILTER_RANGE", Const(self.filter_range, 3)),
            ("i", "PACKAGEPIN" if self.pad else "REFERENCECLK", pin),
            ("i", "RESETB", Const(1)),
            ("i", "BYPASS", Const(0)),
            ("o", "PLLOUTGLOBAL", clock),
            ("o", "LOCK", locked),
        )


@dataclass(frozen=True)
class Ecp5Pll:
    """EHXPLLL: f = source · feedback / reference; its oscillator runs at f · output.

    Parameters
    ----------
    source : int
        Frequency of its input in Hz.
    reference, feedback, output : int
        Dividers.
    """

    source: int
    reference: int
    feedback: int
    output: int

    @property
    def frequency(self):
        """In Hz, exact."""
        return Fraction(self.source * self.feedback, self.reference)

    @property
    def phase(self):
        """Of the output, in cycles of the oscillator: its middle."""
        return (self.output - 1) // 2

    def instance(self, pin, clock, locked):
        """The cell, which compares its input with its output, so that their edges meet."""
        return Instance(
            "EHXPLLL",
            ("a", "FREQUENCY_PIN_CLKI", f"{self.source / 1e6:g}"),
            ("a", "FREQUENCY_PIN_CLKOP", f"{float(self.frequency) / 1e6:g}"),
            ("a", "ICP_CURRENT", "12"),
            ("a", "LPF_RESISTOR", "8"),
            ("a", "MFG_ENABLE_FILTEROPAMP", "1"),
            ("a", "MFG_GMCREF_SEL", "2"),
            ("p", "PLLRST_ENA", "DISABLED"),
            ("p", "INTFB_WAKE", "DISABLED"),
            ("p", "STDBY_ENABLE", "DISABLED"),
            ("p", "DPHASE_SOURCE", "DISABLED"),
            *(("p", f"OUTDIVIDER_MUX{k}", f"DIV{k}") for k in "ABCD"),
            ("p", "CLKI_DIV", self.reference),
            ("p", "CLKFB_DIV", self.feedback),
            ("p", "CLKOP_ENABLE", "ENABLED"),
            ("p", "CLKOP_DIV", self.output),
            ("p", "CLKOP_CPHASE", self.phase),
            ("p", "CLKOP_FPHASE", 0),
            ("p", "FEEDBK_PATH", "CLKOP"),
            ("i", "CLKI", pin),
            ("i", "CLKFB", clock),
            *(("i", pin, Const(0)) for pin in ("RST", "STDBY", "PHASESEL0", "PHASESEL1")),
            *(("i", pin, Const(1)) for pin in ("PHASEDIR", "PHASESTEP", "PHASELOADREG")),
            *(("i", pin, Const(0)) for pin in ("PLLWAKESYNC", "ENCLKOP")),
            ("o", "CLKOP", clock),
            ("o", "LOCK", locked),
        )
