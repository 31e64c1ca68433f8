"""``rbp program``, and the header's dense programs: they are right by golden's rules."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from rbp import engines
from rbp.cli import main
from rbp.export.header import header
from rbp.export.manual import manual
from rbp.export.program import arrays
from rbp.fpga.machines import flags, machine
from rbp.golden.program import BUBBLE, Program
from rbp.hdl.host.description import core_key
from rbp.hdl.layouts import word_layout
from rbp.hdl.timing import Timing
from tests.rbp.export.test_lint import CONFIGS
from tests.rbp.export.test_testbench import layered, listed


def played(config, words):
    """The entries that a program's words stand for: a list of fields by name."""
    fields = [
        {name: word >> p.offset & ((1 << p.width) - 1) for name, p in word_layout(config)}
        for word in words
    ]
    entries = []
    for now, behind in zip(fields, [*fields[1:], None], strict=True):
        count = behind["column"] - now["column"] if now["more"] else 1
        assert count >= 1 + now["more"]
        entries += [now | {"column": now["column"] + k} for k in range(count)]
    return entries


def check(config, words, units, held, columns, unwanted):
    """A dense program keeps the rules, and its flags are right."""
    entries = played(config, words)
    lasts = [e["last"] for e in entries]
    column = np.array([e["column"] for e in entries])
    wanted = np.arange(columns) >= unwanted
    program = Program(
        units=units,
        macs=config.macs,
        held=held,
        wanted=wanted,
        columns=np.where(column == config.columns, BUBBLE, column),
        starts=np.array([0, *np.flatnonzero(lasts[:-1]) + 1]),
        short=len(entries),
        higher=config.higher,
    )
    connected = np.ones((units, columns), bool)
    connected[:held] = False
    program.check(connected, Timing(config).rules)
    first, last = program.occurrences()
    assert first.tolist() == [bool(e["column_first"]) for e in entries]
    assert last.tolist() == [bool(e["column_last"]) for e in entries]
    assert lasts[-1]
    assert [k for k, e in enumerate(entries) if e["end"]] == [len(entries) - 1]
    return program


DENSE = CONFIGS | {
    "many lanes": machine(units=9, macs=2, lanes=8),
    "memory of two cycles": machine(units=9, macs=1, family="ecp5"),
    "blocks of all": machine(units=9, macs=9),
}


@pytest.mark.parametrize("name", DENSE)
def test_dense_in_c(tmp_path, name):
    """For every network that fits, a right program, and each weight's place."""
    config = DENSE[name]
    cases = [(n, held) for n in range(1, config.units + 1) for held in {0, 1, n // 2} if held < n]
    calls = {}
    for units, held in cases:
        if config.higher:
            for columns in {1, units, config.columns}:
                for unwanted in {0, 1, columns}:
                    given = (units, held, columns, unwanted)
                    calls[given] = f"{units}, {held}, {columns}, {unwanted}"
        else:
            calls[units, held, units, held] = f"{units}, {held}"
    body = "".join(
        f"    count = rbp_core_dense({call}, words);\n"
        f'    printf("%u %u", count, (unsigned)rbp_core_dense_entry({c}, {h}, {n - 1}, {c - 1}));\n'
        '    for (uint32_t k = 0; k < count; k++) printf(" %u", (unsigned)words[k]);\n'
        '    puts("");\n'
        for (n, h, c, _), call in calls.items()
    )
    (tmp_path / "net_regs.h").write_text(header(config))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net_regs.h"\n'
        "int main(void)\n{\n    static uint32_t words[RBP_CORE_WORDS];\n"
        f"    unsigned count;\n{body}"
        "    return 0;\n}\n"
    )
    warn = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsanitize=undefined"]
    subprocess.run(["gcc", *warn, "-o", "main", "main.c"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for given, line in zip(calls, lines, strict=True):
        count, entry, *words = map(int, line.split())
        assert count == len(words) > 0
        units, held, columns, unwanted = given
        program = check(config, words, units, held, columns, unwanted)
        there, rows, of = program.places()
        places = dict(zip(zip(rows, of, strict=True), np.argwhere(there), strict=True))
        bank = (units - 1 - held) % config.macs
        assert places[units - 1, columns - 1].tolist() == [entry, bank]


def test_a_dense_program_that_is_too_large(tmp_path):
    config = machine(units=9, macs=2, entries=30, words=8)
    (tmp_path / "net_regs.h").write_text(header(config))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net_regs.h"\nint main(void)\n{\n'
        "    uint32_t words[RBP_CORE_WORDS];\n"
        "    for (uint32_t n = 0; n < 12; n++)\n"
        '        printf("%u ", (unsigned)rbp_core_dense(n, 0, words));\n    return 0;\n}\n'
    )
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", "main", "main.c"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    counts = list(map(int, done.stdout.split()))
    assert [n for n, count in enumerate(counts) if count] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("name", DENSE)
def test_the_example_of_the_manual(name):
    """Its words are a right program."""
    config = DENSE[name]
    text = manual(config)
    words = [
        int(line.split("|")[2], 16) for line in text.splitlines() if line.startswith("| word ")
    ]
    units, columns = min(3, config.units), min(3, config.columns)
    check(config, words, units, 0, columns, 0)


# rbp program


def run(*argv):
    return main([str(a) for a in ("program", *argv)])


@pytest.mark.parametrize("recall", [False, True])
@pytest.mark.parametrize("of", [layered, listed])
def test_the_arrays_are_what_the_driver_writes(tmp_path, of, recall):
    of().save(tmp_path / "p.npz")
    argv = [tmp_path / "p.npz", "--macs", 2, "--out", tmp_path / "n.json"]
    assert run(*argv, *["--recall"] * recall) == 0
    found = json.loads((tmp_path / "n.json").read_text())
    config = machine(like=of(), macs=2)
    assert found.pop("made").startswith("Made by rbp ")
    assert found.pop("core") == f"rbp verilog {flags(config)}"
    assert found.pop("core_key") == core_key(config)
    plain = arrays(config, of(), recall=recall)
    assert found == {name: np.asarray(value).tolist() for name, value in plain.items()}
    assert found["held"] == found["rows"]
    assert (found["held"] == 0) == (of is layered and recall)
    weights = of().weights
    for entry, column in enumerate(found["columns"]):
        for bank, word in enumerate(found["weights"][entry]):
            number = found["held"] + found["block"][entry] * found["macs"] + bank
            unit = found["order"][number] if number < len(found["order"]) else -1
            j = column if of is listed or column < 0 else found["order"][column]
            assert (word != 0) == (min(unit, j) >= 0 and weights[unit, j] != 0)
    assert ("products" in found) == (of is listed)


def test_a_header(tmp_path, capsys):
    layered().save(tmp_path / "p.npz")
    core = ["--units", 12, "--macs", 4, "--momentum"]
    out = tmp_path / "n.h"
    assert run(tmp_path / "p.npz", *core, "--name", "net", "--out", out) == 0
    assert capsys.readouterr().out == (
        f"9 of 12 unit numbers, 13 of 36 entries, 7 of 256 words; 2 of 4 patterns\nwrote {out}\n"
    )
    warn = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only"]
    subprocess.run([*warn, out], check=True)
    assert "#define NET_HELD 3u\n" in out.read_text()
    assert run(tmp_path / "p.npz", "--out", out) == 0  # it is rbp's own


def test_what_is_refused(tmp_path, capsys):
    layered().save(tmp_path / "p.npz")
    (tmp_path / "other.h").write_text("precious")
    for argv, fragments in (
        (["--out", tmp_path / "n.txt"], ["n.txt", "FILE.h or FILE.json"]),
        (["--out", tmp_path / "other.h"], ["other.h", "--force"]),
        (["--out", tmp_path / "n.h", "--name", "Net"], ["name", "Net"]),
        (["--out", tmp_path / "n.h", "--units", 8], ["9 unit numbers (9 units)", "--units 9"]),
        (["--out", tmp_path / "n.h", "--units", 9, "--order", 2], ["products", "sums states"]),
        (["--out", tmp_path / "n.h", "--core", "clk"], ["name", "clk"]),
        (["--out", tmp_path / "none" / "n.h"], ["none"]),
        (["--out", tmp_path / "n.h", "--macs", 10], ["macs", "10"]),
    ):
        assert run(tmp_path / "p.npz", *argv) == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        for fragment in fragments:
            assert fragment in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.h", "p.npz"]


def many(source, patterns):
    """The same network with more patterns, each again and again; the last input is another."""
    chosen = np.arange(patterns) % source.patterns
    inputs = np.zeros((patterns, source.units))
    inputs[-1, 1] = 0.25
    return replace(source, targets=source.targets[chosen], inputs=inputs)


@pytest.mark.parametrize("patterns", [1, 4, 17, 1437])
@pytest.mark.parametrize("of", [layered, listed])
def test_patterns_do_not_matter(of, patterns):
    """However many there are, and whether they fit: only which units have an input."""
    few, more = many(of(), 1), many(of(), patterns)
    config = machine(like=of(), macs=2, slots=2, momentum=True)
    expected, found = arrays(config, few), arrays(config, more)
    assert "velocities" not in found
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert found["flags"][found["order"].tolist().index(1)] & 4


def test_of_many_patterns(tmp_path, capsys):
    """verilog --like, then program with the same flags, of a problem and of a result."""
    more = many(listed(), 1437)
    more.save(tmp_path / "p.npz")
    result = engines.train(more, 1, "golden", batch=8, slots=16, momentum_shift=2)
    result.save(tmp_path / "r.npz")
    for name, slots in (("p", 32), ("r", 16)):
        path = tmp_path / f"{name}.npz"
        argv = ["--like", path, "--macs", 2, "--out", tmp_path / f"{name}.v"]
        assert main([str(a) for a in ("verilog", *argv)]) == 0
        capsys.readouterr()
        assert run(path, "--macs", 2, "--out", tmp_path / f"{name}.h") == 0
        said = capsys.readouterr().out
        assert f"; 1437 patterns, the core has room for {slots}: load them in batches\n" in said
        (tmp_path / "both.c").write_text(f'#include "{name}_regs.h"\n#include "{name}.h"\n')
        warn = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only"]
        subprocess.run([*warn, "both.c"], cwd=tmp_path, check=True)
    assert ("velocities" in arrays(machine(like=result, macs=2), result)) == (
        result.velocities.any()
    )
