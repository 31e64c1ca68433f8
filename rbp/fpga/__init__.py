"""Devices: which core, what is planned of it, its synthesis, its place, area and speed.

May import: rbp.checks, rbp.errors, rbp.extras, rbp.files, rbp.machine, rbp.result, rbp.settings,
rbp.golden, rbp.hdl, rbp.cosim.
"""
