"""Verbs that learn, and that show what was learned: train, recall, score, info."""

from rbp import engines
from rbp.checks import integer
from rbp.cli import info
from rbp.cli.options import (
    add_verb,
    complain,
    engine_flag,
    given_flags,
    learning_flags,
    machine_flags,
    option,
    port_flags,
    prepare,
    reading,
    result_in,
    settling_flags,
    size_flags,
    source_in,
    threads_flag,
)
from rbp.cli.watch import Keeper, tell
from rbp.errors import InputError
from rbp.files import check_output, read_npz
from rbp.paper.plots import fields_file
from rbp.progress import Progress
from rbp.result import WORDS

__all__ = ["add"]

_NAMES = {
    "energy": "E",
    "settle_steps": "numbers of steps",
    "weights_raw": "weights",
    "unsettled": "count of unsettled relaxations",
    "skipped": "count of skipped updates",
    "saturated": "flags",
}
"""What is compared, in words."""


def add(verbs):
    """Its verbs, with their flags."""
    verb = add_verb(
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
    option(
        verb, "--checkpoint", 60, "SECONDS", "save what was reached every so often; 0: at the end"
    )
    verb.set_defaults(continues=True)  # a result may take its own place
    engine_flag(verb, None, "model, or that of the result")
    threads_flag(verb)
    port_flags(verb)
    machine_flags(verb.add_argument_group("machine flags"), "as many as needed")
    learning_flags(verb)

    verb = add_verb(
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
    engine_flag(verb, "model", "model")
    threads_flag(verb)
    port_flags(verb)
    settling_flags(verb.add_argument_group("settling flags"))

    verb = add_verb(
        verbs,
        "score",
        _score,
        "how many patterns a trained network answers right",
        "TEST.npz holds targets (C×N), and optionally inputs and initial_state. The answer is the "
        "greatest of the target units; of a single one, whether it is above the middle between the "
        "least and the greatest target that was learned.",
        "rbp score result.npz --data test.npz",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained network")
    verb.add_argument("--data", required=True, metavar="TEST.npz", help="patterns to answer")
    engine_flag(verb, "model", "model")
    threads_flag(verb)
    port_flags(verb)

    verb = add_verb(
        verbs,
        "verify",
        _verify,
        "train what made a result again, on another engine, and compare every word",
        "Compared are weights, velocities, states, errors, E, steps, counts and flags. The first "
        "difference is named, and the exit code is then 1.",
        "rbp verify result.npz --updates 20",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained network")
    engine_flag(verb, "rtl", "rtl", WORDS)
    port_flags(verb)
    verb.add_argument(
        "--updates", type=int, metavar="K", help="only the first K updates (default: all)"
    )
    verb.add_argument(
        "--since",
        metavar="POINT.npz",
        help="begin at a result of the same training that was kept, not with the problem",
    )
    size_flags(verb.add_argument_group("machine flags"), *["that of the result"] * 3)

    verb = add_verb(
        verbs,
        "info",
        _info,
        "what is in a file: a problem, a result, cues or states",
        "--plot draws E of a result by the update, and the arrays of all others; with --fields, "
        "the weights of each unit that the inputs feed.",
        "rbp info result.npz --plot energy.png",
    )
    verb.add_argument("file", metavar="FILE.npz", help="any file of rbp")
    verb.add_argument("--plot", metavar="FILE.png", help="draw it")
    verb.add_argument(
        "--fields",
        metavar="HxW",
        help="draw weights from the units with inputs, which are a picture of H times W",
    )


def _train(arguments):
    check_output(arguments.out)
    source = source_in(arguments.source)
    seconds = integer("checkpoint", arguments.checkpoint, 0, 10**9)
    progress = Progress("update")
    prepare(arguments.engine or getattr(source, "engine", "model"))
    keeper = Keeper(lambda result: result.save(arguments.out), seconds, progress)
    try:
        with keeper, progress:
            result = engines.train(
                source,
                arguments.updates,
                arguments.engine,
                progress,
                pause=keeper.pause,
                reached=keeper.reached,
                threads=arguments.threads,
                port=arguments.port,
                baud=arguments.baud,
                **given_flags(arguments),
            )
            keeper.keep(result)
    except KeyboardInterrupt:
        if not keeper.kept:
            raise
        return _interrupted(keeper, arguments.out)
    for line in _remarks(result):
        tell(f"rbp: {line}")
    if keeper.wanted:
        return _interrupted(keeper, arguments.out)
    print(
        f"{info.energies(result)} in {result.updates} updates "
        f"({result.engine}); wrote {arguments.out}"
    )


def _interrupted(keeper, out):
    return complain(
        f"interrupted after {keeper.kept} updates; wrote {out}, which rbp train continues", 130
    )


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
    result, cues = result_in(arguments.result), read_npz(arguments.cues)
    prepare(arguments.engine)
    with reading(arguments.cues):
        states = engines.recall(
            result,
            cues,
            arguments.engine,
            True,
            threads=arguments.threads,
            port=arguments.port,
            baud=arguments.baud,
            **given_flags(arguments),
        )
    states.save(arguments.out)
    count, settled = len(states.settled), int(states.settled.sum())
    print(f"{settled} of {count} cues settled ({arguments.engine}); wrote {arguments.out}")


def _score(arguments):
    result, data = result_in(arguments.result), read_npz(arguments.data)
    prepare(arguments.engine)
    with reading(arguments.data):
        found = engines.score(
            result,
            data,
            arguments.engine,
            True,
            threads=arguments.threads,
            port=arguments.port,
            baud=arguments.baud,
        )
    right, count = found
    print(f"{right} of {count} right: {100 * found.share:.1f} % ({arguments.engine})")


def _verify(arguments):
    result = result_in(arguments.result)
    since = None if arguments.since is None else result_in(arguments.since)
    prepare(arguments.engine)
    verified = engines.verify(
        result,
        arguments.engine,
        arguments.updates,
        since,
        True,
        port=arguments.port,
        baud=arguments.baud,
        **given_flags(arguments),
    )
    counts = verified.counts.items()
    compared = ", ".join(f"{count:,} {_NAMES.get(name, name)}" for name, count in counts)
    print(f"{verified.engine} and {result.engine} are equal in {compared}")


def _info(arguments):
    if arguments.plot is not None:
        check_output(arguments.plot)
    elif arguments.fields is not None:
        raise InputError("--fields says what is drawn: expected --plot FILE.png too")
    kind, made, lines = info.describe(arguments.file)
    if arguments.fields is not None:
        fields_file(arguments.plot, *info.fields(kind, made, arguments.fields))
    elif arguments.plot is not None:
        info.plot(kind, made, arguments.plot)
    print(f"{arguments.file}: {'a ' * (kind not in ('cues', 'states'))}{kind}")
    print("\n".join(f"  {line}" for line in lines))
    if arguments.plot is not None:
        print("wrote", arguments.plot)
