"""The core: a network that learns."""

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.control.carousel import Carousel
from rbp.hdl.control.start import RandomStart
from rbp.hdl.control.training import Training
from rbp.hdl.fixed import delay, gate, sticky, unreset
from rbp.hdl.host.memory_map import AddressMap
from rbp.hdl.host.port import HostPort
from rbp.hdl.lane import Lane
from rbp.hdl.layouts import Phase
from rbp.hdl.memories.log import Log
from rbp.hdl.memories.weights import WeightMemory
from rbp.hdl.timing import Timing
from rbp.hdl.wires import HostSignature

__all__ = ["Core"]


class Core(wiring.Component):
    """Settles a recurrent network (1), settles its error (17), moves its weights (13).

        host port ── training ── carousel ──► lane 0 ──► lane 1 ── … ─┐
                                    └───────► weight memory ◄─────────┘

    The result depends on the network, the data and the formats alone. Golden model:
    :class:`rbp.golden.training.Machine`, equal in every word. Cycles: :mod:`rbp.hdl.schedule`.

    Parameters
    ----------
    config : Config

    Members
    -------
    bus : HostSignature
        Word port over :mod:`rbp.hdl.host.memory_map`.
    phase : Out(Phase)
        What the run under way is doing.
    irq : Out
        What the host waits for is there, see IRQ_ENABLE.
    """

    def __init__(self, config):
        self.config = config
        bus = HostSignature(AddressMap(config).width)
        super().__init__({"bus": In(bus), "phase": Out(Phase), "irq": Out(1)})

    def ports(self):
        """Plain port names for Verilog: ``bus_addr`` …; besides ``clk`` and ``rst``."""
        bus = {
            f"bus_{name}": (getattr(self.bus, name), None) for name in self.bus.signature.members
        }
        return {**bus, "phase": (self.phase.as_value(), None), "irq": (self.irq, None)}

    def elaborate(self, platform):
        m = Module()
        config, time = self.config, Timing(self.config)
        m.submodules.host = host = HostPort(config)
        m.submodules.training = training = Training(config)
        m.submodules.carousel = carousel = Carousel(config)
        m.submodules.weights = weights = WeightMemory(config)
        m.submodules.log = log = Log(config)
        lanes = [Lane(config, first=k == 0) for k in range(config.lanes)]
        for k, lane in enumerate(lanes):
            m.submodules[f"lane_{k}"] = lane
        connect(m, flipped(self.bus), host.bus)
        connect(m, host.run, training.run)
        connect(m, host.store, weights.store)
        connect(m, host.log, log.host)

        # weights and carousel pass from lane to lane
        for k, lane in enumerate(lanes):
            before = lanes[k - 1].written if k else weights.weights
            step = delay(m, carousel.step, time.behind(k), control=True, name=f"step_{k}")
            m.d.comb += [
                lane.step.eq(step),
                lane.settings.eq(host.settings),
                *(lane.weights[p].eq(before[p]) for p in range(config.macs)),
                lane.store.eq(host.store.word),
                lane.probe_column.eq(host.probe_column),
                lane.clear.eq(host.run.clear),
                lane.abort.eq(host.run.abort),
            ]
            connect(m, training.deal[k], lane.deal)
            connect(m, training.turn[k], lane.turn)
            connect(m, training.look[k], lane.look)
        m.d.comb += [
            weights.step.eq(lanes[0].step),
            *(weights.written[p].eq(lanes[-1].written[p]) for p in range(config.macs)),
        ]
        self._tables(m, host, carousel, lanes)
        if config.momentum:
            for k, lane in enumerate(lanes):
                before = lanes[k - 1].present_o if k else weights.present
                m.d.comb += [lane.present[p].eq(before[p]) for p in range(config.macs)]
            m.d.comb += [
                carousel.apply.eq(training.apply),
                carousel.zero.eq(training.zero),
                weights.friction.eq(host.settings.friction),
                *(weights.noise[p].eq(lanes[0].noise[p]) for p in range(config.macs)),
            ]

        # the host to the states, unless x(t0) is drawn
        if config.random_start:
            m.submodules.start = start = RandomStart(config)
            connect(m, training.draw, start.draw)
            m.d.comb += [
                start.first_unit.eq(host.settings.first_unit),
                start.last_unit.eq(host.settings.last_unit),
            ]
            m.d.comb += [start.clamp[k].eq(lane.host_clamp) for k, lane in enumerate(lanes)]
        for k, lane in enumerate(lanes):
            if config.random_start:
                connect(m, host.states[k], start.host[k])
                connect(m, start.lanes[k], lane.host)
            else:
                connect(m, host.states[k], lane.host)

        m.d.comb += [
            carousel.relax.eq(Cat(lane.ready for lane in lanes).any()),
            carousel.ahead.eq(Cat(lane.ahead for lane in lanes).any()),
            carousel.update.eq(training.update),
            carousel.write.eq(host.write),
            carousel.probe.eq(host.probe),
            training.started.eq(carousel.updating),
            training.resting.eq(carousel.resting),
            self.phase.eq(training.phase),
            self.irq.eq(host.irq),
        ]
        begins = carousel.relax | training.update | host.write | host.probe | host.run.clear
        m.d.sync += [
            host.resting.eq(carousel.resting & ~begins),
            host.started.eq(carousel.serving),
        ]
        self._report(m, host, training, log, lanes[0])
        self._flags(m, host, weights, lanes)
        return m

    def _tables(self, m, host, carousel, lanes):
        """The host to the program; in a higher order to each lane's products and folds, by a
        register."""
        connect(m, host.program, carousel.table)
        if self.config.higher:
            for k, lane in enumerate(lanes):
                for name in ("products", "folds"):
                    table, copy = getattr(host, name), getattr(lane, name)
                    m.d.comb += [
                        copy.w_en.eq(delay(m, table.w_en, 1, control=True, name=f"{name}_{k}_en")),
                        copy.w_addr.eq(delay(m, table.w_addr, 1, name=f"{name}_{k}_addr")),
                        copy.w_data.eq(delay(m, table.w_data, 1, name=f"{name}_{k}_data")),
                    ]

    def _report(self, m, host, training, log, lane):
        """To the log: a run's report, or a column of W."""
        probe = lane.probe_valid
        m.d.comb += [
            training.report.space.eq(log.report.space),
            log.clear.eq(host.run.clear | host.run.abort),
            log.report.push.eq(training.report.push | (probe & log.report.space)),
            log.report.word.eq(training.report.word | gate(lane.probe.as_unsigned(), probe)),
        ]

    def _flags(self, m, host, weights, lanes):
        """Sticky flags of all lanes."""
        for k, role in enumerate(("state", "error", "net")):
            m.d.comb += host.saturated[k].eq(Cat(lane.saturated[role] for lane in lanes).any())
        events = [Cat(lane.overflow for lane in lanes).any()]
        if self.config.momentum:
            events.insert(0, weights.clipped)
        for k, event in enumerate(events):
            overflow = unreset(m, host.saturated[3 + k], f"overflow_{k}")
            sticky(m, overflow, event, host.run.clear)
