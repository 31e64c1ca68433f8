"""``python -m tests.verify [ROW …]``: do rows, keep what they come to, and write the page."""

import argparse
import resource
import sys
import time

from tests.verify import page, record
from tests.verify.rows import ROWS

BUILT = {row.name: row for row in ROWS if row.work}


def _done(row, result):
    if row.shares is not None:
        return result["shares"] >= row.shares
    return row.counted(result["amounts"]) >= row.aim


def _clock(seconds):
    return (
        f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
        if seconds >= 60
        else f"{seconds:.0f} s"
    )


def _progress(row, result, begun, before):
    """Amount, rate, time left, on one line of a terminal."""
    done = row.counted(result["amounts"])
    rate = (done - before) / max(1e-9, time.monotonic() - begun)
    left = (
        _clock((row.aim - done) / rate)
        if rate > 0 and done < row.aim
        else "?" * (rate <= 0) or "0 s"
    )
    line = f"{row.name}: {done:,} of {row.aim:,} {row.unit}, {rate:,.1f} a second, {left} left"
    end = "" if sys.stderr.isatty() else "\n"
    print(f"\r\033[K{line}" if not end else line, end=end, file=sys.stderr, flush=True)


def _cpu():
    """CPU seconds of this process and of those that it has started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def work(row, minutes):
    """Do shares of a row until it is done, or for so many minutes; returns its result."""
    result = record.load(row)
    if result is None or not record.still_holds(row, result):
        result = record.fresh(row)
    begun, before = time.monotonic(), row.counted(result["amounts"])
    while not _done(row, result) and time.monotonic() - begun < 60 * minutes:
        start = _cpu()
        found = row.work(result["shares"])
        result = record.added(result, found, _cpu() - start)
        record.save(row, result)
        _progress(row, result, begun, before)
    if result["shares"] and not result["control"]:
        result["control"] = row.control()
        record.save(row, result)
    print(f"{row.name}: {page.state(row, result)}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(prog="make verify", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(BUILT))
    parser.add_argument("--minutes", type=float, default=1e9, help="for each row, at most")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    args = parser.parse_args()
    if unknown := set(args.rows) - set(BUILT):
        parser.error(f"unknown row {', '.join(sorted(unknown))}: expected {', '.join(BUILT)}")
    failed = False
    for name in [] if args.page else args.rows or BUILT:
        row = BUILT[name]
        result = work(row, args.minutes)
        failed |= page.state(row, result) == "**fails**"
        page.PAGE.write_text(page.render(page.kept()))
    page.PAGE.write_text(page.render(page.kept()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
