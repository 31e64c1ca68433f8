"""How well the core does: its speed beside NumPy and C++, and how well its networks recall.

May import: rbp.checks, rbp.engines, rbp.estimators, rbp.machine, rbp.errors, rbp.files,
rbp.problem, rbp.progress, rbp.result, rbp.settings, rbp.paper, rbp.fpga, rbp.cmodel, rbp.golden,
rbp.hdl, rbp.host, rbp.cosim.
"""
