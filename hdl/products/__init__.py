"""A higher order: products of a few states, and the fold of their derivatives.

May import: rbp.golden, rbp.hdl.primitives, rbp.hdl.fixed, rbp.hdl.layouts, rbp.hdl.timing,
rbp.hdl.wires.
"""
