"""Where the multipliers and memories of a large array lie: its chains along the device's rows.

A lane is a chain of PEs, and the weights pass from lane to lane: so a chain runs along a row of
multipliers, the lanes' PEs of a column are above each other, their bank of weights beside the
first, and a lane's other multipliers in its middle, its memories beside them. Program and log lie
in the device's middle, since the control of all lanes follows them. By itself nextpnr draws all
memories into the middle, where its router then never ends.
"""

import re
from itertools import chain

__all__ = ["floorplan"]

CONTROL = ("carousel.program.ram", "log.ram")
"""Modules of memories that are common to all lanes."""

DENSE = 0.75  # of a row's sites, while there are other rows


def floorplan(config, device, rtlil):
    """``{cell: site}`` of a design in a device, by their names in its netlist and in nextpnr.

    Parameters
    ----------
    config : Config
        Its core.
    device : Device
        With :attr:`~rbp.fpga.devices.Device.grid`.
    rtlil : str
        The design, whose multipliers and block RAMs are instances.
    """
    grid, macs, lanes = device.grid, config.macs, config.lanes
    sites = 4 * len(grid.columns)
    rows = sorted(grid.dsp_rows, key=lambda y: abs(y - grid.middle))
    enough = next(
        (n for n in range(1, len(rows)) if config.multipliers <= DENSE * n * sites), len(rows)
    )
    rows = sorted(rows[:enough])
    if rows[0] < min(grid.bram_rows):
        rows.reverse()  # the first lane, which reads the weights, has block RAMs on both its sides

    # multipliers: where a lane does not fit a row, it goes on in the next
    def row(lane, p):
        return rows[(lane * len(rows) + p * len(rows) // macs) // lanes]

    homes = [sum(row(lane, p) for p in range(macs)) / macs for lane in range(lanes)]
    middle = sites // 2
    multipliers = _cells(rtlil, "MULT18X18D")
    along = {y: [] for y in rows}  # (site, name)
    for lane in range(lanes):
        for p in range(macs):
            pe = multipliers.pop(f"lane_{lane}.column.pe_{p}.multiplier")
            along[row(lane, p)] += [(p * sites // macs, name) for name in pe]
    for lane, home in enumerate(homes):
        own = _of_lane(multipliers, lane)
        if room := [y for y in rows if len(along[y]) + len(own) <= sites]:
            y = min(room, key=lambda y: abs(y - home))
            along[y] += [(middle, name) for name in own]
    plan = {}
    for y, cells in along.items():
        cells.sort(key=lambda cell: cell[0])
        at = _apart([k for k, _ in cells], sites)
        plan |= {name: _multiplier(grid, y, k) for k, (_, name) in zip(at, cells, strict=True)}

    # memories: the banks beside the first lane, a lane's own side by side as near as there is room.
    # What has no room is left to nextpnr.
    blocks = _cells(rtlil, "DP16KD")
    free = {y: set(range(sites)) for y in grid.bram_rows}
    beside = {y: [] for y in grid.bram_rows}
    near = sorted(free, key=lambda y: (abs(y - homes[0]), abs(y - grid.middle)))
    near = near[: max(1, len(rows) - 1)]

    def put(name, home, wanted):
        if places := [(y, k) for y in free for k in free[y]]:
            # by rows and columns away; four sites are nine columns
            y, k = min(places, key=lambda yk: abs(yk[0] - home) + abs(yk[1] - wanted) * 9 // 4)
            free[y].remove(k)
            plan[name] = _block_ram(grid, y, k)

    for p in range(macs):
        home, wanted = near[p % len(near)], p * sites // macs
        banks = [blocks.get(f"weights.{kind}_{p}", ()) for kind in ("bank", "velocity")]
        for name in chain(*banks):
            put(name, home, wanted)
    for module in CONTROL:
        for name in blocks.get(module, ()):
            put(name, grid.middle, middle)
    for lane, home in enumerate(homes):
        for name in _of_lane(blocks, lane):
            if room := [y for y in free if len(beside[y]) < len(free[y])]:
                y = min(room, key=lambda y: (abs(y - home), -abs(y - grid.middle)))
                beside[y] += [name]
    for y, names in beside.items():
        at = sorted(sorted(free[y], key=lambda k: abs(k - middle))[: len(names)])
        plan |= {name: _block_ram(grid, y, k) for name, k in zip(names, at, strict=True)}
    return plan


def _apart(wanted, sites):
    """Places near those wanted, which ascend, no two the same."""
    at, least = [], 0
    for k in wanted:
        at.append(max(k, least))
        least = at[-1] + 1
    most = sites - 1
    for n in reversed(range(len(at))):
        at[n] = min(at[n], most)
        most = at[n] - 1
    return at


def _cells(rtlil, kind):
    """``{module: names}``: the core's cells of a kind, by their names in the netlist."""
    found = {}
    for module, body in re.findall(r"^module \\top\.core\.(\S+)$(.*?)^end$", rtlil, re.M | re.S):
        names = re.findall(rf"^  cell \\{kind} \\(\S+)$", body, re.M)
        if names:
            found[module] = [f"core.{module}.{name}" for name in names]
    return found


def _of_lane(cells, lane):
    mine = (names for module, names in cells.items() if module.startswith(f"lane_{lane}."))
    return list(chain(*mine))


def _multiplier(grid, y, k):
    part = (0, 1, 4, 5)[k % 4]
    return f"X{grid.columns[k // 4] + part}/Y{y}/MULT18_{part}"


def _block_ram(grid, y, k):
    return f"X{grid.columns[k // 4] + 2 * (k % 4)}/Y{y}/EBR{k % 4}"
