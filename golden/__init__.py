"""The specification: every bit in NumPy integers, and a reference in float64.

May import: numpy.
"""
