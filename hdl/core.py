"""The core: a network that learns."""

from amaranth.hdl import Array, Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.carousel import Carousel
from rbp.hdl.fixed import delay, unreset
from rbp.hdl.host import HostPort, HostSignature
from rbp.hdl.lane import Lane
from rbp.hdl.log import Log
from rbp.hdl.memory_map import AddressMap
from rbp.hdl.start import RandomStart
from rbp.hdl.timing import Timing
from rbp.hdl.training import Phase, Training
from rbp.hdl.weights import WeightMemory

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
        Word port over :mod:`rbp.hdl.memory_map`.
    phase : Out(Phase)
        What the run under way is doing.
    """

    def __init__(self, config):
        self.config = config
        super().__init__({"bus": In(HostSignature(AddressMap(config).width)), "phase": Out(Phase)})

    def ports(self):
        """Plain port names for Verilog: ``bus_addr`` …, ``phase``; besides ``clk`` and ``rst``."""
        bus = {
            f"bus_{name}": (getattr(self.bus, name), None) for name in self.bus.signature.members
        }
        return {**bus, "phase": (self.phase.as_value(), None)}

    def elaborate(self, platform):
        m = Module()
        config = self.config
        lanes = [Lane(config, first=k == 0) for k in range(config.lanes)]
        m.submodules.host = host = HostPort(config, word=lanes[0].host_word.shape())
        m.submodules.training = training = Training(config, energy_width=len(lanes[0].energy))
        m.submodules.carousel = carousel = Carousel(config)
        m.submodules.weights = weights = WeightMemory(config)
        m.submodules.log = log = Log(config)
        for k, lane in enumerate(lanes):
            m.submodules[f"lane_{k}"] = lane

        # weights and carousel pass from lane to lane
        for k, lane in enumerate(lanes):
            behind = Timing(config).behind(k)
            before = lanes[k - 1].written if k else weights.weights
            m.d.comb += [
                lane.step.eq(delay(m, carousel.step, behind, control=True, name=f"step_{k}")),
                lane.settings.eq(host.settings),
                *(lane.weights[p].eq(before[p]) for p in range(config.macs)),
                lane.store.eq(host.store),
                lane.deal.eq(training.deal[k]),
                lane.deal_slot.eq(training.deal_slot),
                training.finishing[k].eq(lane.finishing),
                training.idle[k].eq(lane.idle),
                lane.use_slot.eq(training.slot),
                lane.use.eq(training.use[k]),
                lane.noise_load.eq(training.noise_load[k]),
                lane.noise_z.eq(training.noise_z),
                training.skip[k].eq(lane.skip),
                lane.look_slot.eq(training.slot),
                lane.look_backward.eq(training.look_backward),
                training.look_steps[k].eq(lane.look_steps),
                training.look_unsettled[k].eq(lane.look_unsettled),
                training.energy[k].eq(lane.energy),
                lane.clear_energy.eq(training.begun),
                lane.clear.eq(host.clear),
                lane.abort.eq(host.abort),
                lane.probe_column.eq(host.probe_column),
                lane.host_select.eq(host.host_select),
                lane.host_write.eq(host.host_write[k]),
                lane.host_region.eq(host.host_region),
                lane.host_bank.eq(host.host_bank),
                lane.host_slot.eq(host.host_slot),
                lane.host_unit.eq(host.host_unit),
                lane.host_data.eq(host.host_data),
                host.host_words[k].eq(lane.host_word),
            ]
        m.d.comb += [
            weights.step.eq(lanes[0].step),
            weights.host_bank.eq(host.store_bank),
            weights.host_address.eq(host.store_address),
            *(weights.written[p].eq(lanes[-1].written[p]) for p in range(config.macs)),
        ]

        # control
        m.d.comb += [
            carousel.relax.eq(Cat(lane.ready for lane in lanes).any()),
            carousel.update.eq(training.update),
            carousel.write.eq(host.write),
            carousel.probe.eq(host.probe),
            training.start.eq(host.train | host.recall),
            training.errors.eq(host.settings.errors),
            training.patterns.eq(host.patterns),
            training.batch.eq(host.batch),
            training.drawn.eq(host.drawn),
            training.logging.eq(host.logging),
            training.stop.eq(host.stop),
            training.abort.eq(host.abort),
            host.fits.eq(training.fits),
            training.noise_write.eq(host.noise_write),
            training.updates_write.eq(host.updates_write),
            training.first_write.eq(host.first_write),
            training.set.eq(host.set),
            training.clear.eq(host.clear),
            training.started.eq(carousel.updating),
            training.resting.eq(carousel.resting),
            training.space.eq(log.space),
            self.phase.eq(training.phase),
            host.phase.eq(training.phase),
            host.busy.eq(training.busy | host.train | host.recall),
            host.started.eq(carousel.serving),
            host.resting.eq(carousel.resting & ~training.update),
        ]
        values = {
            "UPDATES": training.updates,
            "UNSETTLED": training.unsettled,
            "SKIPPED": training.skipped,
            "CYCLES": training.cycles[:32],
            "CYCLES_HIGH": training.cycles[32:],
        }
        for k, name in enumerate(host.READ_BY_CORE):
            m.d.comb += host.values[k].eq(values[name])

        may_fill = 1
        if config.random_start:
            m.submodules.start = start = RandomStart(config)
            place = training.start_place
            m.d.comb += [
                training.random.eq(host.settings.random),
                training.start_ready.eq(start.ready),
                start.go.eq(training.start_go),
                start.z.eq(training.noise_z),
                start.clamp.eq(Array(lane.host_clamp for lane in lanes)[place.lane]),
            ]
            # a lane's register may still hold what the start wrote last
            was_ready = delay(m, start.ready, Timing(config).reach, name="start_was_ready")
            may_fill = start.ready & was_ready
            with m.If(~start.ready):
                for k, lane in enumerate(lanes):
                    m.d.comb += [
                        lane.host_select.eq(1),
                        lane.host_write.eq(start.write & (place.lane == k)),
                        lane.host_region.eq(start.region),
                        lane.host_bank.eq(2),
                        lane.host_slot.eq(place.slot),
                        lane.host_unit.eq(start.unit),
                        lane.host_data.eq(start.data),
                    ]
        if config.refill:
            m.d.comb += host.host_filled.eq(Cat(lane.host_filled for lane in lanes).any())
            for k, lane in enumerate(lanes):
                m.d.comb += lane.host_fill.eq(host.host_fill[k] & may_fill)
        if config.momentum:
            m.d.comb += [
                carousel.apply.eq(training.apply),
                carousel.zero.eq(training.zero),
                weights.host_velocity.eq(host.velocity),
                weights.friction.eq(host.settings.friction),
                *(weights.noise[p].eq(lanes[0].noise[p]) for p in range(config.macs)),
            ]

        # sticky flags of all lanes
        for k, role in enumerate(("state", "error", "net")):
            m.d.comb += host.saturated[k].eq(Cat(lane.saturated[role] for lane in lanes).any())
        learned = Cat(lane.overflow for lane in lanes).any()
        for k, event in enumerate((weights.clipped, learned) if config.momentum else (learned,)):
            overflow = unreset(m, host.saturated[3 + k], f"overflow_{k}")
            with m.If(host.clear):
                m.d.sync += overflow.eq(0)
            with m.Elif(event):
                m.d.sync += overflow.eq(1)

        # log: a run's report, or a column of W
        probe = lanes[0].probe_valid
        m.d.comb += [
            log.clear.eq(host.clear | host.abort),
            log.push.eq(training.push | (probe & log.space)),
            log.word.eq(Mux(probe, lanes[0].probe.as_unsigned(), training.word)),
            log.pop.eq(host.log_pop),
            host.log_count.eq(log.count),
            host.log_head.eq(log.head),
        ]
        connect(m, flipped(self.bus), host.bus)
        return m
