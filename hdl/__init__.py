"""The hardware. ``rbp.hdl.Core(golden.config.Config(...))`` is a component like any other.

May import: rbp.golden.
"""

from rbp.hdl.core import Core

__all__ = ["Core"]
