"""What happens when: carousel, relaxation, training, random starts.

May import: rbp.hdl.datapath.noise, rbp.hdl.program, rbp.hdl.primitives, rbp.hdl.fixed,
rbp.hdl.layouts, rbp.hdl.timing, rbp.hdl.wires.
"""
