"""Verb of the boards: board."""

from rbp.cli.options import add_verb, core_flags, given_machine, remark, stage
from rbp.errors import InputError
from rbp.extras import require
from rbp.fpga.machines import MACHINE

__all__ = ["add"]

CORE = "like", *MACHINE
JOBS = {
    "build": ("out", "clock", "baud", "seeds", "force", *CORE),
    "flash": (),
    "info": ("port", "baud"),
    "serve": ("clock", "baud", "link", *CORE),
}
"""By job, the options that it takes."""


def add(verbs):
    """Its verb, with its flags."""
    verb = add_verb(
        verbs,
        "board",
        _board,
        "a core on a board: the file that configures it, its programmer, and the board simulated",
        "build NAME writes into DIR the file, the Verilog, the pins, and NAME.json, which says the "
        "clock, the cells and the block RAMs; it fails where the clock that is asked for is not "
        "reached. flash NAME DIR runs the board's programmer. info --port P says what the core "
        "behind a port is. serve NAME simulates the whole board behind a terminal, whose path it "
        "prints, as a serial port for rbp train --engine board, until it is interrupted. Beside "
        "--units or --like the machine flags say all of the core, else what is different from the "
        "board's own.",
        "rbp board build icebreaker --out build/icebreaker",
    )
    verb.add_argument("job", nargs="?", metavar="JOB", help="build, flash, info or serve")
    verb.add_argument("name", nargs="?", metavar="NAME", help="of the board")
    verb.add_argument("folder", nargs="?", metavar="DIR", help="of rbp board build, to flash")
    verb.add_argument("--list", action="store_true", help="the boards, and what each has")
    verb.add_argument("--out", metavar="DIR", help="folder to build into, made if need be")
    verb.add_argument("--clock", metavar="MHZ", help="of the core (default: the board's)")
    verb.add_argument(
        "--baud", type=int, metavar="B", help="bits a second, 115200 … 3000000 (default: its own)"
    )
    verb.add_argument("--port", metavar="P", help="for info: a serial device, or sim:NAME")
    verb.add_argument("--link", metavar="PATH", help="for serve: another name of the terminal")
    verb.add_argument(
        "--seeds",
        type=int,
        metavar="K",
        help="times to place, until the clock is reached, 1 … 99 (default: 3)",
    )
    verb.add_argument(
        "--force", action="store_const", const=True, help="replace files that rbp did not make"
    )
    core_flags(verb)
    verb.set_defaults(outputs=_outputs)


def _outputs(arguments):
    """None that an input could be: DIR is a folder."""
    return ()


def _board(arguments):
    if arguments.list:
        print("\n".join(_listed()))
        return
    if arguments.job not in JOBS:
        wrong = "" if arguments.job is None else f", not {arguments.job!r}"
        raise InputError(f"board must be given {', '.join(JOBS)}, or --list{wrong}")
    _check_taken(arguments)
    if arguments.job == "info":
        _info(arguments)
        return
    if arguments.name is None:
        raise InputError(f"rbp board {arguments.job} needs a board's name (see rbp board --list)")
    if arguments.job == "flash":
        _flash(arguments)
    elif arguments.job == "serve":
        _serve(arguments)
    else:
        _build(arguments)


def _check_taken(arguments):
    """Refuse what the job would not heed."""
    job = arguments.job
    for options in JOBS.values():
        for name in options:
            if name not in JOBS[job] and getattr(arguments, name, None) is not None:
                having = [other for other in JOBS if name in JOBS[other]]
                option = "--" + name.replace("_", "-")
                raise InputError(
                    f"rbp board {job} has no {option}, which is of {', '.join(having)}"
                )
    extra = {"info": arguments.name, "serve": arguments.folder}.get(job)
    if extra is not None:
        what = "only --port and --baud" if job == "info" else "one name, of the board"
        raise InputError(f"rbp board {job} takes {what}, not {extra!r}")


def _listed():
    from rbp.boards.boards import BOARDS

    rows = [("name", "board", "device", "MHz", "baud", "core")]
    rows += [
        (b.name, b.title, b.device, f"{b.clock / 1e6:g}", str(b.baud), _words(b.core))
        for b in BOARDS.values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{word:{w}}" for word, w in zip(row, widths, strict=True)).rstrip()


def _words(core):
    return " ".join(
        f"--{name}" if value is True else f"--{name} {value}" for name, value in core.items()
    )


def _flash(arguments):
    from rbp.boards.flash import flash

    if arguments.folder is None:
        raise InputError(f"rbp board flash {arguments.name} needs the folder of rbp board build")
    flash(arguments.name, arguments.folder)


def _clock(arguments):
    """In Hz, or None."""
    from rbp.boards import clocks

    return None if arguments.clock is None else clocks.megahertz(arguments.clock)


def _build(arguments):
    from rbp.boards.boards import board

    name = board(arguments.name).name
    if arguments.out is None or arguments.folder is not None:
        raise InputError(f"rbp board build {name} needs --out DIR, and no other folder")
    for extra in ("fpga", "boards"):
        require(extra)
    from rbp.boards import build

    clock = _clock(arguments)
    seeds = build.SEEDS if arguments.seeds is None else arguments.seeds
    design = build.design(name, clock=clock, baud=arguments.baud, **given_machine(arguments))
    build.check_outputs(design, arguments.out, force=bool(arguments.force))
    remark(design.target)
    files, report = build.write(design, arguments.out, seeds=seeds, progress=stage)
    print("\n".join(build.summary(report)))
    print("wrote", *files)


def _info(arguments):
    from rbp.engines.board import check_port, core_at
    from rbp.export.generated import parameters

    if arguments.port is None:
        raise InputError("rbp board info needs --port, a serial device or sim:NAME")
    core = core_at(**check_port("board", arguments.port, arguments.baud))
    width = max(map(len, parameters(core)))
    for name, value in parameters(core).items():
        print(f"{name:{width}}  {value}")


def _serve(arguments):
    from rbp.boards.boards import board

    name = board(arguments.name).name
    for extra in ("rtl", "boards"):
        require(extra)
    from rbp.boards import virtual

    clock = _clock(arguments)
    stage("preparing the board; to compile a new one takes some 30 seconds")
    line = virtual.simulated(name, arguments.baud, clock=clock, **given_machine(arguments))

    def ready(path):
        print(f"{name} is at {path}; Ctrl-C ends it", flush=True)

    virtual.serve(line, arguments.link, ready)
