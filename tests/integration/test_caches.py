"""Every option of every cache type against a real service, and that it changes what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from envd_jupyter.errors import RequestError
from tests.integration.conftest import RANDOM, reused, states
from tests.services.images import read_file

OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"


# registry

COMPRESSIONS = [
    ("compression=uncompressed", f"{OCI}.layer.v1.tar"),
    ("compression=gzip,compression-level=1", f"{OCI}.layer.v1.tar+gzip"),
    ("compression=gzip,compression-level=9", f"{OCI}.layer.v1.tar+gzip"),
    ("compression=estargz,compression-level=3", f"{OCI}.layer.v1.tar+gzip"),
    ("compression=zstd,compression-level=19", f"{OCI}.layer.v1.tar+zstd"),
    ("oci-mediatypes=false", f"{DOCKER}.image.rootfs.diff.tar.gzip"),
    ("image-manifest=false,oci-mediatypes=true", f"{OCI}.layer.v1.tar+gzip"),
]


@pytest.mark.shows(
    "registry export ref mode compression compression-level force-compression",
    "registry export oci-mediatypes image-manifest",
    "registry import ref",
)
@pytest.mark.parametrize(("options", "media_type"), COMPRESSIONS)
def test_layers_of_a_registry_cache_have_the_form_asked_for(
    builds, project, registry, empty_builder, tmp_path, options, media_type
):
    folder = project("head -c 300000 /bin/busybox > /text", RANDOM)
    name = "form/" + "".join(c if c.isalnum() else "-" for c in options)
    ref = registry.ref(f"{name}:1")
    forced = "force-compression=true," if "compression" in options else ""
    cache = f"type=registry,ref={ref},mode=max,{forced}{options}"
    # An empty builder, and no image: a layer that has been compressed once is exported as it is.
    tar = f"type=tar,dest={tmp_path}/out.tar"
    result = builds.run(folder, empty_builder(), [cache], output=tar)
    assert result.ok, result.message
    layers = registry.layers(f"{name}:1")
    assert {layer["mediaType"] for layer in layers} == {media_type}
    sizes[options] = sum(layer["size"] for layer in layers)
    if "estargz" in options:
        assert any("estargz" in key for layer in layers for key in layer.get("annotations", {}))
    manifest = registry.manifest(f"{name}:1")["mediaType"]
    if "image-manifest=false" in options:
        assert manifest == f"{OCI}.index.v1+json"
    assert reused(builds, folder, empty_builder(), [f"type=registry,ref={ref}"]) == (2, 2)


sizes: dict[str, int] = {}


@pytest.mark.shows("registry export compression compression-level")
def test_levels_and_compressions_change_the_size():
    assert len(sizes) == len(COMPRESSIONS), "runs after the builds above"
    assert sizes["compression=gzip,compression-level=9"] < sizes[COMPRESSIONS[1][0]], sizes
    assert sizes["compression=uncompressed"] > 1.5 * sizes[COMPRESSIONS[1][0]], sizes


@pytest.mark.shows("registry export force-compression")
def test_without_force_an_existing_layer_stays_as_it_is(builds, project, registry, empty_builder):
    folder = project(RANDOM)
    for number, force in ((1, ""), (2, ",force-compression=true")):
        ref = registry.ref(f"force/cache:{number}")
        cache = f"type=registry,ref={ref},mode=max,compression=zstd{force}"
        assert builds.run(folder, empty_builder(), [cache]).ok
    kinds = [{x["mediaType"] for x in registry.layers(f"force/cache:{n}")} for n in (1, 2)]
    assert f"{OCI}.layer.v1.tar+gzip" in kinds[0]  # the base image's
    assert kinds[1] == {f"{OCI}.layer.v1.tar+zstd"}


@pytest.mark.shows("registry both ref")
def test_a_registry_with_a_password_behind_its_own_authority(services, builds, project):
    registry = services.new_registry(auth=("me", "CANARY-password"), tls=True)
    first, second = (services.new_buildkitd(registries=[registry]) for _ in range(2))
    builds.environ = services.environ
    folder = project(RANDOM)
    cache = f"type=registry,ref={registry.ref('closed/cache:1')}"
    result = builds.run(folder, first, [f"{cache},mode=max"])
    assert result.ok, result.message
    assert reused(builds, folder, second, [cache]) == (1, 1)
    for path in Path(builds.environ["ENVD_JUPYTER_DATA_DIR"]).rglob("*"):
        assert not path.is_file() or b"CANARY-password" not in path.read_bytes()
    first.close()
    second.close()


@pytest.mark.shows("registry both registry.insecure")
def test_a_registry_of_an_unknown_authority_is_taken_when_told(services, builds, project):
    hidden = services.new_registry(tls=True)
    builder = services.new_buildkitd(config=f'[registry."{hidden.host}"]\n  http = false')
    folder, cache = project(RANDOM), f"type=registry,ref={hidden.ref('insecure/cache:1')}"
    result = builds.run(folder, builder, [cache], [cache])
    assert result.state == "export_failed"
    assert "certificate" in result.message
    assert "CA" in result.hint
    assert states(result.imports) == ["failed"]
    insecure = f"{cache},registry.insecure=true"
    assert builds.run(folder, builder, [insecure]).ok
    builder.restart_empty()
    assert reused(builds, folder, builder, [insecure]) == (1, 1)
    builder.close()


@pytest.mark.shows("registry export mode")
@pytest.mark.parametrize("mode", ["min", "max"])
def test_both_modes_hold_all_steps_of_a_chain(builds, project, registry, empty_builder, mode):
    """Commands follow each other in one chain: no step of it lies beside the image."""
    folder, ref = project(RANDOM, "echo 2"), registry.ref(f"mode/cache:{mode}")
    assert builds.run(folder, empty_builder(), [f"type=registry,ref={ref},mode={mode}"]).ok
    assert len(registry.layers(f"mode/cache:{mode}")) == 3
    assert reused(builds, folder, empty_builder(), [f"type=registry,ref={ref}"]) == (2, 2)


# inline


@pytest.mark.shows("fault inline-lost", "inline export type")
def test_an_image_pushed_again_without_its_cache_is_told(
    builds, project, buildkitd, registry, empty_builder
):
    folder, image = project(f"echo lost; {RANDOM}"), registry.ref("inline/lost:1")
    kept, output = f"type=registry,ref={image}", f"type=image,name={image},push=true"
    assert builds.run(folder, buildkitd, ["type=inline"], output=output).ok
    assert reused(builds, folder, empty_builder(), [kept]) == (1, 1)
    assert builds.run(folder, buildkitd, output=output).ok
    result = builds.run(folder, empty_builder(), [], [kept])
    assert result.ok
    assert result.cached == 0
    assert states(result.imports) == ["missing"]
    assert "an image without a cache" in result.imports[0]["message"]
    assert "type=inline" in result.imports[0]["hint"]


# S3


@pytest.fixture(scope="module")
def store(services):
    return services.object_store()


@pytest.fixture
def bucket(store):
    return store.new_bucket()


@pytest.mark.shows(
    "s3 both bucket region endpoint_url name prefix blobs_prefix manifests_prefix",
    "s3 both access_key_id secret_access_key",
    "s3 export mode upload_parallelism",
)
def test_s3_prefixes_names_and_two_imports(builds, project, empty_builder, store, bucket):
    places = {"prefix": "p/", "blobs_prefix": "b/", "manifests_prefix": "m/"}
    folder = project(RANDOM, "echo 2")
    export = store.setting(bucket, name="sha;branch", mode="max", **places)
    result = builds.run(folder, empty_builder(), [f"{export},upload_parallelism=2"])
    assert result.ok, result.message
    keys = store.keys(bucket)
    assert {"p/m/sha", "p/m/branch"} <= set(keys)
    assert any(key.startswith("p/b/sha256:") for key in keys)
    imports = [store.setting(bucket, name=name, **places) for name in ("gone", "branch")]
    result = builds.run(folder, empty_builder(), [], imports)
    assert (result.cached, result.total) == (2, 2)
    assert reused(builds, folder, empty_builder(), [store.setting(bucket)]) == (0, 2)


def test_s3_credentials_of_the_daemon(services, builds, project, store, bucket):
    builder = services.new_buildkitd(environ=store.credentials)
    setting = store.setting(bucket, credentials=False, name="daemon")
    result = builds.run(project(RANDOM), builder, [setting])
    assert result.ok, result.message
    assert "manifests/daemon" in store.keys(bucket)
    builder.close()


@pytest.mark.shows("s3 both bucket region access_key_id secret_access_key")
@pytest.mark.parametrize("source", ["env", "profile:work"])
def test_s3_credentials_of_the_kernel(
    services, builds, project, empty_builder, store, bucket, source
):
    setting = f"type=s3,endpoint_url={store.endpoint},use_path_style=true,name=kernel"
    place = {"AWS_BUCKET": bucket, "AWS_REGION": store.region}
    if source == "env":
        builds.environ = builds.environ | place | store.credentials
    else:
        builds.environ = builds.environ | place
        (services.home / ".aws").mkdir(exist_ok=True)
        lines = [f"{name.lower()} = {value}" for name, value in store.credentials.items()]
        (services.home / ".aws" / "credentials").write_text("[work]\n" + "\n".join(lines))
    folder = project(RANDOM)
    result = builds.run(folder, empty_builder(), [f"{setting},mode=max"], inject_aws=source)
    assert result.ok, result.message
    assert reused(builds, folder, empty_builder(), [setting], inject_aws=source) == (1, 1)
    with pytest.raises(RequestError, match="no AWS credentials"):
        builds.start(folder, empty_builder(), [setting], inject_aws="profile:nobody")


@pytest.mark.shows("s3 export ignore-error", "fault s3")
def test_s3_faults_are_told_apart(builds, project, empty_builder, store, bucket):
    folder, builder = project("echo 1"), empty_builder()
    wrong = {
        "wrong": store.setting(bucket).replace(store.secret_access_key, "CANARY-wrong-secret"),
        "nobucket": store.setting("there-is-no-such"),
        "nowhere": store.setting(bucket).replace(store.endpoint, "http://127.0.0.1:9"),
    }
    said = {}
    for name, setting in wrong.items():
        result = builds.run(folder, builder, [setting])
        assert result.state == "export_failed", (name, result)
        said[name] = f"{result.message} {result.hint}"
        assert "CANARY" not in said[name]
    assert "403" in said["wrong"] or "Signature" in said["wrong"]
    assert "NoSuchBucket" in said["nobucket"] or "404" in said["nobucket"]
    assert "refused" in said["nowhere"]
    result = builds.run(folder, builder, [f"{wrong['nobucket']},ignore-error=true"])
    assert result.ok
    assert states(result.exports) == ["failed"]
    assert len({*said.values()}) == 3


@pytest.mark.shows("s3 both use_path_style endpoint_url")
def test_s3_by_a_bucket_in_the_path_or_in_the_host_name(
    builds, project, empty_builder, store, bucket
):
    setting = store.setting(bucket).replace("127.0.0.1", "localhost")
    folder = project(RANDOM)
    assert builds.run(folder, empty_builder(), [setting]).ok
    assert reused(builds, folder, empty_builder(), [setting]) == (1, 1)
    named = setting.replace("use_path_style=true", "use_path_style=false")
    result = builds.run(folder, empty_builder(), [named], [named])
    assert f"{bucket}.localhost" in result.message
    assert f"{bucket}.localhost" in result.imports[0]["message"]


@pytest.mark.shows("s3 export touch_refresh")
def test_s3_touches_what_is_still_used_when_it_is_old(
    services, builds, project, empty_builder, store, bucket
):
    folder, builder, proxy = project(RANDOM), empty_builder(), services.proxy(store)
    setting = store.setting(bucket, endpoint_url=f"http://{proxy.host}")
    written = []
    for refresh in ("", ",touch_refresh=24h", ",touch_refresh=1ms"):
        proxy.requests.clear()
        assert builds.run(folder, builder, [f"{setting}{refresh}"]).ok
        written.append(sum("PUT" in one and "/blobs/" in one for one in proxy.requests))
    assert written[0] > 0
    assert written[1] == 0
    assert written[2] == written[0]


@pytest.mark.shows("s3 both session_token", "s3 export mode")
def test_s3_of_another_maker(services, builds, project, empty_builder):
    store = services.object_store("moto")
    bucket = store.new_bucket()
    folder = project(RANDOM)
    more = {"session_token": "any"}
    assert builds.run(folder, empty_builder(), [store.setting(bucket, mode="max", **more)]).ok
    assert reused(builds, folder, empty_builder(), [store.setting(bucket, **more)]) == (1, 1)


# Several at once


@pytest.mark.shows("fault one-import", "inline export type")
def test_several_types_at_once(
    builds, project, empty_builder, registry, store, bucket, actions, tmp_path
):
    folder = project(RANDOM, "echo 2")
    ref = registry.ref("several/cache:1")
    gha = f"type=gha,url={actions.url},token={actions.token()},scope=several"
    exports = [
        f"type=registry,ref={ref},mode=max",
        f"type=local,dest={tmp_path}/local,mode=max",
        store.setting(bucket, mode="max"),
        f"{gha},mode=max",
        "type=inline",
    ]
    result = builds.run(folder, empty_builder(), exports)
    assert result.ok, result.message
    assert states(result.exports) == ["ok"] * 5
    made = read_file(registry, result.image, "/random")
    imports = [
        f"type=registry,ref={ref}",
        f"type=local,src={tmp_path}/local",
        store.setting(bucket),
        gha,
        f"type=registry,ref={result.image}",
    ]
    missing = [f"type=registry,ref={registry.ref('several/none:1')}", "type=local,src=/nowhere"]
    for one in imports:
        found = builds.run(folder, empty_builder(), [], [*missing, one])
        assert (found.cached, found.total) == (2, 2), one
        assert states(found.imports) == ["missing", "missing", "ok"]
        assert read_file(registry, found.image, "/random") == made
