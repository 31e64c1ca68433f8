"""Shells that put a bus on the core's word port, and the core with one of them.

May import: rbp.hdl.core, rbp.hdl.host.memory_map, rbp.hdl.primitives, rbp.hdl.wires.
"""
