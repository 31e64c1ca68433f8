"""``rbp sweep``: the jobs of a file on a cluster, from where it stopped."""

import logging
import os
import signal
import threading
from contextlib import ExitStack, contextmanager

from rbp.errors import CheckFailed, InputError
from rbp.extras import named
from rbp.sweeps import rows
from rbp.sweeps.jobs import run as run_job

__all__ = ["DIED", "run"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DIED = 3
"""Workers that a job may cost before it is given up."""


def run(jobs, folder, workers=None, scheduler=None, progress=None):
    """Run what is not done yet; returns all rows, in the order of the jobs.

    Each row is on the disk when ``progress(done, total)`` is called for it. A job whose worker dies
    is run again, :data:`DIED` times. Interrupted, the rows that came stay, and the next call goes
    on; so it does with jobs that failed, but for those whose settings were refused.
    """
    there = rows.done(folder)
    kept = {job.key: there[job.key] for job in jobs if _settled(there.get(job.key))}
    left = [job for job in jobs if job.key not in kept]
    if progress and kept:
        progress(len(kept), len(jobs))
    if left:
        with _client(min(workers or 2**31, len(left)), scheduler) as client:
            for row in _as_they_come(client, left):
                rows.keep(folder, row)
                kept[row["key"]] = row
                if progress:
                    progress(len(kept), len(jobs))
    return [kept[job.key] for job in jobs]


def _settled(row):
    return row is not None and (not row["error"] or row["error"].startswith("InputError"))


def _as_they_come(client, jobs):
    from distributed import KilledWorker, as_completed

    futures = {client.submit(run_job, job, key=job.key, pure=False): job for job in jobs}
    for future in as_completed(futures):
        job = futures[future]
        try:
            yield future.result()
        except KilledWorker:
            settings = {"key": job.key, "kind": job.kind, **dict(job.settings)}
            yield settings | {"error": f"WorkerDied: {DIED} workers died of it", "seconds": 0.0}
        future.release()


@contextmanager
def _handled(signals, handler):
    """A context in which signals have this handler."""
    before = {which: signal.signal(which, handler) for which in signals}
    try:
        yield
    finally:
        for which, earlier in before.items():
            signal.signal(which, earlier)


@contextmanager
def _uninterrupted():
    """A context that no signal interrupts: what was asked meanwhile is heard behind its body."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = []
    signals = [s for s in ENDING if signal.getsignal(s) not in (signal.SIG_IGN, None)]
    with _handled(signals, lambda which, _: told.append(which)):
        yield
    if told:
        signal.raise_signal(told[0])


def _fork_server():
    """What forks the workers, none of which hears of Ctrl-C, nor of a terminal that closes: both
    are sent to all."""
    from multiprocessing import forkserver

    from distributed.utils import get_mp_context

    get_mp_context()  # what it has imported before it forks
    if threading.current_thread() is threading.main_thread():
        with _handled((signal.SIGINT, signal.SIGHUP), signal.SIG_IGN):  # which it inherits
            forkserver.ensure_running()


@contextmanager
def _quiet(name):
    """A logger says nothing but what is critical."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _client(workers, scheduler):
    """A client of a scheduler, or of a cluster of this machine's processors."""
    with named():
        import dask
        from distributed import Client, LocalCluster
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # of the workers
    with ExitStack() as stack:
        wanted = {
            "distributed.scheduler.allowed-failures": DIED,
            "distributed.worker.multiprocessing-method": "forkserver",
        }
        stack.enter_context(dask.config.set(wanted))
        stack.enter_context(_quiet("distributed"))
        if scheduler is None:
            processors = dask.system.CPU_COUNT
            _fork_server()
            with _uninterrupted():  # half a cluster cannot be closed
                cluster = LocalCluster(
                    n_workers=min(workers, processors),
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # not that of another sweep
                    scheduler_kwargs={"dashboard": False},
                )
            scheduler = stack.enter_context(cluster)
        try:
            client = stack.enter_context(Client(scheduler, timeout=10))
        except (OSError, ValueError) as error:
            raise InputError(f"no scheduler at {scheduler}: {error}") from error
        if not client.scheduler_info()["workers"]:
            raise CheckFailed(f"the scheduler at {scheduler} has no workers")
        yield client
