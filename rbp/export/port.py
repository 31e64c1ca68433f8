"""The signals of a core's port: for the Verilog and its manual."""

__all__ = ["PORTS"]

PORTS = (
    ("clk", "in", "clock, rising edge"),
    ("rst", "in", "reset, synchronous, active high"),
    ("bus_addr", "in", "address of a 32-bit word, see the manual"),
    ("bus_w_data", "in", "word to write"),
    ("bus_w_en", "in", "write; held while bus_wait is high"),
    ("bus_r_en", "in", "read; held while bus_wait is high"),
    ("bus_r_data", "out", "word read, in the first cycle without bus_wait"),
    ("bus_wait", "out", "the request is not done yet"),
    ("phase", "out", "what the core is doing; 0: idle"),
)
"""Name, direction, meaning."""
