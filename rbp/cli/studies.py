"""Verbs of the paper: example, figure1, analyse, basins, bench."""

import os

from rbp.benchmarks import basins
from rbp.cli.options import (
    add_verb,
    check_kind,
    engine_flag,
    flag,
    option,
    port_flags,
    prepare,
    result_in,
    source_in,
    stage,
)
from rbp.errors import InputError
from rbp.extras import require
from rbp.files import check_folder, check_output, npz, write_all
from rbp.golden.config import FAMILIES
from rbp.paper import analyse, examples, figure1
from rbp.paper.mnist.network import SIZES
from rbp.progress import Progress

__all__ = ["add"]


def add(verbs):
    """Its verbs, with their flags."""
    verb = add_verb(
        verbs,
        "example",
        _example,
        "write one of the problems that ship with the project",
        "The command that trains it is printed.",
        "rbp example xor --out xor.npz",
    )
    verb.add_argument("name", nargs="?", metavar="NAME", help="which one; see --list")
    verb.add_argument("--out", metavar="PROBLEM.npz", help="where to")
    verb.add_argument("--test", metavar="TEST.npz", help="where to write its test set, if any")
    verb.add_argument("--list", action="store_true", help="list the names")
    verb.add_argument("--force", action="store_true", help="replace files that hold something else")
    size = f"of mnist: side of its pictures, {' or '.join(map(str, SIZES))} (default: {SIZES[0]})"
    flag(verb, "size", int, "S", size)
    flag(verb, "data", str, "FOLDER", "of mnist: where its IDX files are, instead of those inside")

    verb = add_verb(
        verbs,
        "figure1",
        _figure1,
        "the paper's experiment, compared word for word with the golden model",
        "Writes figure1.json and figure1.png.",
        "rbp figure1 --macs 15 --out build/figure1",
    )
    option(verb, "--seed", figure1.SEED, "S", "of patterns, start weights and rounding noise")
    option(verb, "--updates", 300, "U", "how many")
    option(verb, "--macs", 5, "P", "processing elements, 1 … 15")
    option(verb, "--out", "build/figure1", "DIR", "folder, made if need be")
    engine_flag(verb, "rtl", "rtl", figure1.STEPPED)

    verb = add_verb(
        verbs,
        "analyse",
        _analyse,
        "fixed points, their stability, and basins of attraction",
        "Writes analyse.json and analyse.png. What is analysed is the free network, as it settles "
        "in recall, in floating point.",
        "rbp analyse result.npz --out build/analyse",
    )
    verb.add_argument("source", metavar="FILE.npz", help="a problem or a result")
    option(verb, "--out", "build/analyse", "DIR", "folder, made if need be")
    verb.set_defaults(outputs=lambda a: [os.path.join(a.out, name) for name in analyse.FILES])
    verb.add_argument(
        "--dt-shift", type=int, metavar="K", help="Δt = 2^-K, 0 … 3 (default: that of a result, 0)"
    )
    option(verb, "--seed", 1, "S", "of random states")

    verb = add_verb(
        verbs,
        "basins",
        _basins,
        "from how many wrong units a memory still comes back",
        "Writes basins.json and basins.png. The network recalls each pattern from random states of "
        "some of its units, in the bits of the engine.",
        "rbp basins result.npz --out build/basins",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained memory")
    option(verb, "--out", "build/basins", "DIR", "folder, made if need be")
    verb.set_defaults(outputs=lambda a: [os.path.join(a.out, name) for name in basins.FILES])
    option(verb, "--tries", 100, "C", "cues for each pattern and number of wrong units")
    option(verb, "--seed", 1, "S", "of the wrong units and their states")
    engine_flag(verb, "model", "model")
    port_flags(verb)

    verb = add_verb(
        verbs,
        "bench",
        _bench,
        "how well the multipliers are used, and how fast",
        "Utilisation and cycles of an update; its time on a device beside NumPy and C++ on this "
        "machine; simulated cycles a second.",
        "rbp bench --out bench.json",
    )
    option(verb, "--out", "bench.json", "FILE", "where to")


def _example(arguments):
    if arguments.list:
        if arguments.name is not None or arguments.out is not None:
            raise InputError("--list takes neither a name nor --out")
        for example in examples.EXAMPLES.values():
            print(f"{example.name:20}{example.description}")
        return
    if arguments.name is None or arguments.out is None:
        raise InputError("a name and --out are required, or --list (see rbp example --help)")
    example = examples.find(arguments.name)
    options = _options(arguments, example)
    check_kind(arguments.out, "problem", force=arguments.force)
    contents = {}
    if arguments.test is not None:
        if example.test is None:
            having = ", ".join(e.name for e in examples.EXAMPLES.values() if e.test)
            raise InputError(f"example {example.name} has no test set: expected one of {having}")
        check_kind(arguments.test, "test set", force=arguments.force)
        test = example.test(**options)
        contents[arguments.test] = npz(test)
    contents[arguments.out] = npz(example.problem(**options).arrays())
    write_all(contents)
    print(f"wrote {arguments.out}; to train it:")
    print(examples.command(example, arguments.out))
    if arguments.test:
        kept = len(test["targets"])
        print(f"wrote {arguments.test}, {kept} patterns; to see how many answers are right:")
        print(f"rbp score result.npz --data {arguments.test}")
    elif example.test:
        print("--test TEST.npz writes patterns that were kept back, for rbp score")
    low, high = FAMILIES["ice40"].eta_shifts
    if not low <= (shift := example.flags.get("eta_shift", 0)) <= high:
        print(f"an iCE40 core for it is built with --eta {min(low, shift)}:{max(high, shift)}")


def _options(arguments, example):
    """Those that were given; refuses what the example does not take."""
    given = {name: getattr(arguments, name) for name in ("size", "data") if name in arguments}
    for name in given:
        if name not in example.options:
            having = ", ".join(e.name for e in examples.EXAMPLES.values() if name in e.options)
            raise InputError(f"--{name} is not of example {example.name}, but of {having}")
    return given


def _figure1(arguments):
    check_folder(arguments.out, figure1.FILES)
    require("plot")
    prepare(arguments.engine)
    with Progress("update") as progress:
        record = figure1.run(
            seed=arguments.seed,
            updates=arguments.updates,
            macs=arguments.macs,
            engine=arguments.engine,
            progress=progress,
        )
    paths = figure1.save(record, arguments.out)
    print("\n".join(figure1.summary(record)))
    print("wrote", *paths)


def _analyse(arguments):
    check_folder(arguments.out, analyse.FILES)
    require("plot")
    record = analyse.run(
        source_in(arguments.source),
        dt_shift=arguments.dt_shift,
        seed=arguments.seed,
        progress=stage,
    )
    paths = analyse.save(record, arguments.out)
    print("\n".join(analyse.summary(record)))
    print("wrote", *paths)


def _basins(arguments):
    check_folder(arguments.out, basins.FILES)
    require("plot")
    result = result_in(arguments.result)
    prepare(arguments.engine)
    record = basins.run(
        result,
        engine=arguments.engine,
        tries=arguments.tries,
        seed=arguments.seed,
        progress=True,
        port=arguments.port,
        baud=arguments.baud,
    )
    paths = basins.save(record, arguments.out)
    print("\n".join(basins.summary(record)))
    print("wrote", *paths)


def _bench(arguments):
    require("fpga")
    require("estimators")  # the digits
    from rbp.benchmarks import bench

    check_output(arguments.out)
    bench.run(arguments.out)
    print(f"wrote {arguments.out}")
