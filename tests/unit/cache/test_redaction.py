"""Secrets are masked wherever and however they are written."""

from __future__ import annotations

import base64
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.redaction import Redactor, looks_secret


@given(st.text(min_size=6, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_known_secret_is_left(secret, before, after):
    redactor = Redactor([secret])
    forms = [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()]
    for form in forms:
        assert form not in redactor.text(before + form + after) or form in "***"


def test_secrets_of_settings_and_environment():
    entry = parse_cache_entry("type=s3,access_key_id=CANARY-1,secret_access_key=CANARY-2", "export")
    redactor = Redactor.for_entries([entry], {"GITHUB_TOKEN": "CANARY-3", "HOME": "/home/me"})
    text = redactor.value({"a": ["CANARY-1 CANARY-2", {"CANARY-3": "/home/me"}]})
    assert text == {"a": ["*** ***", {"***": "/home/me"}]}


def test_a_password_in_an_address():
    entry = parse_cache_entry("type=s3,endpoint_url=http://me:CANARY-4@host/", "export")
    assert "CANARY" not in Redactor.for_entries([entry], {}).text("GET http://me:CANARY-4@host/x")


def test_names_of_secrets():
    assert looks_secret("AWS_SESSION_TOKEN")
    assert looks_secret("ACTIONS_RUNTIME_TOKEN")
    assert looks_secret("REGISTRY_PASSWORD")
    assert not looks_secret("AWS_REGION")
    assert not looks_secret("PATH")
