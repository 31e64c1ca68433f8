"""Verb: sweep."""

import os

from rbp.checks import integer
from rbp.cli.options import add_verb, complain
from rbp.errors import CheckFailed
from rbp.extras import require
from rbp.files import check_folder, made_folder
from rbp.progress import Progress

__all__ = ["add"]


def add(verbs):
    """Add the verb."""
    verb = add_verb(
        verbs,
        "sweep",
        _sweep,
        "many trainings, or placements, of all settings in a file",
        "Each result is kept as it comes; the same command goes on where it stopped.",
        "rbp sweep sweep.toml --out build/sweep --plot eta_shift",
    )
    verb.add_argument("sweep", metavar="SWEEP.toml", help="what is tried, see docs/howto/sweeps.md")
    verb.add_argument("--out", required=True, metavar="DIR", help="results, sweep.parquet")
    verb.add_argument("--workers", type=int, metavar="W", help="processes (default: processors)")
    verb.add_argument(
        "--scheduler", metavar="ADDRESS", help="of dask's, in place of processes here"
    )
    verb.add_argument("--plot", metavar="SETTING", help="draw E against it, DIR/SETTING.png")


def _sweep(arguments):
    require("sweeps")
    if arguments.plot:
        require("plot")
    from rbp.sweeps import plan, plot, rows, sweep

    if arguments.workers is not None:
        integer("workers", arguments.workers, 1, 10_000)
    jobs = plan.read(arguments.sweep)
    if arguments.plot:
        plan.check_setting(arguments.plot, jobs)
    plotted = [f"{arguments.plot}.png"] if arguments.plot else []
    check_folder(arguments.out, [rows.TABLE, *plotted])
    check_folder(os.path.join(arguments.out, rows.PARTS), [f"{jobs[0].key}.parquet"])
    try:
        with made_folder(arguments.out), Progress("job") as progress:
            found = sweep.run(jobs, arguments.out, arguments.workers, arguments.scheduler, progress)
    except KeyboardInterrupt:
        kept = len(rows.done(arguments.out).keys() & {job.key for job in jobs})
        left = f"{kept} of {len(jobs)} are kept in {arguments.out}; rbp sweep goes on there"
        return complain(f"stopped: {left}", 130)
    print(f"wrote {rows.collect(arguments.out, found)}: {len(found)} rows")
    if arguments.plot:
        path = os.path.join(arguments.out, *plotted)
        plot.draw(found, arguments.plot, path)
        print(f"wrote {path}")
    failed = [row["error"] for row in found if row["error"]]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(found)} jobs failed, the first: {failed[0]}")
