"""Verbs of software beside the core: model, driver."""

from rbp.cli.options import add_verb, flag, given_flags, learning_flags, option, source_in

__all__ = ["add"]


def add(verbs):
    """Its verbs, with their flags."""
    verb = add_verb(
        verbs,
        "model",
        _model,
        "the golden model as C++ without Python, with a problem and the words to expect",
        "For tests of firmware, benches in C++ or SystemC, and other languages. DIR/README.md says "
        "how to build it and how to use it.",
        "rbp model problem.npz --updates 20 --out build/model",
    )
    verb.add_argument("source", metavar="PROBLEM.npz", help="a problem, or a result to continue")
    option(verb, "--updates", 20, "U", "how many")
    verb.add_argument("--force", action="store_true", help="replace files that rbp did not make")
    verb.add_argument("--out", required=True, metavar="DIR", help="folder, made if need be")
    verb.set_defaults(outputs=_paths)
    flag(verb, "preset", str, "NAME", "formats: w16, w18 or w8 (default: w16)")
    learning_flags(verb)

    verb = add_verb(
        verbs,
        "driver",
        _driver,
        "a driver in C99 for every core, with examples",
        "DIR/rbp.h says what each function does. It needs two functions that carry a word, and the "
        "arrays of rbp program.",
        "rbp driver --out build/driver",
    )
    verb.add_argument("--force", action="store_true", help="replace files that rbp did not make")
    verb.add_argument("--out", required=True, metavar="DIR", help="folder, made if need be")
    verb.set_defaults(outputs=_driver_paths)


def _driver_paths(arguments):
    from rbp.driver import files

    return files.paths(arguments.out)


def _driver(arguments):
    from rbp.driver import files

    files.check_outputs(arguments.out, force=arguments.force)
    print("wrote", *files.write(arguments.out))


def _paths(arguments):
    from rbp.export import model

    return model.paths(arguments.out)


def _model(arguments):
    from rbp.export import model

    model.check_outputs(arguments.out, force=arguments.force)
    source = source_in(arguments.source)
    written = model.write(source, arguments.out, arguments.updates, **given_flags(arguments))
    print("wrote", *written)
