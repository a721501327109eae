"""Folding events into a build, with made-up and recorded streams."""

from __future__ import annotations

import base64
import json
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.events import own_event
from envd_jupyter.builds.state import BuildState
from envd_jupyter.builds.steps import Step, kind_of, seconds

T = "2026-01-02T03:04:{:02d}.{:09d}Z"


def digest(n: int) -> str:
    return f"sha256:{n:064x}"


def vertex(n: int, name: str = "step", inputs: tuple[int, ...] = (), **fields: object) -> dict:
    return {"digest": digest(n), "name": name, "inputs": [digest(i) for i in inputs], **fields}


def log(n: int, text: bytes) -> dict:
    return {
        "vertex": digest(n),
        "stream": 1,
        "data": base64.b64encode(text).decode(),
        "timestamp": T.format(1, 0),
    }


def folded(*events: dict) -> BuildState:
    state = BuildState("x")
    for event in events:
        state.apply(event)
    return state


def test_steps_are_numbered_inputs_first_though_buildkit_tells_the_last_first():
    state = folded(
        {"vertexes": [vertex(3, "c", (2,)), vertex(2, "b", (1, 1)), vertex(1, "docker-image://a")]}
    )
    assert [(s["number"], s["name"]) for s in state.view()["steps"]] == [
        (1, "docker-image://a"),
        (2, "b"),
        (3, "c"),
    ]


def test_a_graph_that_claims_a_cycle_is_still_numbered():
    state = folded({"vertexes": [vertex(1, "a", (2,)), vertex(2, "b", (1,))]})
    assert len(state.view()["steps"]) == 2


def test_states_of_a_step():
    step = Step(digest(1), 1)
    assert step.state == "waiting"
    step.vertex(vertex(1, started=T.format(1, 0)))
    assert step.state == "running"
    assert step.duration(seconds(T.format(3, 0))) == 2
    step.vertex(vertex(1, started=T.format(1, 0), completed=T.format(5, 0)))
    assert (step.state, step.duration(None)) == ("done", 4)
    step.vertex(vertex(1, started=T.format(8, 0)))
    assert (step.state, step.duration(seconds(T.format(9, 0)))) == ("running", 5)
    step.vertex(vertex(1, started=T.format(8, 0), completed=T.format(9, 0), error="exit code: 1"))
    assert step.state == "failed"


def test_cached_and_canceled_steps():
    state = folded(
        {"vertexes": [vertex(1, cached=True, started=T.format(1, 0), completed=T.format(1, 0))]},
        {"vertexes": [vertex(2, started=T.format(1, 0), error="process x: context canceled")]},
    )
    assert [s["state"] for s in state.view()["steps"]] == ["cached", "canceled"]
    assert state.summary() == {
        "total": 2,
        "completed": 1,
        "cached": 1,
        "running": 0,
        "failed": 0,
        "real": 2,
    }


def test_only_steps_of_the_environment_are_counted():
    names = [
        "[internal] settings",
        "[internal] setting pip cache mount permissions",
        "docker-image://python",
        "local://context",
        "importing cache manifest from a/b",
        "exporting to image",
        "exporting cache to registry",
        "[internal] pip install numpy",
    ]
    state = folded({"vertexes": [vertex(n, name) for n, name in enumerate(names)]})
    assert state.summary()["total"] == 1
    assert [kind_of(name) for name in names] == [
        "internal",
        "internal",
        "source",
        "context",
        "import",
        "export",
        "export",
        "step",
    ]


def test_log_tail_shows_what_a_terminal_would():
    state = folded(
        {"vertexes": [vertex(1, started=T.format(1, 0))]},
        {"logs": [log(1, b"one\ntw"), log(1, b"o\n 10%\r 90%\r100%\n\x1b[31mred\x1b[0m\n")]},
    )
    step = state.view(log_lines=3)["steps"][0]
    assert step["log_tail"] == ["two", "100%", "red"]
    assert step["log_lines"] == 4


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"")), max_size=20))
def test_log_lines_are_counted_however_the_log_is_cut(pieces):
    state = folded(*({"logs": [log(1, piece)]} for piece in pieces))
    whole = b"".join(pieces)
    expected = whole.count(b"\n") + (1 if whole and not whole.endswith(b"\n") else 0)
    assert (state.steps[digest(1)].log_lines if state.steps else 0) == expected


def test_a_million_lines_cost_no_memory_and_the_view_stays_small():
    state = folded({"vertexes": [vertex(1, started=T.format(1, 0))]})
    event = {"logs": [log(1, b"a line of a log, not so short\n" * 1000)]}
    state.apply(event)
    tracemalloc.start()
    for _ in range(1000):
        state.apply(event)
    current, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert current < 100_000
    assert peak < 1_000_000
    assert state.view()["steps"][0]["log_lines"] == 1_001_000
    assert len(json.dumps(state.view())) < 10_000


def test_the_view_of_a_huge_build_stays_under_100_kilobytes():
    text = b"\xe2\x82\xac" * 2000 + b"\n"
    vertexes = [vertex(n, "n" * 3000, started=T.format(1, 0)) for n in range(3000)]
    transfers = [
        {"id": f"{i}" * 400, "vertex": digest(n), "current": i, "timestamp": T.format(1, 0)}
        for n in range(100)
        for i in range(100)
    ]
    state = folded(
        own_event("start", id="x", project="/p", exports=["e" * 100], imports=["i" * 100]),
        {"vertexes": vertexes, "statuses": transfers},
        {"logs": [log(n, text * 20) for n in range(100)]},
        *(own_event("note", level="info", message=f"{n}" * 3000) for n in range(100)),
    )
    view = state.view()
    assert len(json.dumps(view, ensure_ascii=False).encode()) < 100_000
    assert view["steps_omitted"] == 3000 - len(view["steps"])


def test_failed_and_running_steps_are_never_omitted():
    done = [vertex(n, started=T.format(1, 0), completed=T.format(2, 0)) for n in range(100)]
    bad = vertex(100, "bad", started=T.format(1, 0), completed=T.format(2, 0), error="boom")
    state = folded({"vertexes": [*done, bad, vertex(101, "busy", started=T.format(1, 0))]})
    shown = {step["name"] for step in state.view(max_steps=2)["steps"]}
    assert shown == {"bad", "busy"}


def test_transfers_show_the_open_ones():
    status = {"vertex": digest(1), "timestamp": T.format(1, 0)}
    state = folded(
        {"vertexes": [vertex(1, "docker-image://a", started=T.format(1, 0))]},
        {"statuses": [{**status, "id": "layer a", "current": 5, "total": 5, "completed": "x"}]},
        {"statuses": [{**status, "id": "layer b", "current": 2, "total": 9}]},
    )
    assert [(p["id"], p["done"]) for p in state.view()["steps"][0]["progress"]] == [
        ("layer a", True),
        ("layer b", False),
    ]


def test_caches_begin_pending_and_take_their_outcome():
    state = folded(
        own_event("start", id="x", imports=["type=registry,ref=a"], exports=["type=inline"]),
        own_event("cache", direction="import", entry="type=registry,ref=a", state="missing"),
    )
    caches = state.view()["cache"]
    assert caches["imports"][0]["state"] == "missing"
    assert caches["exports"][0]["state"] == "pending"


def test_the_result_says_why():
    state = folded(
        own_event("start", id="x", project="/home/me/ml"),
        {"vertexes": [vertex(1, "pip install x", started=T.format(1, 0), error="exit code: 1")]},
        {"logs": [log(1, b"no such package\n")]},
        own_event("result", state="failed", message="boom", hint="do", failed_step=digest(1)),
    )
    view = state.view()
    assert (view["title"], view["state"], view["phase"]) == ("ml", "failed", None)
    assert view["error"] == {
        "message": "boom",
        "hint": "do",
        "step": "pip install x",
        "log_tail": ["no such package"],
    }


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["vertexes", "statuses", "logs", "warnings"]), st.just([]), max_size=4
        )
    )
)
def test_empty_events_change_nothing(events):
    assert folded(*events).view() == folded().view()


def test_times_with_any_number_of_decimals():
    assert seconds("1970-01-01T00:00:01Z") == 1
    assert seconds("1970-01-01T00:00:01.25Z") == 1.25
    assert seconds("1970-01-01T00:00:01.123456789Z") == 1.123456789
    assert seconds("") is None


def test_a_step_that_ran_to_the_end_of_the_build_was_cut_off():
    running = {"digest": "sha256:1", "name": "sleep 9", "started": "2026-01-01T00:00:00Z"}
    state = folded({"vertexes": [running]}, own_event("result", state="interrupted"))
    (step,) = state.view()["steps"]
    assert step["state"] == "canceled"
    assert state.summary()["running"] == 0
