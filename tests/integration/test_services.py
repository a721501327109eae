"""The services are what they claim to be: envd itself builds on each, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from envd_jupyter.buildkit.control import version
from envd_jupyter.buildkit.dialers import BuilderAddress
from envd_jupyter.errors import BuilderError
from tests.integration.conftest import RANDOM
from tests.services import NEW_BUILDKIT, OLD_BUILDKIT, Services
from tests.services.actions_client import run_client
from tests.services.cleaning import mounts_below, processes_of
from tests.services.images import read_file, run_image

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def envd_build(services: Services):
    """Run stock envd on a builder, without anything of ours between them."""

    def build(folder: Path, address: str, *flags: str, environ=None) -> str:
        if address.startswith("docker+"):
            services.use_docker()
        else:
            services.use_context(f"at-{abs(hash(address))}", address)
        done = subprocess.run(
            [str(services.envd), "build", "--path", str(folder), "--force", *flags],
            env=services.environ | (environ or {}),
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return build


def pushed(image: str) -> tuple[str, str]:
    return "--output", f"type=image,name={image},push=true"


@pytest.mark.parametrize("release", [OLD_BUILDKIT, NEW_BUILDKIT])
def test_a_builder_makes_an_environment_that_runs(
    services, envd_build, project, registry, tmp_path, release
):
    folder = project(packages=("numpy",))
    builder = services.buildkitd(release)
    assert builder.buildctl("debug", "info").split()[2] == release
    image = registry.ref(f"services/numpy:{release}")
    envd_build(folder, builder.address, *pushed(image))
    command = ["python", "-c", "import numpy; print(numpy.arange(4).sum())"]
    assert run_image(registry, image, tmp_path / "root", command) == "6\n"


def cache_of(services: Services, kind: str) -> str:
    """Return a cache setting that works, for a service of this kind."""
    if kind.startswith("gha"):
        ours = services.actions_cache() if kind != "gha act" else services.act_cache()
        seen = ours.environ(1) if kind != "gha act" else ours.environ()
        more = ",version=2" if kind == "gha v2" else ""
        return f"type=gha,url={ours.url},token={seen['ACTIONS_RUNTIME_TOKEN']}{more}"
    store = services.object_store(kind)
    return store.setting(store.new_bucket())


@pytest.mark.parametrize("kind", ["versitygw", "moto", "gha v1", "gha v2", "gha act"])
def test_a_cache_travels_from_one_builder_to_another(
    services, envd_build, project, registry, buildkitd, empty_builder, kind
):
    folder = project(RANDOM, "cp /random /copy")
    setting = cache_of(services, kind)
    images = [registry.ref(f"services/{kind.replace(' ', '-')}:{n}") for n in range(3)]
    envd_build(
        folder, buildkitd.address, *pushed(images[0]), "--export-cache", f"{setting},mode=max"
    )
    envd_build(folder, empty_builder().address, *pushed(images[1]))
    envd_build(folder, empty_builder().address, *pushed(images[2]), "--import-cache", setting)
    made = [read_file(registry, image, "/random") for image in images]
    assert made[0] == made[2] != made[1]


def test_our_actions_cache_is_what_githubs_own_client_expects(services, tmp_path):
    service = services.actions_cache()
    environ = service.environ(2)
    content = os.urandom(300_000)
    (tmp_path / "file").write_bytes(content)
    assert int(run_client(environ, tmp_path, "save", "key-1", "file")) > 0
    assert service.keys() == ["key-1"]
    (tmp_path / "file").unlink()
    assert run_client(environ, tmp_path, "restore", "none", "file") == "undefined"
    assert not (tmp_path / "file").exists()
    assert run_client(environ, tmp_path, "restore", "key-2", "file", "key-") == "key-1"
    assert (tmp_path / "file").read_bytes() == content
    assert run_client(environ, tmp_path, "save", "key-1", "file") == "-1"
    late = service.environ(2, service.token(lifetime=-60))
    assert run_client(late, tmp_path, "restore", "key-1", "file") == "undefined"


def test_a_registry_that_asks_who_one_is_behind_its_own_authority(
    services, envd_build, project, tmp_path
):
    guarded = services.new_registry(auth=("me", "secret-word"), tls=True)
    builder = services.new_buildkitd(registries=[guarded])
    folder = project("echo 1 > /one", base=services.base_image(guarded, "tiny"))
    image = guarded.ref("services/guarded:1")
    envd_build(folder, builder.address, *pushed(image))
    assert read_file(guarded, image, "/one") == b"1\n"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{guarded.host}/v2/")
    trusted = ssl.create_default_context(cafile=services.authority.ca)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"https://{guarded.host}/v2/", context=trusted)


def test_a_builder_by_tcp_asks_for_certificates(services):
    builder = services.new_buildkitd(tcp=True, authority=services.authority)
    known = asyncio.run(version(BuilderAddress.parse(builder.tcp_address)))
    assert f"v{known}" == builder.version
    bare = BuilderAddress.parse(builder.tcp_address.partition("&cert=")[0])
    with pytest.raises((BuilderError, OSError)):
        asyncio.run(version(bare))


@pytest.mark.parametrize(("containerd", "least"), [(False, (20, 10)), (True, (28,))])
def test_docker_is_envds_default_builder(services, envd_build, project, containerd, least):
    engine = services.docker(containerd=containerd)
    numbers = tuple(int(part) for part in engine.version.split("+")[0].split("."))
    assert least <= numbers < (21 if least[0] == 20 else 99,)
    folder = project("echo docker > /made")
    tar = folder / "made.tar"
    envd_build(folder, engine.address, "--output", f"type=tar,dest={tar}", environ=engine.environ)
    with tarfile.open(tar) as files:
        assert files.extractfile("made").read() == b"docker\n"
    engine.close()
    assert not processes_of(engine.folder)


@pytest.mark.shows("builder docker-container podman-container kube-pod nerdctl-container")
@pytest.mark.parametrize("kind", ["docker", "podman", "kubectl", "nerdctl"])
def test_a_builder_is_reached_through_a_command(services, builds, project, buildkitd, kind):
    if kind in ("docker", "podman"):
        found = services.docker_container() if kind == "docker" else services.podman_container()
        address = found.address
    else:
        found = services.stand_ins(buildkitd)
        address = "nerdctl-container://builder"
        if kind == "kubectl":
            address = "kube-pod://builder?namespace=ml&container=buildkitd"
    builds.environ |= found.environ
    result = builds.run(project(f"echo {kind} > /made"), address)
    assert result.ok, result.message
    assert read_file(services.registry, result.image, "/made").decode() == f"{kind}\n"


def test_a_proxy_makes_requests_fail(services, envd_build, project, buildkitd, registry):
    proxy = services.proxy(registry)
    folder = project("echo 1 > /one")
    image = registry.ref("services/proxied:1")
    flags = [*pushed(image), "--export-cache", f"type=registry,ref={proxy.host}/services/cache:1"]
    for fault in ({"status": 403}, {"cut": True}):
        proxy.fail("PUT /v2/services/cache/manifests/", **fault)
        with pytest.raises(AssertionError, match=r"403|EOF|reset"):
            envd_build(folder, buildkitd.address, *flags)
        assert not registry.has("services/cache:1")
        proxy.heal()
    proxy.fail("PUT .*manifests", 0, times=1, seconds=1.0)
    began = time.monotonic()
    envd_build(folder, buildkitd.address, *flags)
    assert time.monotonic() - began > 1.0
    assert registry.has("services/cache:1")
    assert any(request.startswith("PUT /v2/services/cache") for request in proxy.requests)


def test_signatures_stay_valid_through_a_proxy(services, envd_build, project, buildkitd, registry):
    store = services.object_store()
    bucket = store.new_bucket()
    proxy = services.proxy(store)
    setting = store.setting(bucket, endpoint_url=f"http://{proxy.host}")
    image = pushed(registry.ref("services/signed:1"))
    envd_build(project(RANDOM), buildkitd.address, *image, "--export-cache", setting)
    assert "manifests/buildkit" in store.keys(bucket)


def test_hosts_have_a_network_that_can_be_cut(services, envd_build, project):
    network = services.network()
    shared = services.new_registry(host=network.gateway)
    first, second = network.new_host(), network.new_host()
    assert first.address != second.address != network.gateway
    builder = services.new_buildkitd(registries=[shared], tcp=True, host=first)
    assert builder.tcp_address.startswith(f"tcp://{first.address}:")
    folder = project("echo 1 > /one", base=services.base_image(shared, "tiny"))
    image = shared.ref("services/host:1")
    envd_build(folder, builder.tcp_address, *pushed(image))
    assert read_file(shared, image, "/one") == b"1\n"
    address = BuilderAddress.parse(builder.tcp_address)

    async def asked() -> str | None:
        return await asyncio.wait_for(version(address), 3)

    assert asyncio.run(asked())
    first.cut()
    with pytest.raises((BuilderError, OSError, asyncio.TimeoutError)):
        asyncio.run(asked())
    first.mend()
    assert asyncio.run(asked())


def test_a_small_disk_fills_up(services):
    disk = services.small_disk(1)
    with pytest.raises(OSError, match="No space left"):
        (disk / "file").write_bytes(bytes(2_000_000))


_ABANDONED = """
import subprocess, sys, time
from tests.services import Services
services = Services()
builder = services.buildkitd()
engine = services.docker()
host = services.network().new_host()
folder = services.folder / "project"
folder.mkdir()
base = services.base_image(kind="tiny")
body = f'base(image="{base}", dev=False)\\n    run(commands=["echo begun; sleep 5432"])'
(folder / "build.envd").write_text(f"# syntax=v1\\ndef build():\\n    {body}\\n")
services.use_context("abandoned", builder.address)
output = f"type=tar,dest={folder}/out.tar"
command = [services.envd, "build", "--path", folder, "--force", "--output", output]
services.start_process(command, env=services.environ)
print(services.folder, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_process_that_started_it(number):
    started = subprocess.Popen(
        [sys.executable, "-c", _ABANDONED], cwd=CHECKOUT, text=True, stdout=subprocess.PIPE
    )
    folder = Path(started.stdout.readline().strip())
    step = f"/proc/*/cmdline of sleep 5432 below {folder}"
    eventually(lambda: any("sleep" in command_of(pid) for pid in processes_of(folder)), step)
    assert mounts_below(folder)
    started.send_signal(number)
    started.wait()
    started.stdout.close()
    eventually(lambda: not folder.exists(), f"{folder} is removed")
    assert processes_of(folder) == []
    assert mounts_below(folder) == []


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def eventually(condition, what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to this: {what}"
        time.sleep(0.1)


def test_two_runs_at_once_have_nothing_in_common(services):
    with Services() as other:
        assert other.registry.host != services.registry.host
        assert other.buildkitd().address != services.buildkitd().address
        assert other.buildkitd().buildctl("debug", "workers")
        assert services.buildkitd().buildctl("debug", "workers")
        folder = other.folder
    assert not folder.exists()
    assert services.buildkitd().buildctl("debug", "workers")


def test_by_hand_they_run_until_ctrl_c(services):
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.services", "run"],
        cwd=CHECKOUT,
        text=True,
        stdout=subprocess.PIPE,
    )
    said = []
    for line in started.stdout:
        said.append(line.strip())
        if "Ctrl-C" in line:
            break
    home = next(line for line in said if line.startswith("export HOME=")).partition("=")[2]
    assert Path(home).is_dir()
    started.send_signal(signal.SIGINT)
    assert started.wait() == 0
    started.stdout.close()
    assert not Path(home).parent.exists()
