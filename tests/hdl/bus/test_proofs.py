"""The bus shells keep their rules for ever, and each rule would notice a fault."""

import re
from pathlib import Path

import pytest

from rbp.hdl.bus.axi_lite import AxiLite
from rbp.hdl.bus.wishbone import Wishbone
from tests.hdl.bus.axi_lite_spec import AxiLiteSpec
from tests.hdl.bus.proof import changed, check
from tests.hdl.bus.wishbone_spec import WishboneSpec

SPECS = {"axi_lite": (AxiLiteSpec, AxiLite), "wishbone": (WishboneSpec, Wishbone)}


@pytest.mark.parametrize("bus", SPECS)
def test_proof(tmp_path, bus):
    spec, shell = SPECS[bus]
    code, said = check(tmp_path, spec(shell), "prove", 6)
    assert code == 0, said
    assert "successful proof by k-induction" in said


@pytest.mark.parametrize("bus", SPECS)
def test_what_is_allowed_happens(tmp_path, bus):
    """Every cover is reached: full throughput, the slowest answer, refusals, any order."""
    spec, shell = SPECS[bus]
    code, said = check(tmp_path, spec(shell), "cover", 24)
    assert code == 0, said
    assert "reached cover statement" in said


# bus: (where, what stands there, what is there instead, the property that notices it)
HELD, ONE, ALONE = "request == before", "~(asked & since", "~(bus.w_en & bus.r_en)"
FAULTS = {
    "axi_lite": {
        "a request that does not wait": (
            *("access", "self.write | (bus.w_en & bus.wait)", "self.write"),
            HELD,
        ),
        "before the verdict": ("access", "| self.done)", "| self.taken)", ONE),
        "both at once": ("", "read_due & ~write_due", "read_due", ALONE),
        "an answer that goes": ("", "m.Elif(axi.bready)", "m.Else()", "rule(valid"),
        "a word overwritten": ("", "ar_full & ~axi.rvalid", "ar_full", "rule(valid"),
        "a word written twice": (
            "",
            "[aw_full.eq(0), w_full.eq(0)]",
            "aw_full.eq(0)",
            'open_["w"]',
        ),
        "a word read twice": ("", "[ar_full.eq(0), axi.rdata", "[axi.rdata", 'open_["ar"] != 0'),
        "an address of words": ("", "axi.awaddr[2:]", "axi.awaddr[:-2]", 'last["aw"][2'),
        "an address of words, read": ("", "axi.araddr[2:]", "axi.araddr[:-2]", 'last["ar"][2'),
        "bytes turned": ("", "word.eq(axi.wdata)", "word.eq(axi.wdata[::-1])", 'last["w"][:32]'),
        "a part written": ("", "axi.wstrb.all()", "axi.wstrb.any()", "Assert(~partial)"),
        "refused late": ("access", "(seen | bus.refused) & since.any()", "0", "verdict"),
        "refused, unsaid": (
            "",
            "axi.rresp[1].eq(access.refused)",
            "axi.rresp.eq(0)",
            "axi.rresp ==",
        ),
        "a response of 1": ("", "axi.bresp[1].eq", "axi.bresp[0].eq", "~axi.bresp[0]"),
        "not ready": ("", "arready.eq(~ar_full)", "arready.eq(~ar_full & ~wrote)", "axi.arready |"),
        "never idle": ("access", "init=1", "init=0", "age <= self.SLOWEST"),
        "not by turns": (
            "",
            "ar_full & ~axi.rvalid",
            "ar_full & ~(axi.rvalid | aw_full)",
            "~passed",
        ),
    },
    "wishbone": {
        "an answer to nobody": ("", "wb.ack.eq(ack & asked)", "wb.ack.eq(ack)", "asked & waits"),
        "an answer too late": ("", "(wanted | take) & asked", "wanted | take", "(known &"),
        "a request taken twice": ("", " & ~(ack | err)", "", "asked & waits"),
        "an address not kept": ("", "addr.eq(address)", "addr.eq(wb.adr)", HELD),
        "another address": (
            "",
            "address.eq(wb.adr)",
            "address.eq(wb.adr[1:])",
            "bus.addr == wb.adr",
        ),
        "another word": ("", "self.bus.r_data, wb.dat_w", "wb.dat_w, self.bus.r_data", "wb.dat_w)"),
        "a word from before": (
            "",
            "m.If(take | access.taken)",
            "m.If(take)",
            "wb.dat_r == port.word",
        ),
        "a part written": ("", "~wb.sel.all()", "~wb.sel.any()", "Assert(~partial)"),
        "refused, unsaid": ("", "asked & ~access.refused", "asked", "known & ~refused"),
        "refused for nothing": (
            "",
            "(access.done & wanted & asked & access.refused)",
            "access.done",
            "partial |",
        ),
        "no answer": (
            "",
            "access.done & wanted & asked & access.refused",
            "0",
            "age <= self.SLOWEST",
        ),
    },
}


def noticed(said):
    """Lines of the properties that failed."""
    found = re.findall(r"failed assertion \S+ at (\S+):(\d+)", said)
    return [Path(path).read_text().splitlines()[int(line) - 1] for path, line in found]


@pytest.mark.parametrize(("bus", "name"), [(bus, name) for bus in FAULTS for name in FAULTS[bus]])
def test_a_fault_is_noticed(tmp_path, monkeypatch, bus, name):
    spec, right = SPECS[bus]
    where, old, new, line = FAULTS[bus][name]
    module = changed(f"rbp.hdl.bus.{where or bus}", old, new)
    shell = getattr(module, right.__name__, right)
    if where:
        monkeypatch.setattr(f"rbp.hdl.bus.{bus}.Access", module.Access)
    code, said = check(tmp_path, spec(shell, inductive=False), "bmc", 24)
    assert code == 2, said
    assert any(line in found for found in noticed(said)), noticed(said)
