"""Experiments of the paper, the problems that ship with the project, and how they are drawn.

May import: rbp.checks, rbp.engines, rbp.machine, rbp.errors, rbp.extras, rbp.files, rbp.problem,
rbp.result, rbp.settings, rbp.golden.
"""
