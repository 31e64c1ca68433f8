"""Sweeps: many trainings, or placements, on whatever machines there are.

May import: rbp.checks, rbp.engines, rbp.errors, rbp.extras, rbp.files, rbp.fpga, rbp.paper,
rbp.problem, rbp.result, rbp.settings.
"""
