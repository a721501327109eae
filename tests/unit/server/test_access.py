"""Who may ask: authentication, authorization, XSRF, origins, and bodies that are no bodies."""

from __future__ import annotations

import asyncio
import json
from http.cookies import SimpleCookie

import pytest
from jupyter_server.auth.authorizer import Authorizer
from tornado.httpclient import HTTPClientError

from tests.unit.server.description import METHODS, description

MISSING = "20200101-000000-abcdef"
OPERATIONS = [
    (method.upper(), path.strip("/").replace("{id}", MISSING), item[method])
    for path, item in description()["paths"].items()
    for method in METHODS
    if method in item
]
BODIES = {"startBuild": {"line": "--path x"}, "checkCache": {"direction": "export", "entry": "t"}}


class Granting(Authorizer):
    """Grants some actions with envd."""

    granted: frozenset[str] = frozenset()

    def is_authorized(self, handler, user, action, resource):
        return resource == "envd" and action in self.granted


@pytest.fixture
def grant(jp_serverapp, jp_web_app):
    """Let everybody do some actions only."""

    def grant(*actions):
        authorizer = Granting(parent=jp_serverapp)
        authorizer.granted = frozenset(actions)
        jp_web_app.settings["authorizer"] = authorizer

    return grant


async def status_of(ask, listen, method, path, told, headers=None):
    """Return how a request is answered: 101 for a socket that opens."""
    if "x-websocket" in told:
        try:
            await listen(path, headers=headers)
        except HTTPClientError as error:
            return error.code
        return 101
    body = BODIES.get(told["operationId"], {}) if method in ("POST", "PATCH") else None
    return (await ask(method, path, body, headers=headers, described=False)).status


async def test_nobody_is_refused(ask, listen):
    nobody = {"Authorization": "token no"}
    for method, path, told in OPERATIONS:
        assert await status_of(ask, listen, method, path, told, dict(nobody)) == 403, path


async def test_every_action_is_asked_for_as_it_is_described(ask, listen, grant):
    for method, path, told in OPERATIONS:
        needed = told["x-authorization"]
        grant(*{"read", "write", "execute"} - {needed})
        assert await status_of(ask, listen, method, path, told) == 403, (method, path)
        grant(needed)
        assert await status_of(ask, listen, method, path, told) != 403, (method, path)


async def test_another_builder_is_looked_at_only_for_who_may_build(ask, grant):
    grant("read")
    asked = {"builder": "unix:///run/other.sock"}
    assert (await ask("GET", "doctor", params=asked)).status == 403
    grant("read", "execute")
    assert (await ask("GET", "doctor", params=asked)).status == 200


@pytest.fixture
async def browser(jp_fetch, jp_serverapp):
    """The headers of a browser that is logged in, with its XSRF token and without."""
    token, cookies = jp_serverapp.identity_provider.token, {}
    for params in ({}, {"token": token}):
        page = await jp_fetch(
            "login",
            params=params,
            headers={"Authorization": ""},
            follow_redirects=False,
            raise_error=False,
        )
        for line in page.headers.get_list("Set-Cookie"):
            cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
    shown = {"Authorization": "", "Cookie": "; ".join(f'{k}="{v}"' for k, v in cookies.items())}
    return shown, {**shown, "X-XSRFToken": cookies["_xsrf"]}


async def test_writes_of_a_browser_need_its_token(ask, browser, recorded):
    plain, with_token = browser
    build = recorded().end()
    assert (await ask("GET", "builds", headers=plain)).status == 200
    for method, path, told in OPERATIONS:
        if method != "GET":
            answer = await ask(method, path, {}, headers=plain, described=False)
            assert answer.status == 403, told["operationId"]
            assert "_xsrf" in answer.json["message"]
    answer = await ask("GET", "doctor", params={"builder": "unix:///x"}, headers=plain)
    assert answer.status == 403
    answer = await ask("DELETE", f"builds/{build.id}", headers=with_token)
    assert answer.status == 204


async def test_pages_of_other_origins_cannot_listen(listen, browser, recorded, jp_http_port):
    # The cookie is one of the host it was given by.
    plain = {**browser[0], "Host": f"127.0.0.1:{jp_http_port}"}
    for path in ("watch", f"builds/{recorded().id}/events"):
        with pytest.raises(HTTPClientError) as refused:
            await listen(path, headers={**plain, "Origin": "https://elsewhere.example"})
        assert refused.value.code == 403
        ear = await listen(path, headers=plain)
        assert await ear.next()


async def test_pages_of_other_origins_cannot_ask(ask, browser):
    plain, with_token = browser
    for headers in (plain, with_token):
        answer = await ask(
            "GET", "builds", headers={**headers, "Origin": "https://x.example"}, described=False
        )
        assert answer.status == 404
        answer = await ask(
            "POST", "check", {}, headers={**headers, "Origin": "https://x.example"}, described=False
        )
        assert answer.status in (403, 404)


WITH_BODIES = [(m, p) for m, p, told in OPERATIONS if "requestBody" in told]
NO_BODIES = [
    b"{",
    b"\xff\xfe",
    b"[]",
    b'"text"',
    b"null",
    b"[" * 100_000,
    rb'{"line": "--tag a\u0000b"}',
    rb'{"scope": "user", "changes": {"tag": "\ud800"}}',
    rb'{"direction": "export", "entry": "type=inline\u0000"}',
    b'{"line": 5}',
    b'{"scope": "notebook", "changes": []}',
    b'{"direction": "sideways", "entry": "type=inline"}',
]


async def test_bodies_that_are_none_are_refused(ask):
    for method, path in WITH_BODIES:
        for body in NO_BODIES:
            answer = await ask(method, path, body)
            assert answer.status == 400, (path, body[:50])
            assert answer.json["message"]


async def test_a_body_that_is_too_long_is_refused(ask):
    for method, path in WITH_BODIES:
        answer = await ask(method, path, b'{"line": "' + b"x" * 300_000 + b'"}')
        assert answer.status == 413, path
        assert "256 KiB" in answer.json["message"]


async def test_a_long_body_that_is_not_announced_is_refused_and_not_kept(
    jp_http_port, jp_base_url, jp_auth_header, http_server
):
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
    writer.write(
        f"POST {jp_base_url}envd-jupyter/api/check HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {jp_auth_header['Authorization']}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    for _ in range(30):
        writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
    writer.write(b"0\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert b" 413 " in head.splitlines()[0]
    writer.close()


async def test_unknown_and_wrong_parts_are_named(ask):
    answer = await ask("POST", "builds", {"export_caches": []})
    assert answer.status == 400
    assert "Did you mean 'export_cache'?" in answer.json["hint"]
    for body, words in (
        ({"force": "yes"}, "'force' is neither true nor false"),
        ({"platform": "linux/amd64"}, "'platform' is not a list"),
        ({"path": 7}, "'path' is not a text"),
        ({"line": "--path a", "tag": "b"}, "not by both"),
        ({"line": "--dry-run"}, "belongs to a notebook"),
        ({"line": "--help"}, "no --help"),
        ({"line": "--tga x"}, "no flag --tga"),
        ({"export_cache": ["type=registry,ref=r.io/x,mode=foo"]}, "mode=foo"),
        ({"line": "", "kernel_id": 5}, "'kernel_id' is not a text"),
    ):
        answer = await ask("POST", "builds", body)
        assert answer.status == 400, body
        assert words in answer.json["message"], answer.json
    answer = await ask("POST", "builds", {"line": "", "kernel_id": "nobody"})
    assert answer.status == 404


async def test_secrets_are_in_no_answer_and_in_no_log(
    ask, monkeypatch, jp_root_dir, caplog, capfd, jp_logging_stream
):
    monkeypatch.setenv("MY_API_TOKEN", "CANARY-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY-aws")
    (jp_root_dir / "build.envd").write_text("def build():\n    pass\n")
    secret = "type=s3,bucket=b,region=r,access_key_id=CANARY-id,secret_access_key=CANARY-key"
    bodies = [
        ("POST", "check", {"direction": "export", "entry": secret}),
        ("POST", "check", {"direction": "export", "entry": f"{secret},nonsense=1"}),
        ("POST", "builds", {"export_cache": [f"{secret},mode=foo"]}),
        ("POST", "builds", {"export_cache": [secret], "tag": "CANARY-environment!"}),
        ("POST", "builds", f'{{"export_cache": ["{secret}"'),
        ("PATCH", "preferences", {"scope": "user", "changes": {"export-cache": [secret]}}),
        ("PATCH", "preferences", {"scope": "user", "changes": {"tag": "CANARY-aws"}}),
    ]
    for method, path, body in bodies:
        answer = await ask(method, path, body)
        assert answer.status in (200, 400)
        assert b"CANARY" not in answer.body, body
    # What was written by mistake may be told to who wrote it, and to nobody else.
    answer = await ask("POST", "builds", {"line": "--path x CANARY-mistake"})
    assert "CANARY-mistake" in answer.json["message"]
    shown = json.dumps([record.getMessage() for record in caplog.records])
    assert "CANARY" not in shown + capfd.readouterr().err + jp_logging_stream.getvalue()
