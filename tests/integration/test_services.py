"""The services are what they claim to be: envd itself builds on each, and nothing is left."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import RANDOM
from tests.services import NEW_BUILDKIT, OLD_BUILDKIT
from tests.services.images import read_file, run_image

if TYPE_CHECKING:
    from tests.services import Services

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


@pytest.mark.parametrize("version", [OLD_BUILDKIT, NEW_BUILDKIT])
def test_a_builder_makes_an_environment_that_runs(
    services, envd_build, project, registry, tmp_path, version
):
    folder = project(packages=("numpy",))
    builder = services.buildkitd(version)
    assert builder.buildctl("debug", "info").split()[2] == version
    image = registry.ref(f"services/numpy:{version}")
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
