"""The sign-off: samples of its rows, their controls, its records and its page."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.verify import page, record
from tests.verify.__main__ import work
from tests.verify.row import Found, Row
from tests.verify.rows import ROWS

BUILT = [row for row in ROWS if row.work]
NAMES = [row.name for row in BUILT]


@pytest.mark.parametrize("row", [row for row in BUILT if row.sample], ids=lambda row: row.name)
def test_a_sample(row):
    for share in row.sample:
        found = row.work(share)
        assert found.faults == []
        assert row.counted(found.amounts) > 0


@pytest.mark.parametrize("row", BUILT, ids=NAMES)
def test_a_fault_is_noticed(row):
    assert row.control().endswith(": noticed")


def test_the_page_says_what_the_results_say():
    assert page.PAGE.read_text() == page.render(page.kept())


def test_every_row_has_its_place():
    assert [row.number for row in ROWS] == list(range(1, 16))


COUNTED = Row(
    number=1,
    name="counted",
    title="counted",
    how="It counts.",
    aim=5,
    unit="things",
    work=lambda share: Found(Counter(things=2), [f"share {share}"] * (share == 7)),
    control=lambda: "a thing: noticed",
)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    monkeypatch.setattr(record, "_sources", lambda row: "abc")
    return tmp_path


def test_a_row_goes_on_where_it_stopped(kept):
    assert page.state(COUNTED, None) == "not run"
    stopped = work(COUNTED, minutes=0)
    assert stopped["shares"] == 0
    record.save(COUNTED, record.added(record.fresh(COUNTED), COUNTED.work(0), 1.5))
    assert page.state(COUNTED, record.load(COUNTED)) == "partly"
    done = work(COUNTED, minutes=1)
    assert (done["shares"], done["amounts"]) == (3, {"things": 6})
    assert page.state(COUNTED, done) == "reached"
    assert work(COUNTED, minutes=1) == done


def test_other_sources_begin_again(kept, monkeypatch):
    work(COUNTED, minutes=1)
    monkeypatch.setattr(record, "_sources", lambda row: "another")
    assert work(COUNTED, minutes=0)["shares"] == 0


def test_a_difference_is_never_lost(kept):
    result = record.added(record.fresh(COUNTED), COUNTED.work(7), 0)
    result = record.added(result, COUNTED.work(1), 0)
    result = record.added(result, COUNTED.work(2), 0) | {"control": "a thing: noticed"}
    assert page.state(COUNTED, result) == "**fails**"
    assert "* share 7" in page.render({"bits": result})


def test_what_is_missing_is_not_reached(kept):
    done = work(COUNTED, minutes=1)
    assert page.state(replace(COUNTED, missing="a part"), done) == "partly"
    assert page.state(COUNTED, done | {"control": None}) == "partly"
