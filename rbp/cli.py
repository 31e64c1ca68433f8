"""The command line: ``rbp VERB …``.

Exit codes: 0 done; 1 the job's own check failed, or a disk is full; 2 the input is wrong, and
nothing was written; 130 interrupted, what was reached is saved or nothing; 141 nobody reads the
output. An error is one line on standard error.
"""

import argparse
import difflib
import json
import os
import sys
from dataclasses import fields
from importlib.metadata import version
from itertools import combinations, takewhile

from rbp import analyse, engines, examples, figure1, info
from rbp.checks import degrees, integer
from rbp.devices import DEVICES
from rbp.errors import CheckFailed, InputError
from rbp.extras import named, require
from rbp.files import check_folder, check_output, read_npz, write_npz, written
from rbp.golden.config import FAMILIES
from rbp.golden.features import each_monomial
from rbp.machines import MACHINE, machine
from rbp.result import ENGINES, Result
from rbp.settings import Settings
from rbp.watch import Keeper, Progress, notice

try:
    import argcomplete  # tab completion, where it is installed
except ImportError:
    argcomplete = None  # type: ignore[assignment]

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other."""

    def error(self, message):
        raise InputError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message, file=None):
        (file or sys.stdout).write(message)  # argparse's own says nothing of a full disk


def main(argv=None) -> int:
    """Run one verb; returns the exit code."""
    words = _joined(sys.argv[1:] if argv is None else argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # where its encoding has no η
    try:
        parser, verbs = _parser()
        if not words:
            words = ["help"]
        _check_words(verbs, words)
        arguments = parser.parse_args(words)
        _check_folder_is_there()
        _check_paths(arguments)
        with named():
            code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except InputError as error:
        return _complain(error, 2)
    except BrokenPipeError:  # who read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # the disk filled up, standard output too
        if error.strerror is None:
            return _complain(error, 1)
        where = error.filename or "standard output (files are written)"
        return _complain(f"cannot write {where}: {error.strerror}", 1)
    except CheckFailed as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("interrupted, nothing was written", 130)


def _check_words(verbs, words):
    """Refuse a verb or an option that is not there, naming the one that was meant."""
    if words[0].startswith("-"):
        return
    if words[0] not in verbs:
        raise InputError(f"{words[0]!r} is no verb of rbp{_meant(words[0], verbs)}")
    options = verbs[words[0]]._option_string_actions
    for word in takewhile("--".__ne__, words[1:]):
        option = word.split("=")[0]
        if option.startswith("--") and option not in options:
            raise InputError(f"rbp {words[0]} has no {option}{_meant(option, options)}")


def _check_folder_is_there():
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the folder in which rbp was started: {error.strerror}") from error


def _check_paths(arguments):
    """Refuse an output that is an input or another output; a result may take its own place."""
    names = ("source", "result", "file", "cues", "data", "like", "out", "test", "plot")
    given = {name: path for name in names if (path := getattr(arguments, name, None))}
    for one, other in combinations(given, 2):
        if other in ("out", "test", "plot") and _same_file(given[one], given[other]):
            if arguments.run is _train and _source(given[one]).__class__ is Result:
                continue
            raise InputError(f"cannot write {given[other]}: it is {given[one]}, expected another")


def _same_file(one, other):
    try:
        return os.path.samefile(one, other)
    except OSError:  # of two that are not there yet, the names tell
        return os.path.abspath(one) == os.path.abspath(other)


def _meant(word, known):
    close = difflib.get_close_matches(word, list(known), 1)
    return f": did you mean {close[0]}?" if close else " (see rbp help)"


def _joined(argv):
    """``--eta -6:1`` as one word, since argparse takes -6:1 for an option."""
    words = list(map(str, argv))
    for k in range(len(words) - 1, 0, -1):
        if words[k - 1] == "--eta":
            words[k - 1 : k + 1] = [f"--eta={words[k]}"]
    return words


def _complain(message, code):
    line = " ".join(str(message).split())  # one line, whatever is quoted in it
    over_progress = "\r" if sys.stderr.isatty() else ""
    print(f"{over_progress}rbp: {line}", file=sys.stderr)
    return code


def _source(path):
    """The problem or the result in a file."""
    kind, made, _ = info.describe(path)
    if kind not in ("problem", "result"):
        raise InputError(f"{path} holds {kind}: expected a problem or a result")
    return made


def _result(path):
    """The result in a file."""
    kind, made, _ = info.describe(path)
    if kind != "result":
        raise InputError(f"{path} holds {'a ' * (kind == 'problem')}{kind}: expected a result")
    return made


def _train(arguments):
    check_output(arguments.out)
    source = _source(arguments.source)
    seconds = integer("checkpoint", arguments.checkpoint, 0, 10**9)
    flags = _flags(arguments)
    dt_shift = flags.get("dt_shift", getattr(getattr(source, "settings", None), "dt_shift", 0))
    progress = Progress("update", dt_shift)
    _prepare(arguments.engine or getattr(source, "engine", "rtl"))
    with Keeper(lambda result: result.save(arguments.out), seconds, progress) as keeper:
        result = engines.train(
            source,
            arguments.updates,
            arguments.engine,
            progress,
            pause=keeper.pause,
            reached=keeper.reached,
            **flags,
        )
        result.save(arguments.out)
    for line in _remarks(result):
        print(f"rbp: {line}", file=sys.stderr)
    if keeper.wanted:
        return _complain(
            f"interrupted after {result.updates} updates; wrote {arguments.out}, which "
            "rbp train continues",
            130,
        )
    print(
        f"E {result.energy[0]:.6g} -> {result.energy[-1]:.6g} in {result.updates} updates "
        f"({result.engine}); wrote {arguments.out}"
    )


def _prepare(engine):
    """Say what is waited for before the first update."""
    if engine == "rtl":
        notice("preparing the core; to compile a new one takes some 20 seconds")


def _remarks(result):
    """What a user should know of a result that may look better than it is."""
    relaxations, updates = result.settle_steps.size, result.settle_steps[..., 0].size
    if result.unsettled or result.skipped:
        line = (
            f"{result.unsettled} of {relaxations} relaxations reached the limit, "
            f"{result.skipped} of {updates} pattern updates were skipped"
        )
        dt_shift = result.settings.dt_shift
        if result.skipped > updates / 100 and dt_shift < 3:
            line += f"; try --dt-shift {dt_shift + 1}"
        yield line
    roles = [role for role, flag in result.saturated.items() if flag]
    if roles:
        yield f"saturated at least once: {', '.join(roles)}"


def _recall(arguments):
    check_output(arguments.out)
    result, cues = _result(arguments.result), read_npz(arguments.cues)
    _prepare(arguments.engine)
    states = engines.recall(result, cues, arguments.engine, Progress("cue"), **_flags(arguments))
    states.save(arguments.out)
    count, settled = len(states.settled), int(states.settled.sum())
    print(f"{settled} of {count} cues settled ({arguments.engine}); wrote {arguments.out}")


def _figure1(arguments):
    check_folder(arguments.out, figure1.FILES)
    require("plot")
    _prepare(arguments.engine)
    record = figure1.run(
        seed=arguments.seed,
        updates=arguments.updates,
        macs=arguments.macs,
        engine=arguments.engine,
        progress=Progress("update"),
    )
    paths = figure1.save(record, arguments.out)
    print("\n".join(figure1.summary(record)))
    print("wrote", *paths)


def _verilog(arguments):
    from rbp import verilog  # the hardware description takes half a second to import

    verilog.check_outputs(arguments.out, force=arguments.force)
    flags = _machine_flags(arguments)
    if arguments.device is None:
        config = machine(**flags)
    else:
        from rbp import synth

        target = synth.target(arguments.device, **flags)
        config = target.config
    paths = verilog.write(config, arguments.out, arguments.device, arguments.name)
    if arguments.device is not None:
        _remark(target)
    print("wrote", *paths)


def _testbench(arguments):
    from rbp import testbench

    testbench.check_outputs(arguments.out, arguments.name, force=arguments.force)
    paths = testbench.write(
        _source(arguments.source),
        arguments.out,
        arguments.updates,
        name=arguments.name,
        **_flags(arguments),
    )
    print("wrote", *paths)


def _bench(arguments):
    from rbp import bench

    check_output(arguments.out)
    bench.run(arguments.out)
    print(f"wrote {arguments.out}")


def _synth(arguments):
    from rbp import synth

    require("fpga")
    check_output(arguments.out)
    flags = _machine_flags(arguments)
    target = synth.target(arguments.device, grade=arguments.grade, **flags)
    record = synth.run(target, seeds=arguments.seeds, progress=_stage)
    with written(arguments.out) as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")
    _remark(target)
    print("\n".join(synth.summary(record)))
    print("wrote", arguments.out)


def _stage(text):
    """What a long job is at, on standard error, where that is a terminal."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def _remark(target):
    if target.remark:
        print(f"rbp: {target.remark}", file=sys.stderr)


def _machine_flags(arguments):
    given = vars(arguments)
    flags = {name: given[name] for name in MACHINE if name in given}
    if arguments.like is not None:
        flags["like"] = _source(arguments.like)
    return flags


def _cache(arguments):
    from rbp.cosim import cache

    if arguments.clear:
        cache.clear()
    print(f"{cache.CACHE}: {cache.size() / 1e6:.1f} MB")


def _info(arguments):
    if arguments.plot is not None:
        check_output(arguments.plot)
    kind, made, lines = info.describe(arguments.file)
    print(f"{arguments.file}: {'a ' * (kind in ('problem', 'result'))}{kind}")
    print("\n".join(f"  {line}" for line in lines))
    if arguments.plot is not None:
        info.plot(kind, made, arguments.plot)
        print("wrote", arguments.plot)


def _score(arguments):
    result, data = _result(arguments.result), read_npz(arguments.data)
    right, count = info.score(result, data, arguments.engine, Progress("cue"))
    print(f"{right} of {count} right: {100 * right / count:.1f} % ({arguments.engine})")


def _help(arguments):
    parser, verbs = _parser()
    if arguments.verb is not None and arguments.verb not in verbs:
        raise InputError(f"{arguments.verb!r} is no verb of rbp{_meant(arguments.verb, verbs)}")
    (verbs[arguments.verb] if arguments.verb else parser).print_help()


def _features(arguments):
    units = integer("units", arguments.units, 1, 1024)
    order = degrees(getattr(arguments, "order", 1))
    for product in each_monomial(units, order):
        print(" ".join(f"f{i}" for i in product) or "1")


def _analyse(arguments):
    check_folder(arguments.out, analyse.FILES)
    require("plot")
    record = analyse.run(
        _source(arguments.source),
        dt_shift=arguments.dt_shift,
        seed=arguments.seed,
        progress=_stage,
    )
    paths = analyse.save(record, arguments.out)
    print("\n".join(analyse.summary(record)))
    print("wrote", *paths)


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
    check_output(arguments.out)
    if arguments.test is not None:
        if example.test is None:
            having = ", ".join(e.name for e in examples.EXAMPLES.values() if e.test)
            raise InputError(f"example {example.name} has no test set: expected one of {having}")
        check_output(arguments.test)
        write_npz(arguments.test, example.test())
    example.problem().save(arguments.out)
    print(f"wrote {arguments.out}; to train it:")
    print(examples.command(example, arguments.out))
    if arguments.test:
        print(f"wrote {arguments.test}; to see how many answers are right:")
        print(f"rbp score result.npz --data {arguments.test}")
    elif example.test:
        print("--test TEST.npz writes patterns that were kept back, for rbp score")
    low, high = FAMILIES["ice40"].eta_shifts
    if not low <= (shift := example.flags.get("eta_shift", 0)) <= high:
        print(f"an iCE40 core for it is built with --eta {min(low, shift)}:{max(high, shift)}")


def _flags(arguments):
    """The flags that were given, and no others: what was not given keeps its default."""
    given = vars(arguments)
    return {f.name: given[f.name] for f in fields(Settings) if f.name in given}


def _parser():
    parser = _Parser(
        prog="rbp",
        description="A recurrent network that learns inside an FPGA.",
        epilog="rbp VERB --help shows a verb's flags and an example.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rbp {version('rbp')}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    verb = _verb(
        verbs,
        "figure1",
        _figure1,
        "the paper's experiment, compared word for word with the golden model",
        "Writes figure1.json and figure1.png.",
        "rbp figure1 --macs 15 --out build/figure1",
    )
    _option(verb, "--seed", figure1.SEED, "S", "of patterns, start weights and rounding noise")
    _option(verb, "--updates", 300, "U", "how many")
    _option(verb, "--macs", 5, "P", "processing elements, 1 … 15")
    _option(verb, "--out", "build/figure1", "DIR", "folder, made if need be")
    _engine(verb, "rtl", "rtl")

    verb = _verb(
        verbs,
        "train",
        _train,
        "train a problem, or continue a result",
        "A result is continued exactly as if it had never stopped, with the settings and the "
        "engine in its file, except for those given on the command line.",
        "rbp train problem.npz --updates 300 --macs 5 --out result.npz",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    verb.add_argument("--updates", type=int, required=True, metavar="U", help="how many")
    verb.add_argument("--out", required=True, metavar="RESULT.npz", help="where to")
    _option(
        verb, "--checkpoint", 60, "SECONDS", "save what was reached every so often; 0: at the end"
    )
    _engine(verb, None, "rtl, or that of the result")
    _machine(verb.add_argument_group("machine flags"), "as many as needed")
    _learning(verb)

    verb = _verb(
        verbs,
        "recall",
        _recall,
        "let a trained, unclamped network settle from given states",
        "CUES.npz holds initial_state (C×N) and optionally inputs (C×N).",
        "rbp recall result.npz --cues cues.npz --out states.npz",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained network")
    verb.add_argument("--cues", required=True, metavar="CUES.npz", help="where to start from")
    verb.add_argument("--out", required=True, metavar="STATES.npz", help="where to")
    _engine(verb, "rtl", "rtl")
    _settling(verb.add_argument_group("settling flags (default: as in training)"))

    verb = _verb(
        verbs,
        "verilog",
        _verilog,
        "a core as one Verilog file, with the manual of its port",
        "Beside FILE.v: FILE_manual.md, how to train and recall, and FILE_regs.h, for C.",
        "rbp verilog --units 15 --macs 5 --out core.v",
    )
    _core(verb)
    verb.add_argument(
        "--device", metavar="D", help=f"use its primitives: {', '.join(DEVICES)} (default: none)"
    )
    _named(verb)
    verb.add_argument("--out", required=True, metavar="FILE.v", help="where to")

    verb = _verb(
        verbs,
        "synth",
        _synth,
        "area and speed of a core on a device, placed and routed",
        "Writes synth.json. A job that was done before is not done again; see rbp cache.",
        "rbp synth --device up5k --units 15 --macs 5 --seeds 3",
    )
    verb.add_argument("--device", required=True, metavar="D", help=", ".join(DEVICES))
    verb.add_argument(
        "--grade", type=int, metavar="G", help="speed grade of an ECP5: 6, 7 or 8 (default: 6)"
    )
    _core(verb)
    _option(verb, "--seeds", 3, "K", "times to place and route, 1 … 99")
    _option(verb, "--out", "synth.json", "FILE", "where to")

    verb = _verb(
        verbs,
        "testbench",
        _testbench,
        "a core, a problem in hex words, and a Verilog testbench that checks itself",
        "In any simulator it trains, compares every word that the core reports and learns with the "
        "golden model, and recalls. Its first lines say how to run it.",
        "rbp testbench problem.npz --updates 20 --out build/testbench",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    _option(verb, "--updates", 20, "U", "how many")
    verb.add_argument("--out", required=True, metavar="DIR", help="folder, made if need be")
    _named(verb)
    _machine(verb.add_argument_group("machine flags"), "as many as needed")
    _learning(verb)

    verb = _verb(
        verbs,
        "bench",
        _bench,
        "how well the multipliers are used, and how fast",
        "Utilisation and cycles of an update; its time on a device beside NumPy and C++ on this "
        "machine; simulated cycles a second.",
        "rbp bench --out bench.json",
    )
    _option(verb, "--out", "bench.json", "FILE", "where to")

    verb = _verb(
        verbs,
        "cache",
        _cache,
        "where built cores and placed designs are kept, and how much that is",
        "The environment variable RBP_CACHE chooses another folder.",
        "rbp cache --clear",
    )
    verb.add_argument("--clear", action="store_true", help="remove all of it")

    verb = _verb(
        verbs,
        "features",
        _features,
        "the products that a higher-order network sums, in the order of the columns of its weights",
        "One a line; f2 is f of the activity of unit 2, the third.",
        "rbp features --units 3 --order 1,2",
    )
    verb.add_argument("--units", type=int, required=True, metavar="N", help="units, 1 … 1024")
    _order(verb)

    verb = _verb(
        verbs,
        "analyse",
        _analyse,
        "fixed points, their stability, and basins of attraction",
        "Writes analyse.json and analyse.png. What is analysed is the free network, as it settles "
        "in recall, in floating point.",
        "rbp analyse result.npz --out build/analyse",
    )
    verb.add_argument("source", metavar="FILE.npz", help="a problem or a result")
    _option(verb, "--out", "build/analyse", "DIR", "folder, made if need be")
    verb.add_argument(
        "--dt-shift", type=int, metavar="K", help="Δt = 2^-K, 0 … 3 (default: that of a result, 0)"
    )
    _option(verb, "--seed", 1, "S", "of random states")

    verb = _verb(
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

    verb = _verb(
        verbs,
        "score",
        _score,
        "how many patterns a trained network answers right",
        "TEST.npz holds targets (C×N), and optionally inputs and initial_state. The answer is the "
        "greatest of the target units; of a single one, whether it is above the middle.",
        "rbp score result.npz --data test.npz",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained network")
    verb.add_argument("--data", required=True, metavar="TEST.npz", help="patterns to answer")
    _engine(verb, "rtl", "rtl")

    verb = _verb(
        verbs,
        "info",
        _info,
        "what is in a file: a problem, a result, cues or states",
        "--plot draws E of a result, else the numbers.",
        "rbp info result.npz --plot energy.png",
    )
    verb.add_argument("file", metavar="FILE.npz", help="any file of rbp")
    verb.add_argument("--plot", metavar="FILE.png", help="draw it")

    verb = _verb(
        verbs, "help", _help, "show the verbs, or the flags of one", "As --help.", "rbp help train"
    )
    verb.add_argument("verb", nargs="?", metavar="VERB", help="which one")
    if argcomplete is not None:
        argcomplete.autocomplete(parser)
    return parser, verbs.choices


def _named(verb):
    """Of verbs that write a core."""
    _option(verb, "--name", "rbp_core", "NAME", "of the module, and so of macros and functions")
    verb.add_argument("--force", action="store_true", help="replace files that rbp did not make")


def _machine(group, slots):
    _flag(
        group,
        "macs",
        int,
        "P",
        "processing elements in a lane, 1 … N (default: the smaller of N and 5)",
    )
    _flag(group, "lanes", int, "L", "lanes (default: 1)")
    _flag(group, "slots", int, "S", f"patterns held by a lane (default: {slots})")
    _flag(group, "preset", str, "NAME", "formats: w16, w18 or w8 (default: w16)")


def _order(group):
    _flag(group, "order", str, "n", "degrees of the products, 1 … 3, several as 0,1,2 (default: 1)")


def _core(verb):
    """Flags of a core that no problem asks for."""
    group = verb.add_argument_group("machine flags")
    _flag(group, "units", int, "N", "units, 1 … 1024; needed without --like")
    group.add_argument(
        "--like",
        metavar="FILE.npz",
        help="the core that trains this problem, or goes on with this result, but for other flags",
    )
    _machine(group, "4, or as many as --like needs")
    _flag(group, "eta", str, "LOW:HIGH", "least and greatest log2 η (default: -6:1, on iCE40 -2:1)")
    _flag(group, "activation", str, "NAMES", "logistic, tanh, sin, with commas (default: logistic)")
    _order(group)
    _flag(group, "feature", str, "F", "f of (22): identity (default), logistic, tanh, sin")
    for name, text in (
        ("momentum", "with a velocity for each weight"),
        ("random_start", "able to draw x(t0)"),
        ("refill", "able to take new patterns while others are learned"),
        ("spram", "weights in memories with one port, as UP5K's SPRAM; an UPDATE takes two turns"),
    ):
        group.add_argument(
            "--" + name.replace("_", "-"),
            dest=name,
            action="store_true",
            default=argparse.SUPPRESS,
            help=text,
        )


def _verb(verbs, name, run, summary, details, example):
    verb = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {details}",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    verb.set_defaults(run=run)
    return verb


def _engine(verb, default, described):
    verb.add_argument(
        "--engine",
        default=default,
        metavar="E",
        help=f"{', '.join(ENGINES)} (default: {described})",
    )


def _learning(verb):
    group = verb.add_argument_group("learning flags")
    _flag(group, "method", str, "NAME", "deterministic (default), stochastic, concurrent")
    _flag(group, "batch", int, "B", "patterns of an update (default: all; 1 for the other methods)")
    _flag(group, "eta_shift", int, "K", "η = 2^K, K in -6 … 1 (default: 0)")
    _flag(group, "rounding", str, "NAME", "stochastic or nearest (default: stochastic)")
    _settling(group)
    _flag(group, "use_within", int, "ULPS", "unsettled relaxations still used (default: 64)")
    _flag(group, "fixed_steps", int, "K", "take K steps, no early exit")
    _flag(
        group, "start", str, "NAME", "where relaxations start: fixed, last, random (default: fixed)"
    )
    _flag(group, "seed", int, "S", "of the rounding noise, 0 … 2^32-1 (default: 1)")
    _flag(group, "momentum_shift", int, "K", "momentum of 1 − 2^-K, K in 0 … 7 (default: none)")


def _settling(group):
    _flag(group, "dt_shift", int, "K", "Δt = 2^-K, K in 0 … 3 (default: 0)")
    _flag(
        group, "tolerance", int, "ULPS", "settled when no step is greater (default: 4 >> K, w8 2)"
    )
    _flag(group, "step_limit", int, "K", "at most so many steps (default: 64, recall 512, << K)")


def _option(verb, option, default, metavar, text):
    """An option with a default, of its type."""
    verb.add_argument(
        option,
        type=type(default),
        default=default,
        metavar=metavar,
        help=f"{text} (default: %(default)s)",
    )


def _flag(group, name, kind, metavar, text):
    """A flag that is absent from the arguments unless given."""
    option = "--" + name.replace("_", "-")
    group.add_argument(
        option, dest=name, type=kind, default=argparse.SUPPRESS, metavar=metavar, help=text
    )
