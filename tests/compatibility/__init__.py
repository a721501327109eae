"""What was shown to work: rows, the tests that show them, and the page in ``docs`` made of both.

A test says what it shows with ``@pytest.mark.shows("s3 export mode")``. `rows` is what must be
shown, `recording` collects what was, `page` writes ``docs/compatibility.md``. ``make docs`` runs
the tests that carry a mark and writes both files anew.
"""
