"""Networks by scikit-learn's conventions, learned in the bits of the chip.

::

    model = RecurrentClassifier(hidden=10).fit(X, y)
    model.score(X_test, y_test)
    model.result_.save("result.npz")      # for all that rbp does: rtl, board, verify, info

May import: rbp.checks, rbp.engines, rbp.errors, rbp.extras, rbp.golden.config, rbp.problem,
rbp.progress, rbp.result.
"""

from rbp.extras import require

require("estimators")

from rbp.estimators.associative import AssociativeMemory  # noqa: E402
from rbp.estimators.classifier import RecurrentClassifier  # noqa: E402
from rbp.estimators.regressor import RecurrentRegressor  # noqa: E402

__all__ = ["AssociativeMemory", "RecurrentClassifier", "RecurrentRegressor"]
