"""The hardware. ``hdl.Core(golden.config.Config(...))`` is a component like any other."""

from hdl.core import Core

__all__ = ["Core"]
