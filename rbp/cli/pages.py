"""Verbs: watch, report."""

import re
import webbrowser

from rbp.checks import integer, shown
from rbp.cli.options import (
    add_verb,
    engine_flag,
    given_flags,
    learning_flags,
    machine_flags,
    option,
    port_flags,
    prepare,
    result_in,
    source_in,
)
from rbp.errors import InputError
from rbp.extras import require
from rbp.files import check_files, write_all

__all__ = ["add"]


def add(verbs):
    """Add the verbs."""
    verb = add_verb(
        verbs,
        "watch",
        _watch,
        "a page on which a network learns before your eyes",
        "It is served to this machine only, until Ctrl-C. Each page that is opened trains anew.",
        "rbp watch problem.npz",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    option(verb, "--listen", 0, "NUMBER", "of the TCP port of the page; 0: any that is free")
    option(verb, "--each", 5, "U", "updates between two looks")
    verb.add_argument("--grid", metavar="HxW", help="of a memory's pictures (default: a square)")
    verb.add_argument("--no-browser", action="store_true", help="only say where the page is")
    engine_flag(verb, "model", "model")
    port_flags(verb)
    machine_flags(verb.add_argument_group("machine flags"), "as many as needed")
    learning_flags(verb)

    verb = add_verb(
        verbs,
        "report",
        _report,
        "a training that has ended, as a page that lives by itself",
        "E, weights and states, in one file that needs nothing from elsewhere.",
        "rbp report result.npz --out report.html",
    )
    verb.add_argument("result", metavar="RESULT.npz", help="a trained network")
    verb.add_argument("--out", required=True, metavar="PAGE.html", help="where to")
    verb.add_argument("--force", action="store_true", help="replace a file that rbp did not make")


def _watch(arguments):
    require("page")
    from rbp.page.watch import HOST, Watch, server

    grid = _grid(arguments.grid)
    integer("listen", arguments.listen, 0, 65535)
    source, flags = source_in(arguments.source), given_flags(arguments)
    where = {"port": arguments.port, "baud": arguments.baud}

    def make():
        return Watch(source, arguments.engine, arguments.each, grid, where, **flags)

    prepare(arguments.engine)
    make()  # what is wrong is said here
    served = server(make, arguments.listen)
    served.start()
    address = f"http://{HOST}:{served.port}/"
    try:
        print(f"{address} shows it learn; Ctrl-C ends it", flush=True)
        if not arguments.no_browser:
            webbrowser.open(address)
        served.io_loop.start()
    except KeyboardInterrupt:
        served.stop()


def _grid(text):
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not found:
        raise InputError(f"grid must be HxW, as 8x8, not {shown(text)}")
    return int(found[1]), int(found[2])


def _report(arguments):
    require("page")
    from rbp.page import report

    check_files([arguments.out], force=arguments.force)
    result = result_in(arguments.result)
    write_all({arguments.out: report.html(result, arguments.result).encode()})
    print(f"wrote {arguments.out}")
