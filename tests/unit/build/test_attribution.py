"""Which cache an import or export vertex speaks of."""

from __future__ import annotations

import pytest

from envd_jupyter.builds.driver.attribution import CacheWatch, WatchedCache
from envd_jupyter.builds.hints import hint_for, is_missing
from envd_jupyter.builds.steps import Step


def step(name: str, error: str | None = None, n: int = 1) -> Step:
    made = Step(f"sha256:{n}", n)
    made.vertex(
        {
            "name": name,
            "started": "2026-01-02T03:04:05Z",
            "completed": "2026-01-02T03:04:06Z",
            "error": error,
        }
    )
    return made


def registry(ref: str) -> WatchedCache:
    return WatchedCache(f"type=registry,ref={ref}", "registry", {"ref": ref})


def s3(bucket: str) -> WatchedCache:
    return WatchedCache(f"type=s3,bucket={bucket}", "s3", {"bucket": bucket})


def test_an_import_that_is_not_there_yet_is_missing_and_not_a_failure():
    watch = CacheWatch([registry("h:5000/me/c")], [])
    error = "failed to configure registry cache importer: h:5000/me/c:latest: not found"
    (event,) = watch.look(step("importing cache manifest from h:5000/me/c", error))
    assert (event["state"], event["entry"]) == ("missing", "type=registry,ref=h:5000/me/c")
    assert not list(watch.look(step("importing cache manifest from h:5000/me/c", error)))


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("me/c", "docker.io/me/c:latest"),
        ("python", "docker.io/library/python:latest"),
        ("h:5000/me/c:v1", "h:5000/me/c:v1"),
    ],
)
def test_refs_are_the_same_however_they_are_written(ref, name):
    (event,) = CacheWatch([registry(ref)], []).look(step(f"importing cache manifest from {name}"))
    assert event["state"] == "ok"


def test_the_import_of_envd_itself_is_not_the_users_error():
    watch = CacheWatch([registry("h/me/c")], [])
    (event,) = watch.look(
        step("importing cache manifest from docker.io/x/python-cache:envd-v1", "not found")
    )
    assert event["kind"] == "note"


def test_two_imports_named_by_hash_are_two():
    watch = CacheWatch([s3("a"), s3("b")], [])
    first = list(watch.look(step("importing cache manifest from s3:123", n=1)))
    second = list(watch.look(step("importing cache manifest from s3:456", "403", n=2)))
    assert {first[0]["entry"], second[0]["entry"]} == {"type=s3,bucket=a", "type=s3,bucket=b"}


def test_an_export_is_found_by_what_its_error_names():
    watch = CacheWatch([], [registry("h/a"), registry("h/b")])
    (event,) = watch.look(step("exporting cache to registry", "failed to push h/b: 401"))
    assert (event["entry"], event["state"]) == ("type=registry,ref=h/b", "failed")
    (event,) = watch.look(step("exporting cache to registry", n=2))
    assert (event["entry"], event["state"]) == ("type=registry,ref=h/a", "ok")


def test_at_the_end_every_cache_has_an_outcome():
    inline = WatchedCache("type=inline", "inline", {})
    watch = CacheWatch([registry("h/a")], [inline])
    events = {event["entry"]: event["state"] for event in watch.close("succeeded")}
    assert events == {"type=registry,ref=h/a": "skipped", "type=inline": "ok"}
    events = {event["entry"]: event["state"] for event in watch.close("failed")}
    assert events["type=inline"] == "skipped"


@pytest.mark.parametrize(
    "message",
    [
        'Head "https://h/v2/": http: server gave HTTP response to HTTPS client',
        "unexpected status from HEAD request: 401 Unauthorized",
        "operation error S3: HeadObject, StatusCode: 403, SignatureDoesNotMatch",
        "StatusCode: 404, NoSuchBucket",
        "dial tcp 127.0.0.1:1: connect: connection refused",
        'unknown cache exporter: "s3"',
        "write /x: no space left on device",
        "failed to copy: blob sha256:1 not found",
        "operation error S3: PutObject, StatusCode: 400, ExpiredToken",
    ],
)
def test_known_errors_have_a_hint_and_none_is_taken_for_a_missing_cache(message):
    assert hint_for(message)
    assert not is_missing(message)


def test_an_unknown_error_has_none():
    assert hint_for("the moon is full") is None
