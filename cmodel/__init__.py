"""The golden model as compiled software: the same bits, some hundred times as fast.

May import: rbp.golden, rbp.cosim.cache, rbp.cosim.tools, rbp.errors.
"""
