"""What a user takes away: the core in Verilog, its manual, C header and testbench, its
model in C++.

May import: rbp.checks, rbp.engines, rbp.machine, rbp.errors, rbp.files, rbp.settings, rbp.fpga,
rbp.golden, rbp.hdl, rbp.host, rbp.cosim, rbp.cmodel.
"""
