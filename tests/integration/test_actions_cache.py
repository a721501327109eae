"""The GitHub Actions cache: both versions of the service, its tokens, and an index that is lost."""

from __future__ import annotations

import pytest

from envd_jupyter.errors import CacheSettingError
from tests.integration.conftest import RANDOM, reused, states


@pytest.mark.shows("gha export mode scope", "gha import scope", "gha both token url url_v2")
@pytest.mark.parametrize("service", ["v1", "v2", "act"])
def test_gha_from_the_jobs_environment(services, builds, project, empty_builder, actions, service):
    cache = services.act_cache() if service == "act" else actions
    job = cache.environ() if service == "act" else cache.environ(int(service[1]))
    builds.environ = builds.environ | job | {"GITHUB_ACTIONS": "true"}
    folder = project(RANDOM, "echo 2")
    result = builds.run(folder, empty_builder(), ["type=gha,mode=max,scope=mine"])
    assert result.ok, result.message
    assert states(result.exports) == ["ok"]
    assert reused(builds, folder, empty_builder(), ["type=gha,scope=mine"]) == (2, 2)
    assert reused(builds, folder, empty_builder(), ["type=gha,scope=other"]) == (0, 2)


@pytest.mark.shows("gha both url url_v2 version token")
@pytest.mark.parametrize("place", ["url={}", "version=1,url={}", "version=2,url={}", "url_v2={}"])
def test_gha_with_address_and_token_given(builds, project, empty_builder, actions, place):
    setting = f"type=gha,{place.format(actions.url)},token={actions.token()}"
    folder = project(RANDOM)
    assert builds.run(folder, empty_builder(), [f"{setting},timeout=5m"]).ok
    assert reused(builds, folder, empty_builder(), [setting]) == (1, 1)
    second = "2" in place
    assert any("twirp" in request for request in actions.requests) == second


@pytest.mark.shows("gha both timeout")
def test_a_service_that_is_out_of_order_is_given_up_after_the_time_said(
    builds, project, buildkitd, actions
):
    """By default BuildKit tries again for ten minutes."""
    setting = f"type=gha,url={actions.url},token={actions.token()},timeout=2s"
    actions.fail("GET .*cache", 500)
    result = builds.run(project("echo out of order"), buildkitd, [setting], [setting])
    assert result.state == "export_failed"
    assert states(result.imports) == ["failed"]


@pytest.mark.shows("fault actions-token")
@pytest.mark.parametrize(
    ("token", "words"),
    [
        (lambda actions: actions.token(lifetime=-3600), "expired"),
        (lambda actions: actions.token([("refs/pull/1", 1)]), "may only read"),
        (lambda _: "CANARY-nonsense", "not a JSON Web Token"),
    ],
)
def test_a_token_that_cannot_work_is_named_before_the_build(
    builds, project, buildkitd, actions, token, words
):
    setting = f"type=gha,url={actions.url},token={token(actions)}"
    with pytest.raises(CacheSettingError, match=words) as caught:
        builds.start(project("echo 1"), buildkitd, [setting])
    assert "CANARY" not in str(caught.value)


@pytest.mark.shows("fault actions-outside")
def test_gha_outside_of_actions_is_told(builds, project, buildkitd):
    with pytest.raises(CacheSettingError) as caught:
        builds.start(project("echo 1"), buildkitd, ["type=gha"])
    assert "GitHub Actions job" in caught.value.hint


@pytest.mark.shows("fault actions-index", "gha export ignore-error")
@pytest.mark.parametrize("version", [1, 2])
def test_an_index_that_was_not_kept_is_noticed(builds, project, empty_builder, actions, version):
    builds.environ = builds.environ | actions.environ(version)
    folder, builder = project(RANDOM), empty_builder()
    first = builds.run(folder, builder, ["type=gha,mode=max"])
    assert states(first.exports) == ["ok"]
    # The layers are there by now: what is still uploaded is the index.
    actions.fail(r"^(PATCH|PUT) ", 400)
    result = builds.run(folder, builder, ["type=gha,mode=max"])
    assert result.state == "export_failed"
    assert "has not kept the index" in result.message
    assert result.exports[0]["state"] == "failed"
    result = builds.run(folder, builder, ["type=gha,scope=other,ignore-error=true"])
    assert result.ok
    assert states(result.exports) == ["failed"]
