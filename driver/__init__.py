"""The driver in C: what a host without Python does with a core.

May import: rbp.export.generated, rbp.files.
"""
