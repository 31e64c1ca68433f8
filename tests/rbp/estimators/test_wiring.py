"""Wiring: masks by hand."""

import numpy as np
import pytest

from rbp.errors import InputError
from rbp.estimators.wiring import Wiring
from rbp.paper.networks import layered


def test_layers():
    """As the paper's feed-forward networks are wired."""
    inputs, targets = np.zeros((1, 3)), np.zeros((1, 2))
    for hidden in ((4,), (4, 5), ()):
        known = layered((3, *hidden, 2), inputs, targets, spread=1, seed=0)
        feeds, products = Wiring(3, hidden, 2).connections()
        assert np.array_equal(feeds, known.connected)
        assert products is None


def test_recurrent():
    feeds = Wiring(2, (3,), 1, "recurrent").feeds()
    assert feeds[3:].all()
    assert not feeds[:3].any()


def test_products():
    """Of what feeds a unit, each once; the bias is in none but its own."""
    connected, products = Wiring(2, (1,), 1, order=2).connections()
    assert products == [(0,), (1,), (2,), (3,), (1, 1), (1, 2), (2, 2), (3, 3)]
    assert connected[3].tolist() == [True, True, True, False, True, True, True, False]
    assert connected[4].tolist() == [True, False, False, True, False, False, False, True]
    assert not connected[:3].any()


def test_mask():
    mask = np.zeros((5, 5), bool)
    mask[4, 1] = True
    assert np.array_equal(Wiring(2, (1,), 1, mask).feeds(), mask)
    mask[1, 4] = True
    with pytest.raises(InputError, match="must feed nothing to unit 1"):
        Wiring(2, (1,), 1, mask).feeds()
    with pytest.raises(InputError, match="must feed each of the 1 outputs"):
        Wiring(2, (1,), 1, np.zeros((5, 5), bool)).feeds()
