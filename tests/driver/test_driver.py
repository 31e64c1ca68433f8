"""The driver in C on the Verilated core: golden's words, and one line for each thing refused."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import rbp
from rbp import engines
from rbp.cli import main
from rbp.cosim.build import library
from rbp.driver import files
from rbp.export import program
from rbp.fpga.machines import machine as core_of
from rbp.machine import machine, unclamped
from rbp.paper import examples, figure1
from rbp.settings import Settings
from tests.tools import wanted

HERE = Path(__file__).parent
WARN = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wno-error=conversion", "-Werror")
C = ("gcc", "-std=c99", *WARN)
CXX = ("g++", "-std=c++17", "-x", "c++", *WARN)
SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
UPDATES = 20


def layered():
    """Layers, of which the first is held in training, but for one unit not in recall."""
    rng, number = np.random.default_rng(12), np.arange(20)
    connected = (number[:, None] // 5 == number // 5 + 1) & (rng.random((20, 20)) < 0.8)
    connected[1:5, 16] = True
    return rbp.Problem(
        weights=rng.uniform(-0.6, 0.6, (20, 20)) * connected,
        targets=rng.uniform(0.1, 0.9, (3, 20)),
        target_units=number >= 15,
        clamp_units=number < 5,
        inputs=rng.uniform(-0.3, 0.3, (3, 20)),
        initial_state=rng.uniform(0.2, 0.8, (3, 20)),
        connected=connected,
    )


NETWORKS = {
    "two lanes, batches, momentum": (
        layered,
        {"lanes": 2, "macs": 2, "batch": 2, "momentum_shift": 2, "eta_shift": -3, "seed": 1 << 31},
    ),
    "w8, nearest, goes on": (
        layered,
        {"preset": "w8", "rounding": "nearest", "start": "last", "macs": 3},
    ),
    "mixed orders, w18": (
        lambda: examples.find("mixed-orders").problem(),
        {"preset": "w18", "macs": 3, "eta_shift": -1, "batch": 1},
    ),
}


@pytest.fixture(autouse=True)
def _compiler():
    if not all(map(shutil.which, ("gcc", "g++"))):
        pytest.skip("gcc and g++ are not installed on this machine")


def run(*command, folder):
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=900
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    return done.stdout


def built(main, config, folder):
    """What a program of the driver prints, under the sanitizers, on the core of ``config``."""
    sources = (files.FOLDER / "rbp.c", main, library(config))
    include = ("-I.", f"-I{files.FOLDER}")
    run(*C, *SANITIZED, *include, *sources, "-o", "program", folder=folder)
    return run("./program", folder=folder)


def arrays(config, given, folder, name, **flags):
    found = program.arrays(config, given, **flags)
    program.write(config, found, folder / f"{name}.h", name=name, **flags)


@pytest.fixture
def memory(tmp_path):
    """(Figure 1, its core), and its arrays in the folder."""
    given = figure1.problem()
    config = core_of(like=given, macs=5)
    arrays(config, given, tmp_path, "network")
    return given, config


@pytest.mark.parametrize("compiler", [C, CXX], ids=["c99", "c++17"])
def test_compiles_without_a_library(memory, tmp_path, compiler):
    include, strict = ("-I.", f"-I{files.FOLDER}"), ("-O2", "-ffreestanding", "-Wconversion")
    for name in ("rbp.c", "examples/baremetal.c"):
        run(*compiler, *strict, *include, "-c", files.FOLDER / name, folder=tmp_path)
    run(*compiler, "-m32", "-fsyntax-only", *strict, files.FOLDER / "rbp.c", folder=tmp_path)
    needs = run("nm", "-u", "rbp.o", folder=tmp_path).split()
    assert not {*needs} - {"U", "memset", "memcpy", "_GLOBAL_OFFSET_TABLE_"}


def test_the_example_is_golden(memory, tmp_path):
    given, config = memory
    expected, trained = [], machine(given, Settings(seed=figure1.SEED), "golden")
    for _ in range(UPDATES):
        expected.append(f"E {trained.update().energy}")
    known, settings = np.arange(15) < 5, Settings(seed=figure1.SEED)
    start = np.where(known, trained.targets, trained.start)
    resting = unclamped(trained, start, trained.inputs, settings.settling(recall=True))
    for name, words in {"w": trained.weights, "x": resting.relax(errors=False).x}.items():
        expected += [f"{name}[{k}] {' '.join(map(str, row))}" for k, row in enumerate(words)]
    found = built(files.FOLDER / "examples" / "figure1.c", config, tmp_path)
    assert found.splitlines() == expected
    learned = engines.train(given, UPDATES, "golden", seed=figure1.SEED)
    assert (learned.weights_raw == trained.weights).all()


@pytest.mark.parametrize("failing", [0, 1], ids=["a good bus", "a bus that fails"])
@pytest.mark.parametrize("case", NETWORKS)
def test_a_network_is_golden(tmp_path, case, failing):
    make, flags = NETWORKS[case]
    given, settings = make(), Settings(**flags)
    config = core_of(like=engines.train(given, 1, "golden", **flags))
    for name in ("learning", "resting"):
        arrays(config, given, tmp_path, name, recall=name == "resting")
    trained = machine(given, settings, "golden")
    limits = settings.settling(recall=True)
    resting = unclamped(trained, trained.start, trained.inputs, limits)
    (tmp_path / "words.h").write_text(words_h(config, settings, trained, resting, failing))
    found = built(HERE / "host.c", config, tmp_path).splitlines()
    assert found == [*said(config, settings), *expected(settings, trained)]


def words_h(config, settings, trained, resting, failing):
    """What the program trains and recalls."""
    learning, (units, columns) = trained.learning, trained.weights.shape
    numbers = {
        "N": units,
        "M": columns,
        "A": len(trained.targets),
        "B": len(trained.patterns()),
        "COUNT": UPDATES,
        "ETA_SHIFT": f"({settings.eta_shift})",
        "SEED": f"{settings.seed}u",
        "FRICTION": learning.friction or 0,
        "OPTIONS": ("RBP_NEAREST" if learning.seed is None else "0")
        + (" | RBP_KEEP" if learning.keep else ""),
        "FAILING": failing,
    }
    if config.higher:
        numbers["HIGHER"] = 1
    lines = [f"#define {name} {value}" for name, value in numbers.items()]
    known = trained.structure.held & trained.network.clamp_units  # the driver takes T for them
    start = np.where(known, 0, trained.start)
    held = {"start": start, "inputs": trained.inputs, "targets": trained.targets}
    for name, words in (held | {"cues": resting.start}).items():
        values = ", ".join(map(str, words.ravel().tolist()))
        lines.append(f"static const int32_t {name}[] = {{{values}}};")
    values = ", ".join(map(str, trained.weights.ravel().tolist()))
    lines.append(f"static int32_t weights[] = {{{values}}};")  # held units keep theirs
    return "\n".join([*lines, ""])


def said(config, settings):
    """What the core says of itself, and what is usual."""
    names = ("units", "macs", "lanes", "slots", "entries", "words", "log_depth")
    of = [config.formats.state, config.formats.error, config.formats.weight]
    numbers = [number for fmt in of for number in (fmt.width, fmt.fraction)]
    velocity = config.formats.velocity if config.momentum else None
    numbers += [velocity.width, velocity.fraction] if velocity else [0, 0]
    usual = settings.settling()
    yield line("core", *(getattr(config, name) for name in names), program.core_key(config))
    yield line("formats", *numbers)
    yield line("eta", *config.eta_shifts)
    yield line("usual", usual.limit, usual.tolerance, usual.use_within)


def expected(settings, trained):
    """The same of golden; ``trained`` is as it is afterwards."""
    for _ in range(UPDATES):
        relaxed = trained.update()
        steps = np.concatenate([relaxed.steps, relaxed.unsettled], axis=1)
        yield line("report", relaxed.energy, *steps.astype(int).ravel())
    yield line("counters", trained.unsettled, trained.skipped)
    yield line("x", *trained.x.ravel())
    yield line("y", *trained.y.ravel())
    if settings.momentum_shift is not None:
        assert not trained.velocity[trained.structure.held].any()
        yield line("v", *trained.velocity.ravel())
    yield line("w", *trained.weights.ravel())
    limits = settings.settling(recall=True)
    resting = unclamped(trained, trained.start, trained.inputs, limits)
    yield "irq 0 1"
    yield line("recalled", *resting.relax(errors=False).x.ravel())


def line(name, *numbers):
    return " ".join([name, *map(str, numbers)])


REFUSALS = """\
nothing there: no core answers at this address
an older map: the core's memory map is of another version than the driver's
no units: the driver does not know what the core describes
another preset: the driver does not know what the core describes
a broken bus: the bus did not carry a word
a core: done
another core's network: the network was made for another core
its weights: the network was made for another core
a long program: the core does not hold so many units, patterns or words
load: done
start before settings: the core refused the start
report before a start: an argument is not in its range
patterns 0: an argument is not in its range
patterns 5: an argument is not in its range
batch 0: an argument is not in its range
batch 5: an argument is not in its range
first 4: an argument is not in its range
eta high: an argument is not in its range
dt 4: an argument is not in its range
friction: an argument is not in its range
limit 0: an argument is not in its range
limit: an argument is not in its range
tolerance: an argument is not in its range
use_within: an argument is not in its range
options: an argument is not in its range
draw of a batch: an argument is not in its range
random: an argument is not in its range
settings: done
patterns at 1: the core does not hold so many units, patterns or words
states at 1: the core does not hold so many units, patterns or words
patterns: done
updates: an argument is not in its range
causes: an argument is not in its range
no velocities: an argument is not in its range
start: done
start again: a run is under way
recall: a run is under way
settings in a run: a run is under way
patterns in a run: a run is under way
states in a run: a run is under way
weights in a run: a run is under way
stop: done
a report: done
the end: the run has ended, and its reports are read
one more: done
weights before its report: the log has words that are not read
clear: done
no column comes: the core does not send a column of weights
weights after that: done
"""


def test_what_is_refused(memory, tmp_path):
    _, config = memory
    assert built(HERE / "refusals.c", config, tmp_path) == REFUSALS


def test_every_register_is_where_the_map_has_it():
    """The driver's list is the map's."""
    from rbp.hdl.host.memory_map import IDENTITY, REGISTERS

    text = (files.FOLDER / "rbp.c").read_text()
    assert f"{'{'}\n    {REGISTERS[0].name}, {REGISTERS[1].name}, " in text
    listed = text.split("enum {")[2].split("DESCRIPTION")[0]
    assert [name.strip() for name in listed.split(",")][:-1] == [r.name for r in REGISTERS]
    assert f"0x{IDENTITY:08x}u" in text


DOXYFILE = """\
INPUT = rbp.h
OPTIMIZE_OUTPUT_FOR_C = YES
GENERATE_LATEX = NO
QUIET = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
"""


@pytest.mark.parametrize("lost", [None, "/**< L */", " *  @param core where"])
def test_doxygen_says_nothing(tmp_path, lost):
    """Everything in rbp.h is documented; a comment that is lost is found."""
    command = [wanted("doxygen"), "Doxyfile"]
    text = (files.FOLDER / "rbp.h").read_text()
    assert lost is None or lost in text
    (tmp_path / "rbp.h").write_text(text.replace(lost, "") if lost else text)
    (tmp_path / "Doxyfile").write_text(DOXYFILE)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert bool(done.stdout + done.stderr) == bool(done.returncode) == (lost is not None)


def test_written_files_are_the_installed_ones(tmp_path):
    for path, name in zip(files.write(tmp_path / "new"), files.NAMES, strict=True):
        first, _, rest = Path(path).read_text().partition("\n")
        assert first.startswith("/* Made by rbp ")
        assert rest == (files.FOLDER / name).read_text()


def test_a_file_of_yours_is_not_replaced(tmp_path, capsys):
    (tmp_path / "rbp.h").write_text("/* mine */")
    assert main(["driver", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err == f"rbp: {tmp_path / 'rbp.h'} was not made by rbp: --force replaces it\n"
    assert [path.name for path in tmp_path.iterdir()] == ["rbp.h"]
    assert main(["driver", "--force", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "rbp.h").read_text().startswith("/* Made by rbp ")
