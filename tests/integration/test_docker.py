"""Docker Engine as the builder: what it can do is done, what it cannot is said before."""

from __future__ import annotations

import pytest

from envd_jupyter.errors import CacheSettingError
from tests.integration.conftest import RANDOM, states


@pytest.fixture(scope="module")
def engine(services):
    return services.docker()


@pytest.fixture(scope="module")
def newer_engine(services):
    return services.docker(containerd=True)


@pytest.mark.shows("builder docker")
def test_an_image_is_built_and_loaded(builds, project, engine):
    result = builds.run(project("echo 1 > /one", name="loaded"), engine.address, output=None)
    assert result.ok, result.message
    assert "loaded:dev" in engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    again = builds.run(project("echo 1 > /one", name="loaded"), engine.address, output=None)
    assert (again.total, again.cached) == (1, 1)


@pytest.mark.shows("builder docker", "inline export type")
def test_an_inline_cache_goes_from_one_engine_to_another(
    services, builds, project, engine, registry
):
    """Docker 20.10 does not push what envd builds; a person does, as the hint says."""
    folder, image = project(RANDOM, "echo 2", name="inline"), registry.ref("docker/inline:1")
    output = f"type=image,name={image},push=true"
    made = builds.run(folder, engine.address, ["type=inline"], output=output)
    assert "docker push" in made.hint
    engine.docker("push", image)
    other = services.docker()
    kept = f"type=registry,ref={image}"
    result = builds.run(folder, other.address, [], [kept], output=None)
    assert (result.cached, result.total) == (2, 2)
    assert states(result.imports) == ["ok"]
    other.close()


def test_a_registry_export_is_refused_before_anything_runs(builds, project, engine, registry):
    cache = f"type=registry,ref={registry.ref('docker/cache:1')}"
    with pytest.raises(CacheSettingError) as caught:
        builds.start(project("echo 1"), engine.address, [cache])
    assert "Docker Engine" in caught.value.message
    assert "containerd image store" in caught.value.hint


def test_an_image_that_was_not_pushed_is_no_success(builds, project, engine, registry):
    image = registry.ref("docker/pushed:1")
    output = f"type=image,name={image},push=true"
    result = builds.run(project("echo 1"), engine.address, output=output)
    assert result.ok == registry.has(image)
    assert "was not pushed" in result.message
    assert "docker push" in result.hint


def test_an_image_that_was_pushed_is_one(builds, project, newer_engine, registry):
    image = registry.ref("docker28/pushed:1")
    output = f"type=image,name={image},push=true"
    result = builds.run(project(RANDOM), newer_engine.address, ["type=inline"], output=output)
    assert result.ok == registry.has(image)
    assert result.ok, result.message


def test_a_cancelled_build_ends(builds, project, engine):
    build = builds.start(project("sleep 5599"), engine.address, output=None)
    from tests.integration.test_lifecycle import assert_nothing_left, running_step

    running_step(build, "sleep 5599")
    build.cancel_sync()
    assert build.wait_sync().state == "interrupted"
    assert_nothing_left(build, "sleep\x005599")


@pytest.mark.shows("builder docker-containerd")
def test_the_containerd_store_knows_registry_and_local_cache(
    services, builds, project, newer_engine, registry, tmp_path
):
    kept = {
        "one": f"type=registry,ref={registry.ref('docker28/cache:1')}",
        "two": f"type=local,dest={tmp_path}/cache",
    }
    folders = {name: project(f"echo {name}; {RANDOM}", name=name) for name in ("one", "two", "no")}
    for name, cache in kept.items():
        result = builds.run(folders[name], newer_engine.address, [f"{cache},mode=max"], output=None)
        assert result.ok, result.message
        assert states(result.exports) == ["ok"]
    empty = services.docker(containerd=True)
    imports = [cache.replace("dest=", "src=") for cache in kept.values()]
    cached = {}
    for name, folder in folders.items():
        result = builds.run(folder, empty.address, [], imports, output=None)
        assert result.ok, result.message
        cached[name] = (result.cached, result.total)
    assert cached == {"one": (1, 1), "two": (1, 1), "no": (0, 1)}
    with pytest.raises(CacheSettingError, match="cannot export a s3 cache"):
        builds.start(folders["one"], empty.address, ["type=s3,bucket=b,region=r"])
    empty.close()
