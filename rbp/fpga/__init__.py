"""Devices: which core, its synthesis, its place on the device, area and speed.

May import: rbp.checks, rbp.errors, rbp.files, rbp.machine, rbp.result, rbp.settings, rbp.golden,
rbp.hdl, rbp.cosim.
"""
