"""Engine ``rtl``: the Verilated core."""

from rbp.errors import CheckFailed, InputError
from rbp.extras import named

__all__ = ["on_core"]


def on_core(job, config, machine, *arguments, **options):
    """A job of ``rbp.cosim.run`` on a Verilated core, of ``config`` but with room.

    Imported here, so that the other engines do not need the simulator.
    """
    with named():
        from rbp.cosim import run
        from rbp.hdl.program import holding
        from rbp.host.requests import BadAnswer

    try:
        core = holding(config, machine.structure, rounded=True)
    except ValueError as error:
        raise InputError(f"no core holds the network: {error}") from error
    try:
        return getattr(run, job)(core, machine, *arguments, **options)
    except (run.Mismatch, BadAnswer) as error:
        raise CheckFailed(str(error)) from error
