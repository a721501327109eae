"""How a build ended, for each way it can."""

from __future__ import annotations

import pytest

from envd_jupyter.builds.driver.outcome import Solve, classify
from envd_jupyter.builds.events import own_event
from envd_jupyter.builds.state import BuildState

STARTED, COMPLETED = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"
DIGEST = "sha256:" + "d" * 64
GOOD = Solve("r", ("image",), response={"containerimage.digest": DIGEST})


def state_with(*vertexes: dict, output: str = "") -> BuildState:
    state = BuildState("x")
    state.apply({"vertexes": list(vertexes)})
    state.apply(own_event("output", stream="stderr", text=output))
    return state


def vertex(name: str, error: str = "", n: int = 1) -> dict:
    return {
        "digest": f"sha256:{n}",
        "name": name,
        "started": STARTED,
        "completed": COMPLETED,
        "error": error,
    }


def test_succeeded():
    outcome = classify(0, [GOOD], state_with(), canceled=False)
    assert (outcome.state, outcome.digest) == ("succeeded", DIGEST)


def test_a_build_that_ends_well_while_it_is_asked_to_stop_has_succeeded():
    assert classify(0, [GOOD], state_with(), canceled=True).state == "succeeded"


def test_skipped_is_not_success_of_a_solve():
    outcome = classify(0, [], state_with(), canceled=False)
    assert outcome.state == "skipped"
    assert "nothing" in outcome.message


def test_a_push_that_buildkit_finished_is_a_success_though_envd_fails():
    said = 'level=fatal msg=exit error="no image with os \\"amd64\\"" version=v1'
    state = state_with(vertex("exporting to image"), output=said)
    outcome = classify(1, [GOOD], state, canceled=False, pushes=True)
    assert (outcome.state, outcome.digest) == ("failed", DIGEST)
    assert "not pushed" in outcome.message
    push = {"id": f"pushing manifest for a/b@{DIGEST}", "vertex": "sha256:1", "current": 0}
    times = {"timestamp": STARTED, "started": STARTED, "completed": COMPLETED}
    state.apply({"statuses": [push | times]})
    outcome = classify(1, [GOOD], state, canceled=False, pushes=True)
    assert outcome.state == "succeeded"
    assert outcome.notes[0][1] == 'no image with os "amd64"'


def test_an_error_of_envd_after_a_solve_that_pushes_nothing_is_a_failure():
    said = 'level=fatal msg=exit error="failed to load the image"'
    outcome = classify(1, [GOOD], state_with(output=said), canceled=False)
    assert (outcome.state, outcome.message) == ("failed", "failed to load the image")


@pytest.mark.parametrize("code", [-2, -15, 1])
def test_interrupted(code):
    assert classify(code, [Solve("r")], state_with(), canceled=True).state == "interrupted"


def test_failed_names_the_step():
    state = state_with(
        vertex("importing cache manifest from a/b", "cache importer: a/b: not found", 1),
        vertex("pip install x", 'process "pip" did not complete: exit code: 1', 2),
        vertex("other", "context canceled", 3),
    )
    outcome = classify(1, [Solve("r", error=(2, "exit code: 1"))], state, canceled=False)
    assert (outcome.state, outcome.failed_step) == ("failed", "sha256:2")


def test_a_failed_cache_export_after_the_image_is_told_apart():
    state = state_with(
        vertex("exporting to image", n=1),
        vertex("exporting cache to registry", "failed to push a/b: connection refused", 2),
    )
    state.apply(
        {
            "statuses": [
                {
                    "id": f"pushing manifest for a/b:1@{DIGEST}",
                    "vertex": "sha256:1",
                    "completed": COMPLETED,
                }
            ]
        }
    )
    outcome = classify(1, [Solve("r", error=(2, "failed to push"))], state, canceled=False)
    assert (outcome.state, outcome.digest) == ("export_failed", DIGEST)
    assert "own network" in outcome.hint


def test_envd_that_cannot_read_its_file():
    said = 'time="x" level=fatal msg=exit app=envd error="build.envd:3:1: undefined: foo" version=v'
    outcome = classify(1, [], state_with(output=said), canceled=False)
    assert (outcome.state, outcome.message) == ("failed", "build.envd:3:1: undefined: foo")


def test_a_killed_envd():
    outcome = classify(-9, [Solve("r")], state_with(), canceled=False)
    assert "signal 9" in outcome.message


def test_a_lost_builder_is_the_reason_rather_than_what_envd_makes_of_it():
    outcome = classify(
        1,
        [Solve("r", error=(14, "error reading from server: EOF"))],
        state_with(output='error="failed to build"'),
        canceled=False,
        fault=("the builder closed the connection", None),
    )
    assert outcome.message == "the builder closed the connection"
