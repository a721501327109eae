"""The report, its text, its page and its pictures."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from envd_jupyter.buildkit.control import UsageRecord
from envd_jupyter.builds.insight.charts import savings_svg, timeline_svg
from envd_jupyter.builds.insight.evidence import Holding, materials
from envd_jupyter.builds.insight.figures import amount, seconds
from envd_jupyter.builds.insight.reporthtml import page, report_html
from tests.unit.insight.graphs import chain

EVIL = "echo '<script>alert(1)</script>' & \"q\""


def test_figures():
    assert seconds(0.04) == "0.0 s"
    assert seconds(12.4) == "12 s"
    assert seconds(125) == "2 min 5 s"
    assert seconds(3720) == "1 h 2 min"
    assert seconds(None) == "unknown"
    assert amount(999) == "999 B"
    assert amount(1_400_000_000) == "1.4 GB"
    assert amount(123_000) == "123 kB"


def test_savings_are_those_of_the_last_run(records):
    records.add(chain("a", "b"), seconds={"a": 3.0, "b": 5.0})
    records.add(chain("a", "b"), cached=["a"], seconds={"b": 4.0})
    report = records.report(chain("a", "b"), cached=["a", "b"])
    assert [step.last for step in report.real] == pytest.approx([3.0, 4.0], abs=0.01)
    assert report.saved == pytest.approx(7.0, abs=0.01)


def test_what_never_ran_here_has_no_known_saving(records):
    report = records.report(chain("a"), cached=["a"])
    assert report.saved == 0
    assert report.unknown_savings == 1
    assert "not known" in report.text()


def test_pictures_are_well_formed_and_say_what_they_show(records):
    records.add(chain(EVIL), seconds={EVIL: 2.0})
    report = records.report(chain(EVIL, "b"), cached=[EVIL], seconds={"b": 1.0})
    for picture in (timeline_svg(report), savings_svg(report)):
        root = ElementTree.fromstring(picture)
        assert root.get("role") == "img"
        described = root.findtext("{http://www.w3.org/2000/svg}desc")
        assert "<script>" in described  # as text, that is
        assert "1.0 s" in described
        assert "<script" not in picture
        assert "fill:currentColor" in picture, "words take the colour of the page"
        assert "--jp-" in picture
        assert not re.search(r"(?:href|src|on\w+)=", picture)


def test_no_steps_no_pictures(records):
    report = records.report(chain("a"), unfinished=["a", "docker-image://docker.io/library/base:1"])
    assert timeline_svg(report) == ""
    assert savings_svg(report) == ""
    assert "<svg" not in report_html(report)


def test_many_steps_are_bounded(records):
    steps = [f"step {number}" for number in range(500)]
    picture = timeline_svg(records.report(chain(*steps), seconds=0.1))
    assert picture.count("<rect") == 40
    assert len(picture) < 40_000


def test_a_page_escapes_everything(records):
    report = records.report(chain(EVIL))
    shown = page(report, log="<b>log</b>")
    assert "<script" not in shown
    assert "<b>log" not in shown
    assert report.id in shown
    json.dumps(report.to_json())


def test_the_materials_of_a_provenance():
    uri = "pkg:docker/localhost%3A5000/me/base@1.2?platform=linux%2Famd64"
    found = materials(
        {
            "materials": [
                {"uri": uri, "digest": {"sha256": "aa"}},
                {"uri": "pkg:docker/python@3.11", "digest": {"sha256": "bb"}},
                {"uri": "pkg:docker/me/x@1", "digest": {"sha256": "cc"}},
                {"uri": "https://x.y/z", "digest": {"sha256": "dd"}},
                {"uri": "pkg:docker/none@1"},
            ]
        }
    )
    assert found == {
        "docker-image://localhost:5000/me/base:1.2": "sha256:aa",
        "docker-image://localhost:5000/me/base:1.2#linux/amd64": "sha256:aa",
        "docker-image://docker.io/library/python:3.11": "sha256:bb",
        "docker-image://docker.io/me/x:1": "sha256:cc",
        "https://x.y/z": "sha256:dd",
    }
    newer = {
        "buildDefinition": {"resolvedDependencies": [{"uri": "https://x", "digest": {"a": "b"}}]}
    }
    assert materials(newer) == {"https://x": "a:b"}
    assert materials([]) == {}


def test_a_holding_survives_json():
    record = UsageRecord(
        "i", 5, "regular", "imported sha256:x", False, False, False, 1, 2.0, 3.0, ()
    )
    other = UsageRecord(
        "j", 7, "regular", "mount / from exec a", False, False, False, 1, 4.0, 5.0, ()
    )
    held = Holding.of([record, other])
    assert held.layers == {"sha256:x"}
    assert held.made == {"mount / from exec a": (4.0,)}
    assert Holding.from_json(json.loads(json.dumps(held.to_json()))) == held
