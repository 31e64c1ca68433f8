"""A recurrent network that learns inside an FPGA: what users call.

::

    problem = rbp.Problem(weights=w, targets=t, target_units=visible, clamp_units=visible)
    result = rbp.train(problem, updates=300, engine="rtl", macs=5)
    states = rbp.recall(result, cues, engine="rtl")
"""

from rbp.engines import recall, train
from rbp.errors import InputError
from rbp.problem import Problem
from rbp.result import Result
from rbp.settings import Settings

__all__ = ["InputError", "Problem", "Result", "Settings", "recall", "train"]
