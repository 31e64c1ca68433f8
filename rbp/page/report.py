"""``rbp report``: a training that has ended, as a page that lives by itself."""

from html import escape

import numpy as np
from bokeh.embed import file_html
from bokeh.layouts import column, gridplot
from bokeh.models import Div
from bokeh.resources import INLINE

from rbp.files import made_by
from rbp.page import figures, looks

__all__ = ["html"]


def html(result, title):
    """The page of a result, as text; nothing is fetched from elsewhere."""
    energy = figures.Energy()
    energy.add(1, result.energy)
    try:
        visits = looks.visits(result.problem, result.settings)
    except ValueError:  # no core holds it
        visits = None
    weights = figures.Weights(result.weights.shape, visits)
    weights.show(result.weights)
    problem = result.problem
    settling = figures.Settling(problem.units)
    start = np.where(problem.read_units, problem.targets, problem.start)[0]
    settling.show(looks.states_settling(result, start, problem.inputs[0]))
    said = ", ".join(role for role, is_so in result.saturated.items() if is_so) or "nothing"
    words = Div(
        text=f"<h1>{escape(title)}</h1><p>{problem.units} units, {problem.patterns} patterns; "
        f"{result.updates:,} updates on {result.engine}; E {result.energy[0]:.4g} → "
        f"{result.energy[-1]:.4g}; unsettled {result.unsettled:,}; saturated: {said}. "
        "States are those of pattern 0, without clamps.</p>"
    )
    grid = gridplot([[energy.figure, weights.figure], [settling.figure]], merge_tools=False)
    page = file_html(column(words, grid), INLINE, title)
    return page.replace("<html", f"<!-- {made_by('rbp report')} -->\n<html", 1)
