"""Which units are held, and in which order the machine has them.

May import: numpy, rbp.golden.config.
"""

from rbp.golden.structure.structure import Structure

__all__ = ["Structure"]
