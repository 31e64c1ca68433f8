"""Memories, multiplier, adder: what knows the device.

May import: rbp.golden, rbp.hdl.fixed.
"""
