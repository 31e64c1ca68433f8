"""The command line: ``rbp VERB …``.

Exit codes: 0 done; 1 the job's own check failed, or a disk is full; 2 the input is wrong, and
nothing was written; 130 interrupted, what was reached is saved or nothing; 141 nobody reads the
output. An error is one line on standard error.

May import: rbp.
"""

import argparse
import difflib
import os
import re
import sys
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version
from itertools import combinations, product, takewhile

from rbp.cli import boards, cores, learning, pages, software, studies, sweeps
from rbp.cli.options import add_verb, complain, source_in
from rbp.cli.watch import Told, tell
from rbp.errors import CheckFailed, InputError
from rbp.extras import named
from rbp.files import DONE
from rbp.result import Result

try:
    import argcomplete  # tab completion, where it is installed
except ImportError:
    argcomplete = None  # type: ignore[assignment]

__all__ = ["main", "parser"]


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other."""

    def error(self, message):
        if wrong := re.fullmatch(r"argument (\S+): invalid int value: (.*)", message, re.S):
            message = f"{wrong[1]} must be an integer, not {wrong[2]}"
        raise InputError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message, file=None):
        (file or sys.stdout).write(message)  # argparse's own says nothing of a full disk


class _Output:
    """Standard output, whose errors say that they are its own."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        return self._named(self.stream.write, text)

    def flush(self):
        return self._named(self.stream.flush)

    def _named(self, job, *arguments):
        try:
            return job(*arguments)
        except OSError as error:
            error.filename = "standard output (files are written)"
            raise


def main(argv=None) -> int:
    """Run one verb; returns the exit code."""
    with redirect_stdout(_Output(sys.stdout)), Told():  # type: ignore[type-var]
        return _main(argv)


def _main(argv):
    DONE.clear()
    words = _joined(sys.argv[1:] if argv is None else argv)
    # what an interrupt leaves half made is no news
    warnings.filterwarnings("ignore", message=".* created but never used")
    warnings.showwarning = lambda message, *_: tell(f"rbp: {message}")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # where its encoding has no η
    try:
        found, verbs = parser()
        if not words:
            words = ["help"]
        _check_words(verbs, words)
        arguments = found.parse_args(words)
        _check_folder_is_there()
        with named():
            _check_paths(arguments)
            code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except InputError as error:
        return complain(error, 2)
    except BrokenPipeError:  # who read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # the disk filled up, standard output too
        if error.strerror is None:
            return complain(error, 1)
        return complain(f"cannot write {error.filename or 'a temporary file'}: {error.strerror}", 1)
    except CheckFailed as error:
        return complain(error, 1)
    except KeyboardInterrupt:
        left = f"wrote {', '.join(DONE)}" if DONE else "nothing was written"
        return complain(f"interrupted, {left}", 130)
    except MemoryError:
        return complain("there is not enough memory", 1)


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
            having = [verb for verb in verbs if option in verbs[verb]._option_string_actions]
            of = f" ({option} is of {', '.join(having)}; see rbp {words[0]} --help)"
            raise InputError(
                f"rbp {words[0]} has no {option}{of if having else _meant(option, options)}"
            )


def _check_folder_is_there():
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the folder in which rbp was started: {error.strerror}") from error


def _check_paths(arguments):
    """Refuse an output that is an input or another output; a result may take its own place."""
    given = vars(arguments)
    inputs = [given.get(name) for name in ("source", "result", "file", "cues", "data", "like")]
    if "outputs" in given:
        outputs = arguments.outputs(arguments)
    else:
        outputs = [given.get(name) for name in ("out", "test", "plot")]
    for one, other in [*product(inputs, outputs), *combinations(outputs, 2)]:
        if one and other and _same_file(one, other) and not _continues(arguments, one):
            it = "it" if one == other else f"it is {one}, which"
            how = "read" if one in inputs else "written twice"
            raise InputError(f"cannot write {other}: {it} is {how}, expected another name")


def _continues(arguments, path):
    return "continues" in arguments and isinstance(source_in(path), Result)


def _same_file(one, other):
    try:
        return os.path.samefile(one, other)
    except OSError:  # of two that are not there yet, the names tell
        return os.path.realpath(one) == os.path.realpath(other)


def _meant(word, known):
    longer = [name for name in known if word.startswith("--") and name.startswith(f"{word}-")]
    close = longer or difflib.get_close_matches(word, list(known), 1)
    return f": did you mean {close[0]}?" if close else " (see rbp help)"


def _joined(argv):
    """``--eta -6:1`` as one word, since argparse takes -6:1 for an option."""
    words = list(map(str, argv))
    for k in range(len(words) - 1, 0, -1):
        if words[k - 1] == "--eta":
            words[k - 1 : k + 1] = [f"--eta={words[k]}"]
    return words


def _help(arguments):
    found, verbs = parser()
    if arguments.verb is not None and arguments.verb not in verbs:
        raise InputError(f"{arguments.verb!r} is no verb of rbp{_meant(arguments.verb, verbs)}")
    (verbs[arguments.verb] if arguments.verb else found).print_help()


def parser():
    """The parser of the command line, and those of its verbs by name."""
    found = _Parser(
        prog="rbp",
        description="A recurrent network that learns inside an FPGA.",
        epilog="rbp VERB --help shows a verb's flags and an example.",
        allow_abbrev=False,
    )
    found.add_argument("--version", action="version", version=f"rbp {version('rbp')}")
    verbs = found.add_subparsers(metavar="VERB", required=True)

    for group in (learning, pages, studies, sweeps, cores, boards, software):
        group.add(verbs)
    verb = add_verb(
        verbs, "help", _help, "show the verbs, or the flags of one", "As --help.", "rbp help train"
    )
    verb.add_argument("verb", nargs="?", metavar="VERB", help="which one")
    if argcomplete is not None:
        argcomplete.autocomplete(found)
    return found, verbs.choices
