"""Builders by every way of reaching them, a cache shared by hosts, and what the doctor says."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from envd_jupyter.buildkit import control
from envd_jupyter.buildkit.dialers import BuilderAddress
from envd_jupyter.builds.client import start_build
from envd_jupyter.builds.contexts import read_contexts
from envd_jupyter.builds.doctor import examine
from envd_jupyter.errors import BuilderAddressError, BuilderUnreachable, CacheSettingError
from tests.integration.conftest import RANDOM
from tests.services.images import read_file

WRONG = [
    ("ftp://host", "no address that is understood"),
    ("unix://relative/path", "no absolute path"),
    ("tcp://host", "no host and port"),
    ("tcp://host:99999", "no host and port"),
    ("tcp://host:1?cert=a.pem", "without its key"),
    ("tcp://host:1?user=me", "unknown parameter 'user'"),
    ("docker-container://", "names nothing"),
    ("kube-pod://pod?pod=other", "unknown parameter"),
]


@pytest.mark.parametrize(("url", "words"), WRONG)
def test_an_address_that_cannot_be_right(url, words):
    with pytest.raises(BuilderAddressError, match=words) as caught:
        BuilderAddress.parse(url)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/b.sock",
        "tcp://[::1]:1234",
        "tcp://host:1234?ca=/a b/ca.pem&cert=c.pem&key=k.pem&servername=s",
        "docker://",
        "docker://desktop",
        "docker+ssh://me@host:22",
        "kube-pod://pod?namespace=ns&context=c",
    ],
)
def test_an_address_survives_being_written(url):
    address = BuilderAddress.parse(url)
    assert BuilderAddress.parse(address.to_url()) == address


@pytest.mark.shows("builder tcp-mtls")
def test_tcp_with_certificates_of_both_sides(services, builds, project):
    builder = services.new_buildkitd(tcp=True, authority=services.authority)
    result = builds.run(project("echo tls > /made"), builder.tcp_address)
    assert result.ok, result.message
    assert read_file(services.registry, result.image, "/made") == b"tls\n"
    bare = BuilderAddress.parse(builder.tcp_address.partition("?")[0])
    with pytest.raises((BuilderUnreachable, control.RpcError)) as caught:
        asyncio.run(control.list_workers(bare))
    assert caught.value.args or str(caught.value)
    builder.close()


def test_a_certificate_that_is_not_there(services):
    address = BuilderAddress.parse("tcp://127.0.0.1:9?ca=/no/such/ca.pem")
    with pytest.raises(BuilderAddressError, match="certificates") as caught:
        asyncio.run(control.version(address))
    assert "PEM" in caught.value.hint


def test_nothing_is_left_of_a_command(services, buildkitd, monkeypatch):
    stand_ins = services.stand_ins(buildkitd)
    for name, value in stand_ins.environ.items():
        monkeypatch.setenv(name, value)
    code = (
        "import asyncio\n"
        "from envd_jupyter.buildkit import control\n"
        "from envd_jupyter.buildkit.dialers import BuilderAddress\n"
        "address = BuilderAddress.parse('nerdctl-container://builder')\n"
        "print(asyncio.run(control.version(address)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert done.stdout == "0.25.1\n"
    assert done.stderr == ""


@pytest.mark.shows("builder shared-cache tcp")
def test_two_hosts_share_one_cache(services, builds, project):
    network = services.network()
    shared = services.new_registry(host=network.gateway)
    first, second = (
        services.new_buildkitd(registries=[shared], tcp=True, host=network.new_host())
        for _ in range(2)
    )
    folder = project(RANDOM, "echo 2", base=services.base_image(shared, "tiny"))
    cache = f"type=registry,ref={shared.ref('hosts/cache:1')}"

    def request(builder, number):
        output = f"type=image,name={shared.ref(f'hosts/image:{number}')},push=true"
        return builds.request(
            folder, builder.tcp_address, [f"{cache},mode=max"], [cache], output=output
        )

    async def one(request):
        return await (await start_build(request, environ=builds.environ)).wait()

    async def both():
        return await asyncio.gather(one(request(first, 1)), one(request(second, 2)))

    made = asyncio.run(one(request(first, 0)))
    assert (made.state, made.cached) == ("succeeded", 0)
    found = asyncio.run(one(request(second, 3)))
    assert (found.state, found.cached) == ("succeeded", 2)
    together = asyncio.run(both())
    assert [result.state for result in together] == ["succeeded"] * 2
    assert [result.cached for result in together] == [2, 2]
    random = {read_file(shared, shared.ref(f"hosts/image:{n}"), "/random") for n in range(4)}
    assert len(random) == 1
    for builder in (first, second):
        builder.close()


@pytest.mark.shows("builder contexts")
def test_the_users_contexts_are_offered_and_never_changed(services, builds, project, buildkitd):
    services.use_context("mine", buildkitd.address)
    place = services.home / ".config" / "envd" / "contexts"
    before = place.read_bytes()
    found = {c.name: c for c in read_contexts(str(services.envd), services.environ)}
    assert found["mine"].current
    assert found["mine"].url == buildkitd.address
    request = builds.request(project("echo 1"), "mine")
    result = asyncio.run(one_build(request, builds.environ))
    assert result.ok, result.message
    assert place.read_bytes() == before


async def one_build(request, environ):
    return await (await start_build(request, environ=environ)).wait()


@pytest.mark.shows("builder old-version")
def test_an_older_builder_is_asked_what_it_can_do(services, builds, project, actions):
    """BuildKit 0.19 is what envd's docker-container builder starts (1.3.6)."""
    builder = services.buildkitd("v0.19.0")
    folder = project(RANDOM)
    plain, present = builds.environ, builds.environ | actions.environ(2)
    builds.environ = present
    with pytest.raises(CacheSettingError, match=r"needs BuildKit 0\.20\.0; .* has 0\.19\.0"):
        builds.start(folder, builder, ["type=gha"])
    builds.environ = plain | actions.environ(1)
    made = builds.run(folder, builder, ["type=gha,mode=max"])
    assert made.ok, made.message
    builder.restart_empty()
    result = builds.run(folder, builder, [], ["type=gha"])
    assert (result.cached, result.total) == (1, 1)


def test_the_doctor_names_what_the_builder_can_do(services, buildkitd):
    found = asyncio.run(examine(builder=buildkitd.address, environ=services.environ))
    assert found.ok
    able = {c.type: (c.exports, c.imports) for c in found.capabilities}
    assert able["s3"] == (True, True)
    assert able["inline"] == (True, False)
    engine = services.docker()
    found = asyncio.run(examine(builder=engine.address, environ=services.environ))
    able = {c.type: (c.exports, c.imports) for c in found.capabilities}
    assert able["registry"] == (False, True)
    assert able["inline"][0]
    nowhere = asyncio.run(examine(builder="unix:///no-such.sock", environ=services.environ))
    assert not nowhere.ok
    assert any("envd-jupyter up" in step for step in nowhere.advice())
    engine.close()
