"""MNIST's handwritten digits: 10,000 that ship with the project, or files of the user's own.

May import: rbp.paper.networks, rbp.errors, rbp.files, rbp.problem.
"""
