"""From a weight to a new state: PEs, result tree, activations, Euler steps, products.

May import: rbp.golden, rbp.hdl.primitives, rbp.hdl.fixed, rbp.hdl.layouts, rbp.hdl.timing,
rbp.hdl.wires, rbp.hdl.products.
"""
