"""Builds over REST: the list, one build, its log, and what is refused."""

from __future__ import annotations

import asyncio

MISSING = "20200101-000000-abcdef"


async def test_builds_are_listed_latest_first_and_filtered(ask, recorded):
    first = recorded(project="/p/one").end()
    second = recorded(project="/p/two").end("failed", message="it broke")
    running = recorded(project="/p/two")
    found = (await ask("GET", "builds")).json["builds"]
    assert {record["id"] for record in found} == {first.id, second.id, running.id}
    assert [record["id"] for record in found] == sorted((r["id"] for r in found), reverse=True)
    got = (await ask("GET", "builds", params={"project": "/p/two", "state": "failed"})).json
    assert [record["message"] for record in got["builds"]] == ["it broke"]
    got = (await ask("GET", "builds", params={"limit": "1", "text": "one"})).json
    assert [record["id"] for record in got["builds"]] == [first.id]


async def test_filters_that_cannot_be_are_refused(ask):
    for name, value in (("limit", "0"), ("limit", "many"), ("limit", "9" * 30), ("state", "fine")):
        answer = await ask("GET", "builds", params={name: value})
        assert answer.status == 400
        assert value in answer.json["message"]


async def test_a_running_build_is_listed_with_the_counts_of_now(ask, recorded):
    build = recorded()
    build.step(1, completed="2026-01-01T00:00:01Z", cached=True)
    (record,) = (await ask("GET", "builds")).json["builds"]
    assert (record["state"], record["total"], record["cached"]) == ("running", 1, 1)
    build.step(2)
    for _ in range(200):
        await asyncio.sleep(0.02)
        (record,) = (await ask("GET", "builds", params={"state": "running"})).json["builds"]
        if record["total"] == 2:
            break
    assert (record["total"], record["cached"]) == (2, 1)


async def test_a_log_is_not_read_from_the_start_for_each_list(ask, recorded, hub):
    build = recorded()
    build.step(1)
    await ask("GET", "builds")
    followed = hub.sources.peek(("build", build.id))
    # What was read is not there any more, and not needed.
    size = build.folder.events.stat().st_size
    with build.folder.events.open("r+b") as file:
        file.write(b" " * (size - 1))
    (record,) = (await ask("GET", "builds")).json["builds"]
    assert (record["title"], record["total"]) == ("train", 1)
    assert hub.sources.peek(("build", build.id)) is followed


async def test_one_build_is_shown_as_it_is_now(ask, recorded):
    build = recorded()
    build.step(1)
    view = (await ask("GET", f"builds/{build.id}")).json["view"]
    assert [step["state"] for step in view["steps"]] == ["running"]
    build.end("failed", message="no luck", failed_step=f"sha256:{1:064x}")
    for _ in range(200):
        await asyncio.sleep(0.02)
        view = (await ask("GET", f"builds/{build.id}")).json["view"]
        if view["state"] != "running":
            break
    assert view["error"]["message"] == "no luck"


async def test_a_build_whose_driver_died_is_shown_as_lost(ask, recorded):
    build = recorded()
    build.die()
    (record,) = (await ask("GET", "builds")).json["builds"]
    assert record["state"] == "lost"
    assert (await ask("GET", f"builds/{build.id}")).json["view"]["state"] == "lost"


async def test_a_build_that_does_not_exist_is_told(ask):
    for method, path in (
        ("GET", "builds/{}"),
        ("DELETE", "builds/{}"),
        ("POST", "builds/{}/cancel"),
        ("POST", "builds/{}/rebuild"),
        ("GET", "builds/{}/log"),
        ("GET", "builds/{}/report"),
    ):
        for build_id in (MISSING, "nonsense", "..", "%2e%2e"):
            answer = await ask(method, path.format(build_id))
            assert answer.status == 404, (method, path)
            assert answer.json["reason"] in ("RecordError", "HTTPError")


async def test_the_log_is_sent_whole_or_of_one_step(ask, recorded):
    build = recorded()
    build.step(1)
    build.step(2)
    build.say("one\n", 1)
    build.say("zwei: \u00e4\n", 2)
    build.end()
    assert (await ask("GET", f"builds/{build.id}/log")).body.decode() == "one\nzwei: \u00e4\n"
    answer = await ask("GET", f"builds/{build.id}/log", params={"step": "2"})
    assert answer.body.decode() == "zwei: \u00e4\n"
    answer = await ask("GET", f"builds/{build.id}/log", params={"step": "step 1"})
    assert answer.body == b"one\n"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_empty_log_is_an_empty_text(ask, recorded):
    build = recorded().end()
    answer = await ask("GET", f"builds/{build.id}/log")
    assert answer.body == b""


async def test_a_long_log_arrives_whole(ask, recorded):
    build = recorded()
    build.step(1)
    text = "".join(f"line {number}\n" for number in range(5000))
    for _ in range(40):
        build.say(text)
    build.end()
    answer = await ask("GET", f"builds/{build.id}/log")
    assert answer.body.decode() == text * 40


async def test_a_report_is_text_html_and_data(ask, recorded):
    build = recorded()
    build.step(1, completed="2026-01-01T00:00:02Z")
    build.end()
    report = (await ask("GET", f"builds/{build.id}/report")).json
    assert build.id in report["text"]
    assert "<script" not in report["html"]
    assert report["report"]["id"] == build.id


async def test_a_build_is_forgotten_once_it_has_ended(ask, recorded):
    build = recorded()
    answer = await ask("DELETE", f"builds/{build.id}")
    assert answer.status == 409
    assert answer.json["hint"] == "Cancel it first."
    build.end()
    assert (await ask("DELETE", f"builds/{build.id}")).status == 204
    assert (await ask("GET", "builds")).json == {"builds": []}
    assert not build.folder.path.exists()


async def test_cancelling_what_has_ended_changes_nothing(ask, recorded):
    build = recorded().end()
    answer = await ask("POST", f"builds/{build.id}/cancel")
    assert (answer.status, answer.json) == (202, {"id": build.id, "running": False})


async def test_what_cannot_be_built_again_is_told_why(ask, recorded):
    secret = {"path": "/p", "export_cache": ["type=s3,bucket=b,region=r,secret_access_key=***"]}
    for start, words in (
        ({}, "was not recorded what"),
        ({"request": {"path": "/p", "from_cell": True}}, "text of a cell"),
        ({"request": secret}, "secrets, which are recorded nowhere"),
    ):
        build = recorded(**start).end()
        answer = await ask("POST", f"builds/{build.id}/rebuild")
        assert answer.status == 409
        assert words in answer.json["message"]
        assert answer.json["hint"]


async def test_projects_are_found_below_the_root(ask, jp_root_dir):
    for name in ("one", "deep/two", ".hidden/three"):
        (jp_root_dir / name).mkdir(parents=True)
        (jp_root_dir / name / "build.envd").write_text("def build():\n    pass\n")
    found = (await ask("GET", "projects")).json["projects"]
    assert found == [
        {"path": "one", "functions": ["build.envd:build"]},
        {"path": "deep/two", "functions": ["build.envd:build"]},
    ]


async def test_the_doctor_tells_what_to_do(ask):
    diagnosis = (await ask("GET", "doctor")).json
    assert diagnosis["advice"]
    diagnosis = (await ask("GET", "doctor", params={"builder": "nowhere"})).json
    assert any("nowhere" in finding["message"] for finding in diagnosis["findings"])


async def test_the_option_table_and_a_setting_held_against_it(ask):
    table = (await ask("GET", "cache-types")).json
    assert set(table["export"]) - set(table["import"]) == {"inline"}
    good = {"direction": "export", "entry": "type=registry,mode=max,ref=r.io/me"}
    answer = (await ask("POST", "check", good)).json
    assert answer["ok"]
    assert "every step" in answer["explain"]
    wrong = {"direction": "export", "entry": "type=registry,ref=r.io/me,mode=foo"}
    answer = (await ask("POST", "check", wrong)).json
    assert (answer["ok"], answer["option"]) == (False, "mode")
    assert "min" in answer["message"] + answer["hint"]
    wrong = {"direction": "import", "entry": "type=s3,bucket=b"}
    answer = (await ask("POST", "check", wrong)).json
    assert (answer["ok"], answer["option"]) == (False, "region")
