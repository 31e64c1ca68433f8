"""The port to the host, and its memory map.

May import: rbp.golden.config, rbp.golden.formats, rbp.golden.tables, rbp.hdl.fixed,
rbp.hdl.layouts, rbp.hdl.timing, rbp.hdl.wires.
"""
