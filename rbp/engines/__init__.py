"""One call for every engine: float64, golden, model, rtl and board take and return the same arrays.

May import: rbp.boards, rbp.checks, rbp.cmodel, rbp.cosim, rbp.errors, rbp.extras, rbp.files,
rbp.golden, rbp.hdl, rbp.host, rbp.machine, rbp.problem, rbp.progress, rbp.result, rbp.settings.
"""

from rbp.engines.core import on_core
from rbp.engines.counting import cycles
from rbp.engines.recalling import recall
from rbp.engines.scoring import score
from rbp.engines.training import GREATEST_UPDATES, train
from rbp.engines.verifying import verify

__all__ = ["GREATEST_UPDATES", "cycles", "on_core", "recall", "score", "train", "verify"]
