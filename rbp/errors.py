"""What can go wrong, as the two exceptions that the command line turns into exit codes."""

__all__ = ["CheckFailed", "InputError"]


class InputError(ValueError):
    """An input is wrong; one line naming the value and what was expected (exit code 2)."""


class CheckFailed(RuntimeError):
    """A job ran and its own check failed; one line naming where (exit code 1)."""
