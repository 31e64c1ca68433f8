"""Cores with one fault each: does a training of two updates notice it?"""

from rbp.host.requests import BadAnswer
from tests.verify.probe import Probe, mutations, probed
from tests.verify.row import Found, Row, noticed
from tests.verify.rows.power_up import CONFIGS, SMALL, expected, learned, library

__all__ = ["ROW"]

OF_A_CORE, AT_ONCE = 400, 50
PATIENCE = 20_000
"""Cycles that an access may wait. A core that does not answer is noticed."""


def caught(config, path, k):
    """Whether mutant k of a library learns something else, hangs, or says what no core does."""
    core = Probe(path, seed=1, patience=PATIENCE)
    core.select(k)
    try:
        return learned(config, core) != expected(config)
    except (BadAnswer, ArithmeticError, LookupError):
        return True


def work(share):
    name, part = list(CONFIGS)[share % len(CONFIGS)], share // len(CONFIGS)
    config, found = CONFIGS[name], Found()
    lines = mutations(config, OF_A_CORE)
    path = probed(config, lines)
    for k in range(part * AT_ONCE, min((part + 1) * AT_ONCE, len(lines))):
        found.amounts.update({"mutants": 1, "caught": int(caught(config, path, k + 1))})
        found.amounts[f"of {name}"] += 1
    return found


def control():
    return noticed(not caught(SMALL, library(SMALL), 0), "a core without a fault is not caught")


ROW = Row(
    number=5,
    name="mutants",
    title="mutants of the hardware",
    how=f"""Faults of yosys's `mutate`, {OF_A_CORE} in each of the cores of row 9: an inverted
bit, one that is stuck, another wire. A mutant is caught where a load, two updates and the
reading of all words end otherwise than golden's, or not at all. One job of two updates is
little: what it does not use, it does not notice.""",
    aim=OF_A_CORE * len(CONFIGS),
    unit="mutants",
    work=work,
    shares=OF_A_CORE // AT_ONCE * len(CONFIGS),
    control=control,
    sample=(),
    missing="a longer job for those that are left, and SAT for those that nothing can tell apart.",
)
