"""Pages: a training as it runs, and one that has ended.

Bokeh draws them: it is kept well, has a server of its own, writes pages that need nothing from
elsewhere, and both from the same figures.

May import: rbp.checks, rbp.engines, rbp.errors, rbp.extras, rbp.files, rbp.golden.formats,
rbp.golden.relaxation, rbp.hdl.program, rbp.machine, rbp.problem, rbp.result, rbp.settings.
"""
