"""The description of the API and the handlers say the same."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from envd_jupyter.builds.preferences import SCOPES
from envd_jupyter.builds.preferences.values import SETTINGS
from envd_jupyter.builds.state import FINAL_STATES
from envd_jupyter.server.app import ROUTES
from envd_jupyter.server.starting import arguments_of
from tests.unit.server.description import FILE, METHODS, description


def served() -> set[tuple[str, str]]:
    return {
        (f"/{route}", method)
        for route, handler in ROUTES
        for method in METHODS
        if getattr(handler, method) is not getattr(RequestHandler, method)
    }


def test_it_is_sound_openapi():
    validate(description())


def test_every_route_and_method_is_described_and_no_other():
    described = {
        (path, method)
        for path, item in description()["paths"].items()
        for method in item
        if method in METHODS
    }
    assert described == served()


def test_sockets_are_described_as_such():
    sockets = {f"/{route}" for route, handler in ROUTES if issubclass(handler, WebSocketHandler)}
    described = {
        path
        for path, item in description()["paths"].items()
        if "x-websocket" in item.get("get", {})
    }
    assert described == sockets


def test_its_words_are_those_of_the_code():
    schemas = description()["components"]["schemas"]
    assert set(schemas["State"]["enum"]) == {"running", *FINAL_STATES}
    assert tuple(schemas["Scope"]["enum"]) == SCOPES
    assert [*schemas["SettingName"]["enum"]] == [setting.key for setting in SETTINGS]
    line, flags = schemas["BuildRequest"]["oneOf"]
    examples = {"string": "x", "boolean": True, "array": ["x"]}
    for name, schema in flags["properties"].items():
        kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
        assert arguments_of({name: examples[kind]})
    with pytest.raises(ValueError, match="has no 'nonsense'"):
        arguments_of({"nonsense": 1})
    assert set(line["properties"]) == {"line", "kernel_id"}


async def test_it_is_served(ask):
    answer = await ask("GET", "openapi.yaml")
    assert answer.body == FILE.read_bytes()
