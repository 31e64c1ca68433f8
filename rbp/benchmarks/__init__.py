"""How well the core does, beside NumPy and C++ on this machine.

May import: rbp.engines, rbp.estimators, rbp.machine, rbp.errors, rbp.files, rbp.problem,
rbp.settings, rbp.paper, rbp.fpga, rbp.cmodel, rbp.golden, rbp.hdl, rbp.host, rbp.cosim.
"""
