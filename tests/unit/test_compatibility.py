"""Every option, builder, end and fault is shown by a test, and the page in ``docs`` says so."""

from __future__ import annotations

import json

import pytest

from tests.compatibility import page
from tests.compatibility.rows import all_rows, option_rows, spelled_out
from tests.compatibility.threads import THREADS

RENEW = "run make docs"


@pytest.fixture(scope="module")
def marks():
    return page.marks()


def test_every_row_is_shown_by_a_test(marks):
    shown = {row for rows in marks.values() for row in rows}
    assert not {*all_rows()} - shown, "rows that no test shows"
    assert not shown - {*all_rows()}, "rows that are not known"


def test_the_tests_named_for_threads_exist(marks):
    names = {name.rpartition("::")[2] for name in marks}
    named = {test for thread in THREADS for test in thread.tests}
    assert named <= names
    assert all(thread.tests for thread in THREADS)


def test_the_page_is_what_the_tests_show(marks):
    record = json.loads(page.RECORD.read_text())
    assert {name: found["rows"] for name, found in record.items()} == {
        name: rows for name, rows in marks.items() if rows
    }, RENEW
    assert page.PAGE.read_text() == page.render(record), RENEW
    assert all(page.PAGE.read_text().count(thread.refs) == 1 for thread in THREADS)


def test_marks_are_spelled_out():
    assert spelled_out("s3 both bucket region") == [
        "s3 export bucket",
        "s3 export region",
        "s3 import bucket",
        "s3 import region",
    ]
    assert spelled_out("fault kills s3") == ["fault kills", "fault s3"]
    assert "gha import scope" in option_rows()
