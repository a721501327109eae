"""Cache settings: what is right survives a round trip, what cannot work is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envd_jupyter.cache.csvfield import format_fields, parse_fields
from envd_jupyter.cache.entry import CacheEntry, make_cache_entry, parse_cache_entry
from envd_jupyter.cache.options import (
    CACHE_TYPES,
    COMPRESSION_LEVELS,
    OPTIONS,
    describe_table,
    options_for,
    types_for,
)
from envd_jupyter.errors import CacheSettingError

DIGEST = "sha256:" + "0f" * 32

# Every setting that the reference of the five types shows or names.
REFERENCE = [
    ("export", "type=registry,ref=docker.io/username/image"),
    ("export", "type=registry,ref=docker.io/user/image:tag,mode=min"),
    ("export", "type=registry,ref=docker.io/user/image:tag,mode=max,oci-mediatypes=true"),
    ("export", "type=registry,ref=localhost:5000/a,compression=uncompressed"),
    ("export", "type=registry,ref=localhost:5000/a,compression=gzip,compression-level=9"),
    ("export", "type=registry,ref=localhost:5000/a,compression=estargz,compression-level=0"),
    ("export", "type=registry,ref=localhost:5000/a,compression=zstd,compression-level=22"),
    ("export", "type=registry,ref=localhost:5000/a,force-compression=true,oci-mediatypes=false"),
    ("import", "type=registry,ref=docker.io/user/image:tag"),
    ("export", "type=inline"),
    ("export", "type=local,dest=path/to/output-dir"),
    ("export", "type=local,dest=d,mode=max,compression=zstd,force-compression=true,tag=v1"),
    ("import", "type=local,src=path/to/input-dir"),
    ("import", f"type=local,src=d,digest={DIGEST}"),
    ("import", "type=local,src=d,tag=v1"),
    ("export", "type=gha"),
    ("export", "type=gha,url=https://cache.example.com/,token=t,mode=max,scope=main"),
    ("import", "type=gha,scope=main"),
    ("export", "type=s3,region=eu-west-1,bucket=my_bucket,name=my_image"),
    ("export", "type=s3,region=eu-west-1,bucket=b,prefix=p/,name=sha;branch,mode=max"),
    ("export", "type=s3,bucket=b,blobs_prefix=x/,manifests_prefix=y/,use_path_style=true"),
    ("import", "type=s3,region=eu-west-1,bucket=my_bucket,name=my_image"),
    ("import", "type=s3,endpoint_url=http://127.0.0.1:9000,access_key_id=a,secret_access_key=b"),
]

# (direction, setting, the option at fault, words of the message, words of the hint)
WRONG = [
    ("export", "type=regestry,ref=a/b", "type", "no cache type 'regestry'", "registry"),
    ("export", "ref=a/b", "type", "names no type", "type=TYPE"),
    ("import", "type=inline", "type", "not imported as type=inline", "type=registry,ref=IMAGE"),
    ("export", "type=registry,ref=a/b,compresion=gzip", "compresion", "no option", "compression"),
    ("export", "type=registry,ref=a/b,oci_mediatypes=true", "oci_mediatypes", "no option",
     "Did you mean oci-mediatypes"),
    ("export", "type=s3,bucket=b,region=r,use-path-style=true", "use-path-style", "no option",
     "Did you mean use_path_style"),
    ("import", "type=registry,ref=a/b,mode=max", "mode", "belongs to registry cache exports", ""),
    ("export", "type=s3,bucket=b,region=r,compression=gzip", "compression", "registry, local has",
     "Its options are"),
    ("export", "type=gha,force-compression=true", "force-compression", "no option", ""),
    ("export", "type=inline,mode=max", "mode", "no option 'mode'", "takes no options"),
    ("export", "type=registry,ref=a/b,mode=foo", "mode", "mode=foo", "min, max"),
    ("export", "type=registry,ref=a/b,mode=MAX", "mode", "mode=MAX", "Did you mean max"),
    ("export", "type=registry,ref=a/b,oci-mediatypes=yes", "oci-mediatypes", "yes", "true or"),
    ("export", "type=registry,ref=a/b,compression=lz4", "compression", "lz4", "zstd"),
    ("export", "type=registry,ref=a/b,compression-level=fast", "compression-level", "fast", ""),
    ("export", "type=registry,ref=a/b,compression-level=99", "compression-level", "out of range",
     "gzip takes 0 to 9"),
    ("export", "type=registry,ref=a/b,compression=estargz,compression-level=99",
     "compression-level", "out of range", "0 to 9"),
    ("export", "type=registry,ref=a/b,compression=zstd,compression-level=99", "compression-level",
     "out of range", "zstd takes 0 to 22"),
    ("export", "type=registry,ref=a/b,compression=zstd,compression-level=-9", "compression-level",
     "out of range", "0 to 22"),
    ("export", "type=registry,ref=a/b,compression=uncompressed,compression-level=1",
     "compression-level", "has no level", "Leave"),
    ("export", "type=registry,ref=a/b,compression=estargz,oci-mediatypes=false", "oci-mediatypes",
     "needs oci-mediatypes=true", "gzip"),
    ("export", "type=local,dest=d,compression=zstd,oci-mediatypes=0", "oci-mediatypes", "needs",
     ""),
    ("export", "type=registry,ref=a/b,image-manifest=true,oci-mediatypes=false", "oci-mediatypes",
     "image-manifest", ""),
    ("export", "type=registry", "ref", "needs ref", "Add ref="),
    ("import", "type=registry", "ref", "needs ref", ""),
    ("export", "type=local", "dest", "needs dest", ""),
    ("export", "type=local,src=d", "src", "belongs to local cache imports", "Did you mean dest"),
    ("import", "type=local,dest=d", "dest", "belongs to local cache exports", "Did you mean src"),
    ("import", "type=local", "src", "needs src", ""),
    ("import", "type=registry,ref=", "ref", "empty", ""),
    ("import", "type=registry,ref=https://a/b", "ref", "scheme", "HOST/NAME:TAG"),
    ("import", "type=registry,ref=docker.io/Me/ML", "ref", "lower case", ""),
    ("import", "type=registry,ref=a/b:", "ref", "no image reference", ""),
    ("import", "type=registry,ref=a b", "ref", "blank", ""),
    ("import", f"type=registry,ref=a/b@{DIGEST[:-2]}", "ref", "64", ""),
    ("import", "type=local,src=d,digest=sha256:12", "digest", "not a digest", "64"),
    ("import", f"type=local,src=d,tag=t,digest={DIGEST}", "digest", "not both", ""),
    ("export", "type=local,dest=d,tag=a b", "tag", "not a tag", ""),
    ("import", "type=s3,bucket=b,region=r,name=a;b", "name", "reads only the first", "for each"),
    ("export", "type=s3,bucket=b,region=r,name=a;;b", "name", "empty name", "semicolon"),
    ("export", "type=s3,bucket=b,region=r,name=a;a", "name", "twice", ""),
    ("export", "type=s3,bucket=s3://b,region=r", "bucket", "not the name of a bucket", "s3://"),
    ("export", "type=s3,bucket=b,region=r,use_path_style=si", "use_path_style", "si", ""),
    ("export", "type=s3,bucket=b,region=r,touch_refresh=soon", "touch_refresh", "duration", "24h"),
    ("export", "type=s3,bucket=b,region=r,upload_parallelism=0", "upload_parallelism", "less", ""),
    ("export", "type=s3,bucket=b,region=r,endpoint_url=minio:9000", "endpoint_url", "address", ""),
    ("export", "type=s3,bucket=b,region=r,access_key_id=CANARY", "secret_access_key", "half", ""),
    ("export", "type=gha,scope=a b", "scope", "blank", ""),
    ("export", "type=gha,version=3", "version", "3", "1, 2"),
    ("export", "type=gha,version=1,url_v2=http://a/", "url_v2", "version 2", ""),
    ("export", "type=registry,ref=a/b,ref=c/d", "ref", "given twice", "one of the two"),
    ("export", "type=registry,,ref=a/b", None, "field 2 is empty", "comma"),
    ("export", "type=registry,ref", "ref", "has no value", "key=a,b"),
    ("export", "type=registry, ref=a/b", "ref", "blank before", "without blanks"),
    ("export", "type=registry,ref=a/b ", "ref", "blank", ""),
    ("export", 'type=registry,"ref=a/b', None, "quotes", ""),
    ("export", 'type=registry,re"f=a/b"', None, "quotes", ""),
    ("export", "type=registry,ref=a\n/b", None, "one line", ""),
    ("export", "", None, "empty", ""),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "text"), REFERENCE)
def test_every_setting_of_the_reference_is_taken(direction, text):
    entry = parse_cache_entry(text, direction)
    assert parse_cache_entry(entry.to_csv(), direction) == entry
    assert CacheEntry.from_json(entry.to_json()) == entry
    assert entry.to_csv() == text


@pytest.mark.parametrize(("direction", "text", "option", "words", "hint"), WRONG)
def test_what_cannot_work_is_refused(direction, text, option, words, hint):
    with pytest.raises(CacheSettingError) as caught:
        parse_cache_entry(text, direction)
    assert words in caught.value.message
    assert caught.value.option == option
    assert hint in (caught.value.hint or "")
    assert "CANARY" not in str(caught.value)


def test_a_wrong_secret_is_masked():
    with pytest.raises(CacheSettingError) as caught:
        parse_cache_entry("type=gha,token=", "export")
    assert "***" in str(caught.value)
    entry = parse_cache_entry(
        "type=s3,access_key_id=CANARY1,secret_access_key=CANARY2,session_token=CANARY3", "export"
    )
    assert "CANARY" not in repr(entry) + str(entry) + entry.redacted().to_csv()
    assert entry.get("secret_access_key") == "CANARY2"


def value_for(option, cache_type, direction):
    words = st.text("abcXYZ019-_. ,\"'é=", min_size=1, max_size=12).map(str.strip).filter(bool)
    names = st.from_regex(r"\A[a-z0-9][a-z0-9]{2,9}\Z")
    return {
        "choice": st.sampled_from(option.values or ("x",)),
        "flag": st.sampled_from(["true", "false", "1", "0", "T", "False"]),
        "integer": st.integers(1, 9).map(str),
        "reference": st.builds("{}/{}:{}".format, st.sampled_from(["h:5", "a.b"]), names, names),
        "digest": st.binary(min_size=32, max_size=32).map(lambda b: "sha256:" + b.hex()),
        "url": st.builds("http://{}/".format, names),
        "duration": st.sampled_from(["10m", "1h30m", "2.5s"]),
        "path": words,
        "text": names if option.name in ("bucket", "scope", "tag", "name") else words,
    }[option.kind]


@st.composite
def entries(draw):
    direction = draw(st.sampled_from(["export", "import"]))
    cache_type = draw(st.sampled_from(types_for(direction)))
    attrs = {}
    for option in draw(st.permutations(options_for(cache_type, direction))):
        if option.required or draw(st.booleans()):
            attrs[option.name] = draw(value_for(option, cache_type, direction))
    if attrs.get("compression") == "uncompressed":
        attrs.pop("compression-level", None)
    if attrs.get("compression") in ("estargz", "zstd") or "image-manifest" in attrs:
        attrs.pop("oci-mediatypes", None)
    if "digest" in attrs:
        attrs.pop("tag", None)
    if attrs.get("version") == "1":
        attrs.pop("url_v2", None)
    if ("access_key_id" in attrs) != ("secret_access_key" in attrs):
        attrs.pop("access_key_id", None)
        attrs.pop("secret_access_key", None)
    return make_cache_entry(direction, cache_type, attrs)


@settings(max_examples=400)
@given(entries())
def test_what_is_written_is_read_back(entry):
    assert parse_cache_entry(entry.to_csv(), entry.direction) == entry


@given(st.lists(st.tuples(st.from_regex(r"\A[a-z]{1,5}\Z"), st.text()), unique_by=lambda p: p[0]))
def test_any_value_survives_quoting(pairs):
    pairs = [(k, "".join(c for c in v if c not in "\r\n\0").strip()) for k, v in pairs] or [
        ("a", "b")
    ]
    assert parse_fields(format_fields(pairs)) == pairs


@given(st.text(max_size=60), st.sampled_from(["export", "import"]))
def test_any_text_is_taken_or_refused(text, direction):
    with contextlib.suppress(CacheSettingError):
        entry = parse_cache_entry(text, direction)
        assert parse_cache_entry(entry.to_csv(), direction) == entry


def test_the_table_is_sound():
    assert {t for option in OPTIONS for t in option.types} <= set(CACHE_TYPES)
    for option in OPTIONS:
        assert option.help.endswith(".")
        assert (option.kind == "choice") == bool(option.values)
    table = describe_table()
    assert set(table["export"]) == set(CACHE_TYPES)
    assert "inline" not in table["import"]
    assert COMPRESSION_LEVELS["zstd"][-1] == 22
