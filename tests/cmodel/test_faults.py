"""Faults planted in the model are found by the networks that it is compared with.

All are compiled together, and one is chosen at a time.
"""

import ctypes
from functools import cache, partial

import pytest

from rbp.cmodel import build
from tests.cmodel.drawn import by_golden, by_model, drawn, unlike
from tests.cmodel.test_corners import absent, late, long_fold

FAULTS = {
    # where, what stands there, what is there instead
    "a bit of the mask": ("noise", "0x6870", "0x6860"),
    "a key of the hash": ("noise", "key(z, 2, 6)", "key(z, 3, 6)"),
    "no row begins anew": ("noise", "row % ORBIT", "0 * row"),
    "a weight of 0": ("learning", "cut ? cut : least & here[k]", "cut"),
    "a flag of what is absent": (
        *("learning", "bad |= full ^ cut"),
        "bad |= (value + step) ^ std::min<A>(std::max<A>(value + step, min), max)",
    ),
    "a product of 32 bits": ("learning", "most[k] + (int64_t(1) << shift)", "0"),
    "momentum's noise": ("learning.cpp", "draw + net.B", "draw + net.B - 1"),
    "a row left out": ("learning.cpp", "!row.any()", "!row.any() || r == 3"),
    "a product at the end": ("learning.cpp", "batch.clamped[a]", "false"),
    "a skipped pattern's flag": (
        *("relaxation", "bad_phi[l] != 0"),
        "bad_phi[l] && (total->saturated |= RBP_STATE)",
    ),
    "rounding down": ("words", "shift > 0 ? std::ldexp(1.0, shift - 1) : 0.0", "0.0"),
    "use_within itself": ("settle", "moved[l] > when.use_within", "moved[l] >= when.use_within"),
    "tolerance itself": ("settle", "moved[l] <= when.tolerance", "moved[l] < when.tolerance"),
    "a lane that nobody asked for": ("settle", "live[l] && bad[l]", "bad[l] != 0"),
    "a sum of 32 bits": (
        *("relaxation", "narrow(s[l], bad_net[l])"),
        "narrow(int32_t(int64_t(s[l])), bad_net[l])",
    ),
    "a chunk that 32 bits do not hold": ("sums", "row * most < int64_t(1) << 31", "true"),
    "a column that 32 bits do not hold": ("sums", "weight * sum < int64_t(1) << 31", "true"),
    "u of a lane that is done": ("relaxation", "lanes.live[l] ? word[l] : ur[l]", "word[l]"),
    "y of the call before": (
        *("relaxation.cpp", "keep ? int32_t(y0[net.rows[r].unit]) : 0"),
        "keep ? int32_t(y0[net.rows[r].unit]) : int32_t(y[r * BLOCK + l])",
    ),
    "skip of the call before": ("relaxation", "of->skip[slot(l)] = 0", "of->skip[slot(l)] |= 0"),
    "a lane of the relaxation before": (
        *("relaxation", "std::fill_n(bad_phi, BLOCK, 0)"),
        "std::fill_n(bad_phi, 0, 0)",
    ),
    "a one that is clamped": ("products", "none != one", "false"),
    "a fold of 64 bits": ("model.cpp", "folds >= std::ldexp(1.0, 63)", "false"),
    "a start of the next row": ("model.cpp", "place < row.place", "place <= row.place"),
    "t of the other batch": ("model.cpp", "(state.t + k) % net.A", "int64_t(k % net.A)"),
}
DIRECTED = {
    "a flag of what is absent": partial(absent, "w16"),
    "a product at the end": late,
    "a skipped pattern's flag": partial(late, skip=True),
    "a lane of the relaxation before": partial(late, skip=True, patterns=23),
    "a fold of 64 bits": long_fold,
}
"""Machines for faults that chance does not find, or seldom."""

RANDOM = range(300)
"""Seeds of those for the others."""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The library with a switch of faults, and the switch."""
    folder = tmp_path_factory.mktemp("faults")
    texts = {path.name: path.read_text() for path in build.SOURCES}
    for k, (where, good, bad) in enumerate(FAULTS.values(), 1):
        name = where if "." in where else f"{where}.hpp"
        assert texts[name].count(good) == 1, good
        texts[name] = texts[name].replace(good, f"(rbp_fault == {k} ? ({bad}) : ({good}))")
    texts["model.cpp"] += 'extern "C" { int rbp_fault = 0; }\n'
    for name, text in texts.items():
        switch = '#pragma once\nextern "C" int rbp_fault;'
        (folder / name).write_text(text.replace("#pragma once", switch))
    flags = [flag.replace("-O3", "-O1") for flag in build.FLAGS]
    path = build.compiled([folder / path.name for path in build.SOURCES], flags)
    lib = build.library(path)
    return lib, ctypes.c_int.in_dll(lib, "rbp_fault")


@cache
def golden(seed):
    """A random machine and what golden makes of it."""
    machine = drawn(seed)
    return machine, by_golden(machine)


def found(name, lib):
    """The seed of a machine that the library makes otherwise, or what is; None where none is."""
    if name in DIRECTED:
        machine = DIRECTED[name]()
        return unlike(by_golden(machine, (1, 1)), by_model(machine, (1, 1), lib=lib)) or None
    for seed in RANDOM:
        pair = golden(seed)
        if unlike(pair[1], by_model(pair[0], threads=1 + seed % 2, lib=lib)):
            return seed
    return None


@pytest.mark.parametrize("name", FAULTS)
def test_is_found(name, faulty):
    lib, fault = faulty
    fault.value = 1 + list(FAULTS).index(name)
    assert found(name, lib) is not None


def test_without_a_fault(faulty):
    lib, fault = faulty
    fault.value = 0
    for seed in RANDOM[:60]:
        pair = golden(seed)
        assert unlike(pair[1], by_model(pair[0], lib=lib)) == []
    for name in DIRECTED:
        assert found(name, lib) is None
