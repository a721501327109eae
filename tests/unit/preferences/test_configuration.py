"""A kernel tells what is configured for it, and no secret."""

from __future__ import annotations

from pathlib import Path

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.builds.preferences.configuration import tell_configured, told_configured


def test_what_is_configured_is_told_and_taken_back(tmp_path):
    configured = {
        "builder": "tcp://builder:1234",
        "import-cache": ["type=registry,ref=r.io/a", "type=local,src=cache"],
    }
    tell_configured("k1", configured, tmp_path)
    assert told_configured("k1", tmp_path) == {
        "builder": "tcp://builder:1234",
        "import-cache": ["type=registry,ref=r.io/a", f"type=local,src={Path.cwd()}/cache"],
    }
    assert told_configured("k2", tmp_path) == {}
    preferences = Preferences(Identity(None, None, "k1"), tmp_path, data=tmp_path)
    preferences.change("kernel", {"tag": "me:1"})
    assert told_configured("k1", tmp_path)["builder"] == "tcp://builder:1234"
    tell_configured("k1", {}, tmp_path)
    assert told_configured("k1", tmp_path) == {}
    assert preferences.effective().tag == "me:1"


def test_nothing_configured_writes_nothing(tmp_path):
    tell_configured("k1", {}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_secrets_and_nonsense_stay_with_the_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_TOKEN", "CANARY-environment")
    secret = "type=s3,bucket=b,region=r,access_key_id=CANARY-id,secret_access_key=CANARY-key"
    configured = {
        "export-cache": [secret],
        "import-cache": ["type=nonsense"],
        "output": "type=image,name=r.io/CANARY-environment",
        "builder": "unix:///run/b.sock",
    }
    tell_configured("k1", configured, tmp_path)
    assert told_configured("k1", tmp_path) == {"builder": "unix:///run/b.sock"}
    written = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    assert "CANARY" not in written
