"""Boards: their pins and clocks, and the files that configure their FPGAs.

May import: rbp.checks, rbp.errors, rbp.extras, rbp.files, rbp.fpga, rbp.export, rbp.golden,
rbp.hdl, rbp.cosim.
"""
