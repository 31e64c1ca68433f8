"""The core under Verilator: built, kept, driven word by word, in lockstep with golden.

May import: rbp.checks, rbp.errors, rbp.golden, rbp.hdl, rbp.host.
"""
