"""Answers and messages held against the description of the API."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from envd_jupyter.server import app

METHODS = ("get", "post", "put", "patch", "delete")
FILE = Path(app.__file__).with_name("openapi.yaml")


@lru_cache
def description() -> dict[str, Any]:
    """Return the description."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    while "$ref" in node:
        target: Any = description()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def operation(method: str, path: str) -> dict[str, Any]:
    """Return what the description says of a method of a concrete path."""
    for template, item in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template.replace(".", r"\.")), f"/{path}"):
            assert method.lower() in item, f"{method} {template} is not described"
            found: dict[str, Any] = item[method.lower()]
            return found
    raise AssertionError(f"{path} is not described")


def validate(schema: dict[str, Any], instance: object) -> None:
    """Hold JSON against a schema of the description."""
    whole = {**schema, "components": description()["components"]}
    jsonschema.Draft202012Validator(whole).validate(instance)


def check_answer(method: str, path: str, status: int, content: Any, kind: str) -> None:
    """Hold an answer against the description."""
    responses = operation(method, path)["responses"]
    assert str(status) in responses, f"{method} {path} answers {status}, which is not described"
    described = resolved(responses[str(status)]).get("content", {})
    if not described:
        assert content in (None, b"")
        return
    assert kind.split(";")[0] in described
    if "application/json" in described:
        validate(described["application/json"]["schema"], content)


def check_message(path: str, message: object) -> None:
    """Hold a message of a WebSocket against the description."""
    told = operation("GET", path)["responses"]["101"]["content"]["application/json"]["schema"]
    validate(told, message)
