from __future__ import annotations

import dataclasses

import pytest

from envd_jupyter.cache.check import BuilderFacts
from envd_jupyter.cache.options import options_for
from envd_jupyter.notebook.form.checking import availability, check_form, placeholder
from envd_jupyter.notebook.form.model import CacheFields, FormValues

PUSHED = FormValues(image="r.example.com/me/ml:1")


def form(*rows: CacheFields, **more) -> FormValues:
    values = dataclasses.replace(PUSHED, **more)
    return dataclasses.replace(
        values,
        exports=tuple(row for row in rows if row.direction == "export"),
        imports=tuple(row for row in rows if row.direction == "import"),
    )


def export(cache_type: str, **options: str) -> CacheFields:
    return CacheFields("export", cache_type).setting(**options)


def faults(values, **more):
    secrets, environ = more.pop("secrets", {}), more.pop("environ", {})
    found = check_form(values, secrets, environ, **more)
    return {place: fault.level for place, fault in found.items()}


def test_a_form_that_can_be_built_has_no_faults():
    assert faults(form(export("registry", ref="r.example.com/me/c", mode="max"))) == {}
    assert faults(FormValues(destination="docker")) == {}


def test_what_is_not_filled_in_is_missing_and_not_wrong():
    assert faults(FormValues()) == {("form", 0, "image"): "missing"}
    assert faults(form(export("registry"))) == {("export", 0, "ref"): "missing"}
    assert faults(form(export("s3"))) == {
        ("export", 0, "bucket"): "missing",
        ("export", 0, "region"): "missing",
    }
    assert faults(form(destination="tar")) == {("form", 0, "dest"): "missing"}
    assert faults(form(destination="other")) == {("form", 0, "output"): "missing"}


def test_every_wrong_field_is_named_at_once():
    row = export("registry", ref="Me/X", mode="mux", compression="zip")
    assert faults(form(row, image="A//b")) == {
        ("form", 0, "image"): "error",
        ("export", 0, "ref"): "error",
        ("export", 0, "mode"): "error",
        ("export", 0, "compression"): "error",
    }


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (export("registry", ref="r/c", compression="zstd", **{"compression-level": "99"}),
         "compression-level"),
        (export("registry", ref="r/c", compression="estargz", **{"oci-mediatypes": "false"}),
         "oci-mediatypes"),
        (export("registry", ref="r/c:{git_brunch}"), "ref"),
        (export("s3", bucket="b", region="r", access_key_id="env:NOT_SET",
                secret_access_key="env:NOT_SET"), "access_key_id"),
        (CacheFields("import", "s3", (("bucket", "b"), ("region", "r"), ("name", "a;b"))), "name"),
    ],
)  # fmt: skip
def test_a_fault_stands_beside_its_field(row, place):
    found = faults(form(row))
    assert found[(row.direction, 0, place)] == "error"


def test_rows_are_checked_together():
    row = export("registry", ref="r/c")
    assert faults(form(row, row)) == {("export", 1, "type"): "error"}
    inline = form(export("inline"), destination="docker")
    assert faults(inline) == {("export", 0, "type"): "error"}
    assert faults(form(export("inline"))) == {}


def test_what_the_environment_brings_is_not_missing():
    row = export("s3")
    environ = {"AWS_BUCKET": "b", "AWS_REGION": "r"}
    assert faults(form(row), environ=environ) == {}
    (bucket,) = [option for option in options_for("s3", "export") if option.name == "bucket"]
    assert placeholder(row, bucket, environ) == "from $AWS_BUCKET"


def test_a_secret_typed_in_counts_and_one_that_is_unknown_does_not():
    row = export("s3", bucket="b", region="r", access_key_id="***", secret_access_key="***")
    unknown = faults(form(row))
    assert unknown == {
        ("export", 0, "access_key_id"): "missing",
        ("export", 0, "secret_access_key"): "missing",
    }
    secrets = {("export", 0, "access_key_id"): "A", ("export", 0, "secret_access_key"): "hunter2"}
    assert faults(form(row), secrets=secrets) == {}
    assert "hunter2" not in repr(check_form(form(row), secrets, {}))


def test_the_builder_counts():
    row = export("s3", bucket="b", region="r")
    assert faults(form(row), facts=BuilderFacts("docker", "0.8.2")) == {
        ("export", 0, "type"): "error"
    }
    old = BuilderFacts("buildkit", "0.11.0")
    row = export("registry", ref="r/c", **{"image-manifest": "true"})
    assert faults(form(row), facts=old) == {("export", 0, "image-manifest"): "error"}


@pytest.mark.parametrize(
    ("row", "option", "reason"),
    [
        (export("registry", compression="uncompressed"), "compression-level", "has no level"),
        (export("registry", compression="zstd"), "oci-mediatypes", "needs OCI media types"),
        (export("registry", **{"oci-mediatypes": "false"}), "image-manifest", "OCI"),
        (CacheFields("import", "local", (("digest", "x"),)), "tag", "digest"),
        (CacheFields("import", "local", (("tag", "x"),)), "digest", "tag"),
        (export("registry"), "compression-level", None),
        (export("registry", compression="gzip"), "oci-mediatypes", None),
    ],
)
def test_dependent_options_are_enabled_and_disabled(row, option, reason):
    (found,) = [o for o in options_for(row.type, row.direction) if o.name == option]
    said = availability(row, found, None)
    assert said is None if reason is None else reason in said


def test_an_option_newer_than_the_builder_is_disabled():
    row = export("registry")
    (option,) = [o for o in options_for("registry", "export") if o.name == "image-manifest"]
    assert "0.12.0" in availability(row, option, BuilderFacts("buildkit", "0.11.0"))
    assert availability(row, option, BuilderFacts("buildkit", "0.25.1")) is None
