"""The rows, one file each; those that are not built yet are in one."""

from tests.verify.rows import abuse, bits, exhaustive, mutants, planned, power_up, reset

__all__ = ["ROWS"]

_BUILT = (abuse, bits, exhaustive, mutants, power_up, reset)
ROWS = sorted((*(module.ROW for module in _BUILT), *planned.ROWS), key=lambda row: row.number)
"""All of them, in the order of the table."""
