"""Product of a few factors, rounded after each multiplication."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, round_half_up, saturate
from rbp.hdl.primitives.arithmetic import Multiplier

__all__ = ["Product"]


class Product(wiring.Component):
    """((a·b)·c) …, in STATE words; a multiplier for each factor but the first.

    Latency is :meth:`latency`; throughput one product a cycle, never stalled. Golden model:
    ``rbp.golden.features.Features``.

    Parameters
    ----------
    config : Config
    factors : int
        At least 1.

    Members
    -------
    factors, valid : In
        All at once; what is valid is watched.
    product : Out
    clipped : Out
        Something saturated, each in the cycle of its word.
    """

    def __init__(self, config, factors):
        self.config, self.count = config, factors
        word = signed(config.formats.state.width)
        super().__init__(
            {
                "factors": In(word).array(factors),
                "valid": In(1),
                "product": Out(word),
                "clipped": Out(1),
            }
        )

    @staticmethod
    def latency(device, factors):
        return (factors - 1) * (device.multiplier + 1)

    def elaborate(self, platform):
        m = Module()
        state, device = self.config.formats.state, self.config.device
        product, clips = self.factors[0], []
        for k in range(1, self.count):
            m.submodules[f"multiplier_{k}"] = multiplier = Multiplier(
                a_width=state.width, b_width=state.width, device=device
            )
            behind = self.latency(device, k)
            m.d.comb += [
                multiplier.a.eq(product),
                multiplier.b.eq(delay(m, self.factors[k], behind, name=f"factor_{k}")),
            ]
            narrowed, clipped = saturate(round_half_up(multiplier.product, state.fraction), state)
            product = Signal(signed(state.width), name=f"product_{k}", reset_less=True)
            m.d.sync += product.eq(narrowed)
            valid = delay(
                m, self.valid, behind + device.multiplier, control=True, name=f"valid_{k}"
            )
            clip = Signal(name=f"clip_{k}")
            m.d.sync += clip.eq(clipped & valid)
            clips.append(clip)
        m.d.comb += self.product.eq(product)
        for clip in clips:
            with m.If(clip):
                m.d.comb += self.clipped.eq(1)
        return m
