"""``rbp program`` beside its core: the compiler compares them, and what does not fit is said."""

import json
import subprocess

import numpy as np
import pytest

import rbp
from rbp import engines
from rbp.errors import InputError
from rbp.export.header import header
from rbp.export.program import arrays
from rbp.fpga.machines import machine
from rbp.paper import examples
from tests.rbp.export.test_program import run
from tests.rbp.export.test_testbench import layered, listed


@pytest.mark.parametrize(
    "other", [{"units": 11}, {"macs": 3}, {"preset": "w18"}, {"activation": "logistic,tanh"}]
)
def test_a_header_for_another_core(tmp_path, other):
    """The compiler refuses it, and says what to do; a core of more slots is the same."""
    layered().save(tmp_path / "p.npz")
    given = {"units": 12, "macs": 4}
    words = [str(w) for name, value in given.items() for w in (f"--{name}", value)]
    assert run(tmp_path / "p.npz", *words, "--core", "net", "--out", tmp_path / "n.h") == 0
    text = (tmp_path / "n.h").read_text()
    assert " * For the core of: rbp verilog --units 12 --macs 4 --name net */\n" in text
    (tmp_path / "both.c").write_text('#include "net_regs.h"\n#include "n.h"\n')
    for config, right in (
        (machine(**given, slots=9, eta="-2:1"), True),
        (machine(**given | other), False),
    ):
        (tmp_path / "net_regs.h").write_text(header(config, "net"))
        argv = ["gcc", "-std=c99", "-fsyntax-only", "both.c"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode == 0) == right
        assert ("give rbp program the flags that rbp verilog was given" in done.stderr) != right


@pytest.mark.parametrize("of", [layered, listed])
def test_a_core_of_the_same_name(tmp_path, of):
    """No macro is defined twice, in either order; the keys are compared without --core."""
    of().save(tmp_path / "p.npz")
    config = machine(like=of(), macs=2)
    (tmp_path / "network_regs.h").write_text(header(config, "network"))
    assert run(tmp_path / "p.npz", "--macs", 2, "--out", tmp_path / "n.h") == 0
    both = ["network_regs.h", "n.h"]
    strict = ["gcc", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c99", "-c", "both.c"]
    for order in (both, both[::-1]):
        lines = [f'#include "{name}"\n' for name in order]
        (tmp_path / "both.c").write_text("".join([*lines, "unsigned p = NETWORK_BANKS;\n"]))
        subprocess.run(strict, cwd=tmp_path, check=True)
    (tmp_path / "network_regs.h").write_text(header(machine(like=of(), macs=3), "network"))
    (tmp_path / "both.c").write_text('#include "network_regs.h"\n#include "n.h"\n')
    done = subprocess.run(strict, cwd=tmp_path, capture_output=True, text=True)
    assert "give rbp program the flags that rbp verilog was given" in done.stderr


def test_velocities_without_momentum(tmp_path, capsys):
    """One line says that a core that would go on to learn has no place for them."""
    engines.train(layered(), 2, "golden", momentum_shift=2).save(tmp_path / "r.npz")
    layered().save(tmp_path / "p.npz")
    core = ["--units", 12, "--macs", 4]
    for source, more, said in (
        ("r", [], True),
        ("r", ["--recall"], False),
        ("r", ["--momentum"], False),
        ("p", [], False),
    ):
        out = tmp_path / "n.json"
        assert run(tmp_path / f"{source}.npz", *core, *more, "--out", out) == 0
        err = capsys.readouterr().err
        assert err.count("\n") == ("velocities are left out: the core has no --momentum" in err)
        assert bool(err) == said
        assert ("velocities" in json.loads(out.read_text())) == ("--momentum" in more)


def test_no_eta_is_asked_for():
    """Nothing of the arrays depends on it."""
    given = {"units": 12, "macs": 4, "family": "ice40"}
    result = engines.train(layered(), 1, "golden", eta_shift=-5)
    for source in (layered(), result):
        expected, found = (arrays(machine(**given, eta=eta), source) for eta in ("-6:1", "1:1"))
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    arrays(machine(like=layered(), eta="1:1", family="ice40"), result)


def test_functions_by_the_numbers_of_the_core():
    """And words in its formats."""
    given = rbp.Problem(
        weights=np.full((2, 2), 0.5), targets=[[0.5, 0.5]], target_units=[1, 1], activation="tanh"
    )
    found = arrays(machine(units=2, macs=2, activation="logistic,tanh", preset="w8"), given)
    assert [word >> 4 for word in found["flags"].tolist()] == [1, 1]
    whole = machine(units=2, macs=2, preset="w8").formats.weight.to_raw(0.5)
    assert np.unique(found["weights"]).tolist() == [0, int(whole)]
    with pytest.raises(InputError, match="no activation tanh, only logistic"):
        arrays(machine(units=2), given)
    result = engines.train(given, 1, "golden")
    with pytest.raises(InputError, match="preset w18 of the core is not that of the result"):
        arrays(machine(units=2, activation="tanh", preset="w18"), result)


def test_a_core_of_another_kind():
    products = len(listed().monomials)
    with pytest.raises(
        InputError, match=f"and the core has none: add --order . --products {products}"
    ):
        arrays(machine(units=12), listed())
    with pytest.raises(InputError, match="core sums products, and the network sums states"):
        arrays(machine(units=12, order=2), layered())


def test_numbers_left_free():
    """They count, and the message says so."""
    given = examples.find("digits").problem()
    with pytest.raises(InputError) as caught:
        arrays(machine(units=95, macs=4), given)
    assert str(caught.value) == (
        "the network needs 97 unit numbers (95 units and 2 left free for the order), the core has "
        "95: give --units 97"
    )
