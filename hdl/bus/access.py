"""Access: one read or write at the word port, and whether it was refused."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.wires import HostSignature

__all__ = ["Access", "members"]


def members(ports, address_width):
    """Members of a bus: ``ports`` has (direction, bits, meaning) of each; bits of None are those of
    an address."""
    return {
        name: flow(address_width if bits is None else bits)
        for name, (flow, bits, _) in ports.items()
    }


class Access(wiring.Component):
    """Holds a request until it is done, then waits for the verdict of the core.

    An access takes what the word port takes, and :attr:`HostSignature.VERDICT` + 1 cycles more.

    Parameters
    ----------
    address_width : int
        Bits of a word address.

    Members
    -------
    read, write : In
        Begin, for one cycle in which it is ``idle``; at most one of them.
    addr, w_data : In
        Held from the cycle after, until ``taken``.
    idle : Out
        No access is under way.
    taken : Out
        The word port is done: ``bus.r_data`` is valid in this cycle.
    done, refused : Out
        The access ends; it was refused.
    bus : HostSignature
        To the core.
    """

    def __init__(self, address_width):
        super().__init__(
            {
                "read": In(1),
                "write": In(1),
                "addr": In(address_width),
                "w_data": In(32),
                "idle": Out(1, init=1),
                "taken": Out(1),
                "done": Out(1),
                "refused": Out(1),
                "bus": Out(HostSignature(address_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        since = Signal(bus.signature.VERDICT)  # one bit: the cycles since it was taken
        seen = Signal()  # a refusal, before the last of these cycles
        m.d.comb += [
            bus.addr.eq(self.addr),
            bus.w_data.eq(self.w_data),
            self.taken.eq((bus.r_en | bus.w_en) & ~bus.wait),
            self.done.eq(since[-1]),
            self.refused.eq(seen | bus.refused),
        ]
        m.d.sync += [
            since.eq(Cat(self.taken, since)),
            seen.eq((seen | bus.refused) & since.any()),
            self.idle.eq((self.idle & ~(self.read | self.write)) | self.done),
            bus.r_en.eq(self.read | (bus.r_en & bus.wait)),
            bus.w_en.eq(self.write | (bus.w_en & bus.wait)),
        ]
        return m
