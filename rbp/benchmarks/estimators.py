"""``make estimators``: accuracy and time of the estimators beside scikit-learn's networks.

    python -m rbp.benchmarks.estimators          measure, print, and write docs/howto/estimators.md

Default settings but for the hidden units, which are as many in both; five folds (of MNIST its
split), three seeds, one core. scikit-learn's networks see standardised inputs.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rbp.estimators import RecurrentClassifier, RecurrentRegressor
from rbp.files import written
from rbp.paper.mnist import network as mnist
from rbp.paper.networks import digits

__all__ = ["DATA", "main", "measure", "rivals", "table"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "howto" / "estimators.md"
BEGIN, END = "<!-- estimators table -->", "<!-- /estimators table -->"
SEEDS, FOLDS = 3, 5


def _mnist():
    """14×14 pictures of those that ship, and the rows of its two parts."""
    (first, labels), (last, others) = mnist.digits()
    pictures = np.concatenate([first, last]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    rows = np.arange(len(pictures))
    X, y = pictures.reshape(len(rows), -1) / 255, np.concatenate([labels, others])
    return X, y, [(rows[: len(first)], rows[len(first) :])]


def _folds(load, kind):
    def found(seed):
        X, y = load()
        return X, y, list(kind(FOLDS, shuffle=True, random_state=seed).split(X, y))

    return found


def _plain(load):
    return lambda: load(return_X_y=True)


DATA = {
    "iris": (10, _folds(_plain(load_iris), StratifiedKFold)),
    "wine": (10, _folds(_plain(load_wine), StratifiedKFold)),
    "breast cancer": (10, _folds(_plain(load_breast_cancer), StratifiedKFold)),
    "digits": (30, _folds(digits, StratifiedKFold)),
    "MNIST 14×14": (30, lambda seed: _mnist()),
    "diabetes": (10, _folds(_plain(load_diabetes), KFold)),
}
"""Hidden units, and (X, y, pairs of rows to learn and to try) of a seed."""


def rivals(name, hidden, seed):
    """Our own with 16 and 8 bits, and scikit-learn's."""
    ours, theirs = RecurrentClassifier, MLPClassifier
    if name == "diabetes":
        ours, theirs = RecurrentRegressor, MLPRegressor
    return {
        "w16": ours(hidden, random_state=seed),
        "w8": ours(hidden, random_state=seed, preset="w8"),
        "sklearn": make_pipeline(
            StandardScaler(), theirs(hidden_layer_sizes=(hidden,), random_state=seed)
        ),
    }


def measure(names=tuple(DATA), seeds=SEEDS):
    """Mean accuracy, or R², and processor seconds of a fit, by data and network."""
    found = {}
    for name in names:
        hidden, load = DATA[name]
        scores, seconds = {}, {}
        for seed in range(seeds):
            X, y, pairs = load(seed)
            for kind, model in rivals(name, hidden, seed).items():
                for fit, test in pairs:
                    begin = time.process_time()
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        model.fit(X[fit], y[fit])
                    seconds.setdefault(kind, []).append(time.process_time() - begin)
                    scores.setdefault(kind, []).append(model.score(X[test], y[test]))
        found[name] = {
            kind: {"score": float(np.mean(scores[kind])), "seconds": float(np.mean(seconds[kind]))}
            for kind in scores
        }
        print(name, found[name], flush=True)
    return found


def table(found):
    """The lines of its page."""
    lines = [
        "| data, hidden units | 16 bits | 8 bits | scikit-learn | processor time, ours / theirs |",
        "|---|---|---|---|---|",
    ]
    for name, row in found.items():
        scores = " | ".join(f"{row[kind]['score']:.3f}" for kind in ("w16", "w8", "sklearn"))
        ratio = row["w16"]["seconds"] / row["sklearn"]["seconds"]
        what = "R² of " if name == "diabetes" else ""
        lines.append(f"| {what}{name}, {DATA[name][0]} | {scores} | {ratio:.2f} |")
    return lines


def main():
    """Measure all, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="build/estimators.json", help="the same as JSON")
    arguments = parser.parse_args()
    if not PAGE.exists():
        parser.exit(2, f"rbp: there is no {PAGE}: expected a checkout\n")
    found = measure()
    os.makedirs(Path(arguments.out).parent, exist_ok=True)
    with written(arguments.out) as file:
        file.write(json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n")
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    lines = "\n".join(table(found))
    with written(PAGE) as file:
        file.write(f"{before}{BEGIN}\n{lines}\n{END}{after}".encode())


if __name__ == "__main__":
    main()
