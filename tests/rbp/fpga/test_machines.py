"""The core that flags ask for: ``--like`` and ``--eta``."""

import re
from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp import engines
from rbp.cli import main
from rbp.errors import InputError
from rbp.fpga.machines import flags, machine
from rbp.golden.config import FAMILIES, Config
from rbp.hdl.program import compiled, holding
from rbp.machine import structures
from rbp.paper import examples
from rbp.problem import Problem
from rbp.settings import Settings
from tests.rbp.export.test_verilog import FILES, files

NAMES = ("xor", "parity", "populations", "sin-memory")


def problem(name):
    return examples.find(name).problem()


def core(given, settings=None, **others):
    """What a problem asks for, and entries and words for its program."""
    config = replace((settings or Settings()).config(given), **others)
    return holding(config, *structures(given))


@pytest.mark.parametrize("name", NAMES)
def test_like_a_problem(name):
    """It has what the problem asks for, with no entry too many; other flags hold."""
    given = problem(name)
    assert machine(like=given) == core(given)
    assert machine(like=given, macs=1, preset="w18") == core(given, macs=1, preset="w18")
    others = {"lanes": 2, "slots": 7, "momentum": True}
    assert machine(like=given, **others) == core(given, **others)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [*NAMES, "association", "mixed-orders"])
def test_like_a_problem_it_learns_and_recalls(name, family):
    """Both programs fit, and one of them fills the memory."""
    given = problem(name)
    config = machine(like=given, macs=3, family=family)
    sizes = [len(compiled(config, structure)) for structure in structures(given)]
    assert max(sizes) == config.entries
    assert config.words == 256


def test_capacities(capsys, tmp_path):
    """With --like, what is given holds; too little is refused by name."""
    given = problem("association")
    config = machine(like=given)
    more = machine(like=given, entries=config.entries + 5, words=300)
    assert more == replace(config, entries=config.entries + 5, words=300)
    given.save(tmp_path / "p.npz")
    argv = ["verilog", "--like", tmp_path / "p.npz", "--out", tmp_path / "net.v", "--entries"]
    assert main([str(a) for a in [*argv, config.entries - 1]]) == 2
    assert capsys.readouterr().err == (
        f"rbp: the network has {config.entries} entries: the core holds {config.entries - 1}\n"
    )
    higher = machine(units=8, order=2)
    assert (higher.products, higher.folds) == (36, 36 * 2 + 8)
    one = machine(units=8, products=5)
    assert (one.higher, one.order, one.columns) == (True, 1, 5)
    assert machine(units=8, feature="tanh").products == 8
    for config in (higher, one, machine(units=8, order=3, products=7, folds=30, entries=99)):
        words = re.findall(r"--(\w+) (\S+)", flags(config))
        assert machine(**{n: int(v) if v.isdigit() else v for n, v in words}) == config
    assert flags(machine(units=8, macs=2, order=2)) == "--units 8 --macs 2 --order 2"


def test_a_sparse_network_in_spram():
    """It has fewer entries than the dense one that would be too many."""
    connected = np.eye(256, k=-1, dtype=bool)
    given = rbp.Problem(
        weights=connected * 0.5, targets=[[0.5] * 256], target_units=[1] * 256, connected=connected
    )
    config = machine(like=given, macs=2, spram=True, family="ice40")
    assert config.spram
    assert config.entries < 2000
    with pytest.raises(InputError, match="have 32768 entries: spram holds at most 16384"):
        machine(units=256, macs=2, spram=True, family="ice40")


BAD = {
    "entries": (["--entries", 2], "entries must be at least 3, not 2"),
    "no entries": (["--entries", 0], "entries must be an integer, 1 … 1048576, not 0"),
    "words": (["--words", 3], "words must be at least 4, not 3"),
    "products": (["--order", 2, "--products", 4097], "products must be 1 … 4096, not 4097"),
    "no products": (["--products", 0], "products must be an integer, 1 … 1048576, not 0"),
    "folds": (["--order", 2, "--folds", 2], "folds must be at least 3 (the units), not 2"),
    "folds of none": (["--folds", 9], "folds are of products, and the core sums states"),
    "several": (["--order", "1,2"], "--order must be an integer, not '1,2'"),
    "text": (["--words", "x"], "--words must be an integer, not 'x'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_capacities(case, tmp_path, capsys):
    argv, said = BAD[case]
    out = ["--units", 3, "--out", tmp_path / "net.v"]
    assert main([str(a) for a in ["verilog", *out, *argv]]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"rbp: {said}")
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_like_a_result(tmp_path, capsys):
    """Of a result, its settings count too: momentum, lanes, formats."""
    given = problem("xor")
    result = engines.train(
        given, 1, "golden", macs=2, lanes=2, preset="w18", momentum_shift=3, start="random"
    )
    config = machine(like=result)
    assert config == core(given, result.settings)
    assert (config.momentum, config.random_start, config.lanes) == (True, True, 2)
    result.save(tmp_path / "result.npz")
    argv = ["verilog", "--like", tmp_path / "result.npz", "--out", tmp_path / "net.v"]
    assert main([str(a) for a in argv]) == 0
    capsys.readouterr()
    said = re.search(r": rbp verilog (.*)\n", (tmp_path / "net.v").read_text())[1]
    assert said == flags(config)
    assert sorted(files(tmp_path)) == [*FILES, "result.npz"]


def test_an_eta_that_the_core_lacks(tmp_path, capsys):
    """A result's η, outside of what iCE40 has by default, is refused by name."""
    engines.train(problem("xor"), 1, "golden", eta_shift=-5).save(tmp_path / "result.npz")
    argv = ["verilog", "--like", str(tmp_path / "result.npz"), "--out", str(tmp_path / "net.v")]
    argv += ["--device", "up5k"]
    assert main(argv) == 2
    err = capsys.readouterr().err
    for fragment in ("eta_shift -5", "-2 … 1", "--eta -5:1"):
        assert fragment in err
    assert not (tmp_path / "net.v").exists()
    assert main([*argv, "--eta", "-5:1"]) == 0
    text = (tmp_path / "net.v").read_text()
    assert re.search(r": rbp verilog .*--eta -5:1 --device up5k\n", text)
    assert "//   log2 eta     -5 ... 1\n" in text


def test_eta():
    assert machine(units=3).eta_shifts == (-6, 1)
    assert machine(units=3, family="ice40").eta_shifts == (-2, 1)
    assert machine(units=3, family="ice40", eta="-5:1") == Config(
        units=3, macs=3, family="ice40", eta_shifts=(-5, 1)
    )


def test_an_example_says_which_eta_ice40_needs(tmp_path, capsys):
    needs = "an iCE40 core for it is built with --eta"
    for name, example in examples.EXAMPLES.items():
        if example.flags.get("eta_shift", 0) >= -2 and name != "xor":
            continue
        try:
            assert main(["example", name, "--out", str(tmp_path / "p.npz")]) == 0
        except ImportError:  # of the digits' data
            continue
        said = capsys.readouterr().out
        assert (f"{needs} {example.flags['eta_shift']}:1\n" in said) == (name != "xor")


@pytest.mark.parametrize("text", ["-9:1", "0:4", "1:0", "-5", "a:b", "-5:1:2"])
def test_bad_eta(tmp_path, capsys, text):
    argv = ["verilog", "--units", "3", "--eta", text, "--out", str(tmp_path / "net.v")]
    assert main(argv) == 2
    err = capsys.readouterr().err
    for fragment in ("LOW:HIGH", "-8:3", repr(text)):
        assert fragment in err


def test_units_or_like(tmp_path, capsys):
    problem("xor").save(tmp_path / "xor.npz")
    out = ["--out", str(tmp_path / "net.v")]
    like = ["--like", str(tmp_path / "xor.npz")]
    for verb in (["verilog", *out], ["synth", "--device", "up5k", *out]):
        for given, said in (([], "either units, or like"), (["--units", "3", *like], "both given")):
            assert main([*verb, *given]) == 2
            assert said in capsys.readouterr().err
    assert main(["verilog", *out, "--like", str(tmp_path / "none.npz")]) == 2
    assert "none.npz" in capsys.readouterr().err


def layered(units=40, layer=10, **more):
    """Layers one after the other, the first one clamped: a sparse network with held units."""
    rng, number = np.random.default_rng(3), np.arange(units)
    connected = number[:, None] // layer == number // layer + 1
    return Problem(
        weights=rng.uniform(-0.5, 0.5, (units, units)) * connected,
        targets=rng.uniform(0.1, 0.9, (2, units)),
        target_units=number >= units - layer,
        clamp_units=number < layer,
        connected=connected,
        **more,
    )


def test_a_sparse_network_needs_few_entries():
    given = layered()
    assert machine(like=given, macs=5).entries == 70  # 6 blocks of 10, and one that feeds none
    assert machine(units=given.units, macs=5).entries == 320


@pytest.mark.parametrize(
    ("given", "fragments"),
    [
        ({"entries": 69}, ["70 entries", "holds 69"]),
        ({"words": 5}, ["14 words", "holds 5"]),
    ],
)
def test_a_memory_that_is_too_small_for_it(given, fragments):
    with pytest.raises(InputError) as caught:
        machine(like=layered(), macs=5, **given)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_given_memories_win():
    config = machine(like=layered(), macs=5, entries=77, words=99)
    assert (config.entries, config.words) == (77, 99)


def second():
    """A network of second order."""
    return Problem(
        weights=np.linspace(-0.4, 0.4, 3 * 9).reshape(3, 9),
        targets=[[0.2, 0.7, 0.4], [0.8, 0.3, 0.5]],
        target_units=[True, True, False],
        order=(1, 2),
        feature="tanh",
    )


def test_products_of_a_problem():
    given = second()
    products = len(given.monomials)
    config = machine(like=given)
    assert config.products == products
    for name, value in (("products", products - 1), ("order", 1), ("folds", given.units)):
        with pytest.raises(InputError, match="the core holds"):
            machine(like=given, **{name: value})
    with pytest.raises(InputError, match="the core sums products, and the network sums states"):
        machine(like=problem("xor"), products=9)
    with pytest.raises(InputError, match="feature sin of the core is not that of the network"):
        machine(like=given, feature="sin")


@pytest.mark.parametrize(
    "given", [{"order": 2}, {"products": 9}, {"folds": 9}, {"feature": "tanh"}], ids=str
)
def test_products_of_a_network_of_states(given):
    with pytest.raises(InputError, match="the core sums products, and the network sums states"):
        machine(like=problem("xor"), **given)


def test_too_many_products():
    """It is said which they are, and how there are fewer."""
    with pytest.raises(InputError) as caught:
        machine(units=1000, order=3)
    assert str(caught.value) == (
        "1000 units have 167167000 products of 3 factors, a core at most 4096: expected --products,"
        " to choose fewer"
    )
    assert machine(units=1000, order=3, products=9).products == 9


def many(patterns):
    """More patterns than a lane can hold."""
    target = np.linspace(0.1, 0.9, patterns)[:, None] * np.ones(3)
    return Problem(weights=np.full((3, 3), 0.2), targets=target, target_units=[1, 0, 1])


def test_like_a_problem_of_many_patterns():
    """As many slots as there are patterns, if a lane can hold them; given ones hold."""
    assert machine(like=many(256)).slots == 256
    config = machine(like=many(257))
    assert (config.slots, config.refill) == (32, True)
    assert machine(like=many(1437), slots=7).slots == 7
    with pytest.raises(InputError, match="slots must be 1 … 256, not 257"):
        machine(like=many(1437), slots=257)


ROUND_TRIPS = (
    {"units": 5},
    {"units": 7, "macs": 2, "entries": 99, "words": 17},
    {"units": 5, "order": 2, "products": 20, "feature": "logistic", "folds": 50},
    {"units": 4, "products": 7},
    {"units": 4, "order": 3, "momentum": True, "slots": 3, "lanes": 2, "refill": True},
    {"units": 4, "feature": "tanh"},
    {"units": 900, "macs": 4, "entries": 9000, "spram": True, "random_start": True},
)


def parsed(text):
    """The flags, as the command takes them."""
    words = text.split()
    pairs = zip(words, [*words[1:], "--"], strict=True)
    given = {
        w[2:].replace("-", "_"): True if v.startswith("--") else int(v) if v.isdigit() else v
        for w, v in pairs
        if w.startswith("--")
    }
    return given


@pytest.mark.parametrize("given", ROUND_TRIPS, ids=str)
def test_flags_ask_for_the_core(given):
    config = machine(**given)
    assert machine(**parsed(flags(config))) == config


def test_flags_of_a_core_like_a_problem():
    for given in (layered(), second(), problem("populations")):
        config = machine(like=given)
        assert machine(**parsed(flags(config))) == config
