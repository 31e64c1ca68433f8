"""What a host does with a core, whatever carries the words: a simulation, a board's line.

May import: rbp.checks, rbp.errors, rbp.golden, rbp.hdl.
"""
