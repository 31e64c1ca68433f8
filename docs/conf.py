"""Sphinx: how the pages become a site; docs/build.py gathers them."""

project = "rbp"
author = copyright = "the rbp authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "rbp: a network that learns inside an FPGA"
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the text says shapes and ranges
exclude_patterns = ["docs/conf.py"]
