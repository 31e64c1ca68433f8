"""Verbs of the hardware: verilog, testbench, program, plan, synth, features, cache."""

import json
import shlex

from rbp.checks import choice, degrees, integer
from rbp.cli.options import (
    add_verb,
    core_flags,
    given_flags,
    given_machine,
    grade_flag,
    learning_flags,
    machine_flags,
    name_flag,
    option,
    order_flag,
    remark,
    source_in,
    stage,
)
from rbp.cli.watch import tell
from rbp.errors import InputError
from rbp.extras import require
from rbp.files import check_output, written
from rbp.fpga.devices import DEVICES
from rbp.fpga.machines import machine
from rbp.golden.features import each_monomial
from rbp.problem import Problem

__all__ = ["add"]

MANY_WEIGHTS = 100_000
"""Of a core whose Verilog takes so long to write that it is said: each weight is a line of it."""


def add(verbs):
    """Its verbs, with their flags."""
    verb = add_verb(
        verbs,
        "verilog",
        _verilog,
        "a core as one Verilog file, with the manual of its port",
        "Beside FILE.v: FILE_manual.md, how to train and recall; FILE_regs.h, for C; "
        "FILE.core, for FuseSoC; and FILE.rdl, its registers and memories in SystemRDL.",
        "rbp verilog --units 15 --macs 5 --out core.v",
    )
    core_flags(verb)
    verb.add_argument(
        "--device", metavar="D", help=f"use its primitives: {', '.join(DEVICES)} (default: none)"
    )
    option(verb, "--bus", "none", "B", "none (the core's own port), axi-lite, wishbone, uart, spi")
    verb.add_argument("--clock", metavar="MHZ", help="of the core, for --bus uart")
    verb.add_argument(
        "--baud", type=int, metavar="B", help="bits a second, for --bus uart (default: 1000000)"
    )
    name_flag(verb)
    verb.add_argument("--out", required=True, metavar="FILE.v", help="where to")
    verb.set_defaults(outputs=_verilog_paths)

    verb = add_verb(
        verbs,
        "testbench",
        _testbench,
        "a core, a problem in hex words, and a Verilog testbench that checks itself",
        "In any simulator it trains, compares every word that the core reports and learns with the "
        "golden model, and recalls. Its first lines say how to run it.",
        "rbp testbench problem.npz --updates 20 --out build/testbench",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    option(verb, "--updates", 20, "U", "how many")
    verb.add_argument("--out", required=True, metavar="DIR", help="folder, made if need be")
    verb.set_defaults(outputs=_testbench_paths)
    name_flag(verb)
    machine_flags(verb.add_argument_group("machine flags"), "as many as needed")
    learning_flags(verb)

    verb = add_verb(
        verbs,
        "program",
        _program,
        "a network's program and weights as C arrays or JSON, for a host without Python",
        "Machine flags say which core, as of rbp verilog; by default that of the problem.",
        "rbp program problem.npz --macs 4 --out network.h",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result")
    core_flags(verb)
    verb.add_argument("--device", metavar="D", help="of the core (default: none)")
    verb.add_argument(
        "--recall", action="store_true", help="for a recall, in which no unit is clamped"
    )
    option(verb, "--name", "network", "NAME", "of the arrays, which begin with it")
    option(verb, "--core", "rbp_core", "NAME", "of the core: the --name of rbp verilog")
    verb.add_argument("--force", action="store_true", help="replace a file that rbp did not make")
    verb.add_argument("--out", required=True, metavar="FILE", help="FILE.h or FILE.json")

    verb = add_verb(
        verbs,
        "plan",
        _plan,
        "how many entries, words and cycles a network takes, and which cores fit a device",
        "Nothing is synthesised. The cycles are exact: of the first update, or of a result the "
        "next, on a core with just what the network takes (that of rbp train has its capacities "
        "rounded up). What fits is an estimate. The time of an update is that at the frequency "
        "measured of the nearest core.",
        "rbp plan problem.npz --device up5k",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    verb.add_argument("--device", metavar="D", help=f"{', '.join(DEVICES)} (default: none)")
    grade_flag(verb)
    verb.add_argument(
        "--steps", metavar="X,Y", help="of x and of y (default: those of one golden update)"
    )
    verb.add_argument("--out", metavar="PLAN.json", help="the numbers, as JSON")
    machine_flags(verb.add_argument_group("machine flags"), "as many as needed")
    learning_flags(verb)

    verb = add_verb(
        verbs,
        "synth",
        _synth,
        "area and speed of a core on a device, placed and routed",
        "Writes synth.json. A job that was done before is not done again; see rbp cache.",
        "rbp synth --device up5k --units 15 --macs 5 --seeds 3",
    )
    verb.add_argument("--device", required=True, metavar="D", help=", ".join(DEVICES))
    grade_flag(verb)
    core_flags(verb)
    option(verb, "--seeds", 3, "K", "times to place and route, 1 … 99")
    option(verb, "--out", "synth.json", "FILE", "where to")

    verb = add_verb(
        verbs,
        "features",
        _features,
        "the products that a higher-order network sums, in the order of the columns of its weights",
        "One a line; f2 is f of the activity of unit 2, the third.",
        "rbp features --units 3 --order 1,2",
    )
    verb.add_argument(
        "problem", nargs="?", metavar="PROBLEM.npz", help="a problem, whose products to list"
    )
    verb.add_argument("--units", type=int, metavar="N", help="units, 1 … 1024, of a dense network")
    order_flag(verb)

    verb = add_verb(
        verbs,
        "cache",
        _cache,
        "where built cores and placed designs are kept, and how much that is",
        "The environment variable RBP_CACHE chooses another folder.",
        "rbp cache --clear",
    )
    verb.add_argument("--clear", action="store_true", help="remove all of it")


def _verilog(arguments):
    from rbp.export import verilog  # the hardware description takes half a second to import
    from rbp.export.generated import CHOICES

    verilog.check_outputs(arguments.out, force=arguments.force)
    choice("bus", arguments.bus, CHOICES)
    rate = _rate(arguments.bus, arguments.clock, arguments.baud)
    config = _core(arguments.device, given_machine(arguments))
    if (weights := config.entries * config.macs) > MANY_WEIGHTS:
        stage(f"writing a core of {weights} weights, some {weights // 25_000} seconds")
    more = (arguments.device, arguments.name, arguments.bus, rate)
    print("wrote", *verilog.write(config, arguments.out, *more))


def _rate(bus, clock, baud):
    """Of a UART, whose bits take whole cycles of the clock; None of other buses."""
    from rbp.boards import clocks
    from rbp.export.generated import Rate

    if bus != "uart":
        if (clock, baud) != (None, None):
            raise InputError(
                f"--clock and --baud must be left out with --bus {bus}: a UART has them"
            )
        return None
    if clock is None:
        raise InputError("clock must be given with --bus uart: --clock MHZ, that of the core")
    hertz, baud = clocks.megahertz(clock), 1_000_000 if baud is None else baud
    return Rate(clock.strip(), baud, clocks.divisor(hertz, baud))


def _core(device, flags):
    """The core of machine flags; of one on a device, what should be known of it is said."""
    if device is None:
        return machine(**flags)
    from rbp.fpga import synth

    target = synth.target(device, **flags)
    remark(target)
    return target.config


def _program(arguments):
    from rbp.export import program

    name, core = arguments.name, arguments.core
    program.check_outputs(arguments.out, name, core, force=arguments.force)
    source, flags = source_in(arguments.source), given_machine(arguments)
    if not {"units", "like"} & {*flags}:
        flags["like"] = source
    config, recall = _core(arguments.device, flags), arguments.recall
    found = program.arrays(config, source, recall=recall)
    more = {"name": name, "core": core, "device": arguments.device, "recall": recall}
    paths = program.write(config, found, arguments.out, **more)
    if said := program.remark(config, source, recall=recall):
        tell(f"rbp: {said}")
    print(program.summary(config, source, found))
    print("wrote", *paths)


def _verilog_paths(arguments):
    from rbp.export import verilog

    return verilog.paths(arguments.out)


def _testbench_paths(arguments):
    from rbp.export import testbench

    return testbench.paths(arguments.out, arguments.name)


def _testbench(arguments):
    from rbp.export import testbench

    testbench.check_outputs(arguments.out, arguments.name, force=arguments.force)
    paths = testbench.write(
        source_in(arguments.source),
        arguments.out,
        arguments.updates,
        name=arguments.name,
        **given_flags(arguments),
    )
    print("wrote", *paths)


def _plan(arguments):
    from rbp.fpga import plan, plan_text

    require("rtl" if arguments.device is None else "fpga")
    if arguments.out is not None:
        check_output(arguments.out)
    record = plan.plan(
        source_in(arguments.source),
        device_name=arguments.device,
        grade=arguments.grade,
        steps=None if arguments.steps is None else plan.steps_of(arguments.steps),
        **given_flags(arguments),
    )
    if arguments.out is not None:
        with written(arguments.out) as file:
            file.write(json.dumps(record, indent=1).encode() + b"\n")
    print("\n".join(plan_text.summary(record, shlex.quote(arguments.source))))
    if arguments.out is not None:
        print("wrote", arguments.out)


def _synth(arguments):
    from rbp.fpga import synth

    require("fpga")
    check_output(arguments.out)
    flags = given_machine(arguments)
    target = synth.target(arguments.device, grade=arguments.grade, **flags)
    record = synth.run(target, seeds=arguments.seeds, progress=stage)
    with written(arguments.out) as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")
    remark(target)
    print("\n".join(synth.summary(record)))
    print("wrote", arguments.out)


def _features(arguments):
    if (arguments.problem is None) == (arguments.units is None):
        raise InputError("features must be of --units N, or of a problem's file: expected one")
    if arguments.problem is not None:
        if hasattr(arguments, "order"):
            raise InputError(f"--order must not be given with a file, {arguments.problem}")
        problem = Problem.load(arguments.problem)
        products = problem.monomials or each_monomial(problem.units, (1,))
    else:
        units = integer("units", arguments.units, 1, 1024)
        products = each_monomial(units, degrees(getattr(arguments, "order", 1)))
    for product in products:
        print(" ".join(f"f{i}" for i in product) or "1")


def _cache(arguments):
    from rbp.cosim import cache

    if arguments.clear:
        cache.clear()
    print(f"{cache.CACHE}: {cache.size() / 1e6:.1f} MB")
