"""Checks of several settings together, against the builder, the environment and the token."""

from __future__ import annotations

import base64
import json

import pytest

from envd_jupyter.cache.check import BuilderFacts, check_entries, version_at_least
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.environment import fill_from_environment, read_actions_token
from envd_jupyter.cache.explain import explain, implied_import

NOW = 1_800_000_000.0
PUSHED = "type=image,name=localhost:5000/me/ml,push=true"


def export(text):
    return parse_cache_entry(text, "export")


def import_(text):
    return parse_cache_entry(text, "import")


def problems(exports=(), imports=(), **context):
    context.setdefault("now", NOW)
    return check_entries([export(e) for e in exports], [import_(i) for i in imports], **context)


def token(scopes=(("refs/heads/main", 3),), not_before=NOW - 60, expires=NOW + 3600):
    access = json.dumps([{"Scope": scope, "Permission": p} for scope, p in scopes])
    claims = {"ac": access, "nbf": not_before, "exp": expires}
    parts = ({"alg": "none"}, claims)
    encoded = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts
    ]
    return ".".join([*encoded, "c2ln"])


def test_a_sound_build_has_no_problems():
    cache = "type=registry,ref=localhost:5000/me/c"
    facts = BuilderFacts("buildkit", "0.25.1")
    assert problems([f"{cache},mode=max"], [cache], output=PUSHED, builder=facts) == []


def test_the_same_export_twice():
    (problem,) = problems(["type=registry,ref=a/b"] * 2)
    assert problem.level == "error"
    assert "given twice" in problem.message


def test_the_same_place_twice_with_other_options_is_twice_too():
    assert problems(["type=registry,ref=a/b,mode=max", "type=registry,ref=a/b"])


def test_the_same_import_twice_is_only_odd():
    (problem,) = problems(imports=["type=registry,ref=a/b"] * 2)
    assert problem.level == "warning"


@pytest.mark.parametrize("output", [None, "type=tar,dest=x.tar", "type=image,name=a/b"])
def test_inline_needs_a_pushed_image(output):
    (problem,) = problems(["type=inline"], output=output)
    assert "pushes none" in problem.message
    assert "push=true" in problem.hint
    assert problems(["type=inline"], output=PUSHED) == []


def test_local_exports_of_one_build_share_their_options():
    (problem,) = problems(["type=local,dest=a,mode=max", "type=local,dest=b,mode=min"])
    assert "cannot differ in mode" in problem.message


@pytest.mark.parametrize(
    ("facts", "text", "words"),
    [
        (BuilderFacts("docker", "0.8.2"), "type=registry,ref=a/b", "containerd image store"),
        (BuilderFacts("docker", "0.8.2"), "type=s3,bucket=b,region=r", "envd-jupyter up"),
        (BuilderFacts("docker-containerd", "0.25.1"), "type=s3,bucket=b,region=r", "For s3"),
        (BuilderFacts("buildkit", "0.10.6"), "type=s3,bucket=b,region=r", "envd-jupyter up"),
        (BuilderFacts("buildkit", "0.11.0"), "type=registry,ref=a/b,image-manifest=true", "Leave"),
        (BuilderFacts("buildkit", "0.15.0"),
         "type=s3,bucket=b,region=r,upload_parallelism=8", "Leave upload_parallelism out"),
        (BuilderFacts("buildkit", "0.19.0"),
         f"type=gha,url_v2=http://a/,token={token()}", "url_v2 out"),
    ],
)  # fmt: skip
def test_what_the_builder_cannot_do(facts, text, words):
    found = problems([text], builder=facts)
    assert found
    assert words in found[0].hint
    assert problems([text], builder=BuilderFacts("buildkit", "0.34.2")) == []


def test_docker_reads_caches_it_cannot_write():
    facts = BuilderFacts("docker", "0.8.2")
    assert problems(imports=["type=registry,ref=a/b"], builder=facts) == []
    assert problems(imports=["type=local,src=a"], builder=facts)


def test_versions():
    assert version_at_least("v0.25.1", "0.20.0")
    assert not version_at_least("0.9.3", "0.11")
    assert version_at_least(None, "0.11")
    assert version_at_least("0.34.2-rc1", "0.34.2")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (token(expires=NOW - 7200), "expired 2 hours ago"),
        (token(not_before=NOW + 600), "not valid yet"),
        (token(scopes=[("refs/pull/1", 1)]), "may only read (refs/pull/1)"),
        (token(scopes=[]), "may only read (no scope at all)"),
        ("CANARY-token", "not a JSON Web Token"),
        ("a.b.c", "cannot be read"),
        ("e30.e30.e30", "no access list"),
    ],
)
def test_tokens_that_would_store_nothing(made, words):
    (problem,) = problems([f"type=gha,url=http://a/,token={made}"])
    assert words in problem.message
    assert "CANARY" not in problem.message


def test_a_reading_token_is_good_for_an_import():
    made = token(scopes=[("refs/pull/1", 1)])
    assert problems(imports=[f"type=gha,url=http://a/,token={made}"]) == []
    assert read_actions_token(made).readable


def test_gha_outside_of_actions():
    found = problems(["type=gha"])
    assert {p.option for p in found} == {"token", "url"}
    assert all("GitHub Actions job" in p.hint for p in found)


def test_gha_is_filled_from_the_job():
    job = {"ACTIONS_CACHE_URL": "http://v1/", "ACTIONS_RESULTS_URL": "http://v2/"}
    job["ACTIONS_RUNTIME_TOKEN"] = "t"
    old = fill_from_environment(export("type=gha,scope=x"), job)
    assert (old.get("url"), old.get("url_v2"), old.get("token")) == ("http://v1/", None, "t")
    new = fill_from_environment(export("type=gha"), job | {"ACTIONS_CACHE_SERVICE_V2": "true"})
    assert (new.get("url"), new.get("url_v2"), new.get("version")) == (None, "http://v2/", "2")
    own = fill_from_environment(export("type=gha,url=http://mine/"), job)
    assert (own.get("url"), own.get("url_v2")) == ("http://mine/", None)


def test_s3_is_filled_from_the_environment():
    filled = fill_from_environment(
        import_("type=s3,name=a"), {"AWS_BUCKET": "b", "AWS_REGION": "r", "AWS_SECRET": "no"}
    )
    assert dict(filled.attrs) == {"name": "a", "bucket": "b", "region": "r"}
    (first, second) = problems(["type=s3"])
    assert {first.option, second.option} == {"bucket", "region"}
    assert "$AWS_BUCKET" in first.hint + second.hint


@pytest.mark.parametrize(
    ("exported", "imported"),
    [
        ("type=registry,ref=a/b,mode=max,compression=zstd", "type=registry,ref=a/b"),
        ("type=local,dest=d,tag=t,mode=max", "type=local,src=d,tag=t"),
        ("type=gha,scope=s,mode=max", "type=gha,scope=s"),
        ("type=s3,bucket=b,name=sha;branch,mode=max", "type=s3,bucket=b,name=sha"),
    ],
)
def test_the_import_that_an_export_implies(exported, imported):
    assert implied_import(export(exported)) == import_(imported)


def test_an_inline_export_implies_its_image():
    assert implied_import(export("type=inline"), "a/b:1") == import_("type=registry,ref=a/b:1")
    assert implied_import(export("type=inline")) is None


def test_settings_are_explained_without_secrets():
    entry = export("type=s3,bucket=b,region=r,access_key_id=CANARY,secret_access_key=CANARY")
    text = " ".join(explain(entry))
    assert "the bucket b" in text
    assert "CANARY" not in text
    assert any("every step" in line for line in explain(export("type=local,dest=d,mode=max")))
