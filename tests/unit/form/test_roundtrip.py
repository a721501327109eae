"""Clicks that wait for what was typed before them, with the page's part played here."""

from __future__ import annotations

import pytest

from envd_jupyter.notebook.form.roundtrip import RoundTrip


def answer(trip, number=None):
    """Send a number back as the page does, the last one if none is given."""
    trip._returned.value = trip._sent.value if number is None else number


@pytest.fixture
def trip():
    made = RoundTrip()
    yield made
    made.close()


def test_without_a_page_nothing_is_waited_for(trip):
    done = []
    trip.then(lambda: done.append(1))
    trip.then(lambda: done.append(2))
    assert done == [1, 2]


def test_with_a_page_each_waits_for_its_own_answer(trip):
    answer(trip)
    done = []
    trip.then(lambda: done.append("preset"))
    first = trip._sent.value
    trip.then(lambda: done.append("build"))
    assert done == []
    answer(trip, first)
    assert done == ["preset"]
    answer(trip)
    assert done == ["preset", "build"]


def test_one_answer_is_enough_for_all_before_it(trip):
    answer(trip)
    done = []
    for number in range(3):
        trip.then(lambda number=number: done.append(number))
    answer(trip)
    assert done == [0, 1, 2]


def test_what_is_asked_for_by_what_was_due_waits_in_turn(trip):
    answer(trip)
    done = []
    trip.then(lambda: trip.then(lambda: done.append("later")))
    answer(trip)
    assert done == []
    answer(trip)
    assert done == ["later"]


def test_nothing_is_called_once_it_is_closed():
    trip, done = RoundTrip(), []
    answer(trip)
    trip.then(lambda: done.append(1))
    trip.close()
    assert done == []
