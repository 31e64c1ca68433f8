"""What the core keeps: states, weights, the log.

May import: rbp.golden, rbp.hdl.datapath, rbp.hdl.primitives, rbp.hdl.fixed, rbp.hdl.layouts,
rbp.hdl.timing, rbp.hdl.wires.
"""
