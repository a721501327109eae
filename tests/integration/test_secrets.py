"""A secret is sent to the builder and is nowhere else, however the build ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from envd_jupyter.builds.client import attach
from tests.integration.kernels import Kernel
from tests.integration.test_lifecycle import assert_nothing_left, read, wait_for

MIME = "application/vnd.envd.build+json"


class Watch:
    """Looks at the command lines of all processes, again and again."""

    def __init__(self, secrets: list[bytes]) -> None:
        self.seen: list[bytes] = []
        self.looks = 0
        self._secrets = secrets
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.looks += 1
            for place in Path("/proc").glob("[0-9]*"):
                command = read(place / "cmdline")
                if any(secret in command for secret in self._secrets):
                    self.seen.append(command)


@pytest.fixture
def guarded(services, tmp_path):
    """Return services that know a password, a key and a token, and these secrets."""
    password = "CANARY-registry-7f3a"
    registry = services.new_registry(auth=("me", password), tls=True)
    store, actions = services.object_store(), services.actions_cache()
    job = actions.environ(1)
    environ = services.environ | job | store.credentials | {"SESSION": "CANARY-session-7f3a"}
    environ |= {"GH": "CANARY-github-7f3a", "AWS_REGION": store.region}
    # What is remembered for the user here is not for the other tests.
    environ |= {"ENVD_JUPYTER_DATA_DIR": str(tmp_path / "data")}
    secrets = [password, store.access_key_id, store.secret_access_key]
    secrets += [job["ACTIONS_RUNTIME_TOKEN"], environ["SESSION"], environ["GH"]]
    login = json.loads((services.home / ".docker" / "config.json").read_text())
    secrets.append(login["auths"][registry.host]["auth"])
    return registry, store, environ, [secret.encode() for secret in secrets]


@pytest.mark.shows("fault secrets", "gha export repository ghtoken", "s3 export session_token")
@pytest.mark.timeout(300)
def test_secrets_are_nowhere_after_any_end(services, project, guarded, tmp_path):
    registry, store, environ, secrets = guarded
    builder = services.new_buildkitd(registries=[registry])
    bucket = store.new_bucket()
    keys = "access_key_id=$key,secret_access_key=env:AWS_SECRET_ACCESS_KEY"
    place = f"type=s3,bucket={bucket},endpoint_url={store.endpoint},use_path_style=true"
    caches = [f"{place},{keys}", "type=gha,ghtoken=env:GH,repository=o/r"]
    caches.append(f"type=registry,ref={registry.ref('secret/cache:1')}")
    image = registry.ref("secret/image:1")
    line = f"%envd_build --path proj --builder {builder.address} --force --save user "
    line += f"--output type=image,name={image},push=true "
    line += " ".join(f"--export-cache {cache}" for cache in caches)
    wrong = f" --export-cache {place},name=wrong,{keys},session_token=env:SESSION"
    said = []

    meddled = []

    def running(bundle):
        """Return whether a step runs in this build and nothing has been done to it yet."""
        view = bundle[MIME]
        runs = any(step["state"] == "running" for step in view["steps"])
        return runs and view["id"] not in meddled and not meddled.append(view["id"])

    def interrupt(bundle):
        if running(bundle):
            kernel.manager.interrupt_kernel()

    def crash(bundle):
        if running(bundle):
            driver = attach(bundle[MIME]["id"], environ=environ).folder.driver_pid()
            os.kill(driver, signal.SIGKILL)

    ends = [
        ("succeeded", "echo 1 > /one", line, None),
        ("export_failed", "echo 1 > /one", line + wrong, None),
        ("failed", "echo $KEY; exit 3", line, None),
        ("interrupted", "sleep 5701", line, interrupt),
        ("lost", "sleep 5702", line, crash),
    ]
    with Kernel(environ, tmp_path) as kernel, Watch(secrets) as watch:
        kernel.run("%load_ext envd_jupyter")
        kernel.run("import os; key = os.environ['AWS_ACCESS_KEY_ID']")
        for end, command, code, meddle in ends:
            project(command)
            cell = kernel.run(code, on_display=meddle)
            assert cell.view["state"] == end, (end, cell.error or cell.view)
            said += [cell.text, cell.error, json.dumps([cell.displays, cell.result])]
            assert_nothing_left(attach(cell.view["id"], environ=environ))
        for code in ("%envd_history", "%envd_history report last", "%envd_cache show"):
            cell = kernel.run(code)
            assert cell.status == "ok", cell.error
            said += [cell.text, json.dumps([cell.displays, cell.result])]
    assert watch.looks > 50
    assert watch.seen == []
    for text in said:
        assert not [secret for secret in secrets if secret in text.encode()], text
    assert "env:AWS_SECRET_ACCESS_KEY" in "".join(said)
    places = [*written(services, tmp_path)]
    assert {"events.jsonl", "user.json"} <= {place.name for place in places}
    assert [place for place in places if has(place, secrets)] == []
    builder.close()


def written(services, tmp_path):
    """Yield every file of ours; the Docker client's own settings are where its password belongs."""
    for folder in (services.home, tmp_path):
        for path in folder.rglob("*"):
            if path.is_file() and path.parent.name != ".docker":
                yield path
    begun = time.time() - 600
    for pattern in ("envd-jupyter*", "envd*", "buildkit-mount*"):
        for folder in Path("/tmp").glob(pattern):
            with contextlib.suppress(OSError):
                if folder.stat().st_mtime > begun:
                    yield from (path for path in folder.rglob("*") if path.is_file())


def has(path: Path, secrets: list[bytes]) -> bool:
    content = read(path)
    return any(secret in content for secret in secrets)


def test_the_watch_sees_a_secret(tmp_path):
    import subprocess

    with Watch([b"CANARY-seen"]) as watch:
        process = subprocess.Popen(["sh", "-c", "sleep 5; : CANARY-seen"])
        wait_for(lambda: watch.seen, 10)
        process.kill()
        process.wait()
