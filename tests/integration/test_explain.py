"""Why a step ran again: each test changes one thing on a real builder and asks for the cause."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.insight.explain import explain_build
from envd_jupyter.builds.insight.past import load_earlier, load_past

if TYPE_CHECKING:
    from pathlib import Path

    from envd_jupyter.builds.insight.causes import Explanation
    from envd_jupyter.builds.result import BuildResult

_numbers = itertools.count(1)


class Story:
    """A project that is built again and again."""

    def __init__(self, builds, services, folder: Path) -> None:
        self.builds = builds
        self.services = services
        self.folder = folder
        self.builder = services.buildkitd()
        self.base = services.base_image(kind="tiny")
        # No other story's steps: the builder is shared.
        self.mark = f"{os.getpid()}.{next(_numbers)}"
        folder.mkdir(exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / "a.txt").write_text("first\n")
        self.last: BuildResult | None = None

    def write(self, *lines: str, base: str | None = None, head: str = "") -> None:
        body = "\n".join(f"    {line}" for line in lines)
        text = f'# syntax=v1\n\ndef build():\n    base(image="{base or self.base}", dev=False)\n'
        (self.folder / "build.envd").write_text(f"{text}{head}{body}\n")

    def run(self, *steps: str, **more) -> dict[str, Explanation]:
        """Build with these commands as steps and return why each step ran, by its name."""
        builder = more.pop("builder", self.builder)
        if steps:
            self.write(*(self.step(step) for step in steps), base=more.pop("base", None))
        exports, imports = more.pop("exports", ()), more.pop("imports", ())
        ending = more.pop("ending", "succeeded")
        self.last = self.builds.run(self.folder, builder, exports, imports, **more)
        assert self.last.state == ending, self.last.message
        return self.why()

    def image(self, name: str, command: str) -> str:
        """Push the base image with one more layer and return its reference.

        Not by envd, which would add variables: with several of them their order is random.
        """
        folder = self.folder.with_name("image")
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(f"FROM {self.base}\nRUN {command}\n")
        reference = self.services.registry.ref(name)
        self.builder.buildctl(
            *("build", "--frontend", "dockerfile.v0", "--local", f"context={folder}"),
            *("--local", f"dockerfile={folder}"),
            *("--output", f"type=image,name={reference},push=true"),
        )
        return reference

    def why(self) -> dict[str, Explanation]:
        path = self.last.path
        build = load_past(path)
        return {e.name: e for e in explain_build(build, load_earlier(build, path))}

    def step(self, step: str) -> str:
        """Write a command as a step, and anything with a bracket as it is."""
        return (
            step
            if step.startswith(("io.", "run(", "install."))
            else f'run(commands=["{step} # {self.mark}"])'
        )

    def name(self, step: str) -> str:
        return f"{step} # {self.mark}"


@pytest.fixture
def story(builds, services, tmp_path):
    return Story(builds, services, tmp_path / "proj")


def kinds(found: dict[str, Explanation]) -> dict[str, list[str]]:
    return {name.partition(" #")[0]: [c.kind for c in e.causes] for name, e in found.items()}


def only(found: dict[str, Explanation]) -> Explanation:
    (explanation,) = found.values()
    return explanation


def test_nothing_ran_nothing_to_explain(story):
    story.run("echo 1", "echo 2")
    assert story.run() == {}


def test_the_first_build(story):
    found = story.run("echo 1", "echo 2")
    assert kinds(found) == {"echo 1": ["first-build"], "echo 2": ["first-build"]}


def test_a_command(story):
    story.run("echo 1", "echo two", "echo 3")
    found = story.run("echo 1", "echo 2", "echo 3")
    assert kinds(found) == {"echo 2": ["command"], "echo 3": ["command"]}
    cause = found[story.name("echo 3")].cause
    assert cause.step == story.name("echo 2")
    assert found[story.name("echo 3")].follows
    assert not found[story.name("echo 2")].follows
    assert any("echo two" in line for line in cause.differences)


def test_two_commands_the_first_is_the_cause(story):
    story.run("echo 1", "echo 2", "echo 3")
    found = story.run("echo one", "echo 2", "echo three")
    assert kinds(found) == {
        "echo one": ["command"],
        "echo 2": ["command"],
        "echo three": ["command"],
    }
    last = found[story.name("echo three")]
    assert last.cause.step == story.name("echo one")
    assert [cause.kind for cause in last.also] == ["command"]


def test_a_new_step(story):
    story.run("echo 1", "echo 2")
    found = story.run("echo 1", "echo new", "echo 2")
    assert kinds(found) == {"echo new": ["new-step"], "echo 2": ["new-step"]}
    assert found[story.name("echo 2")].cause.step == story.name("echo new")


def test_a_new_step_at_the_end(story):
    story.run("echo 1")
    assert kinds(story.run("echo 1", "echo 2")) == {"echo 2": ["new-step"]}


def test_a_removed_step(story):
    story.run("echo 1", "echo 2", "echo 3")
    found = story.run("echo 1", "echo 3")
    assert kinds(found) == {"echo 3": ["removed-step"]}
    assert "echo 2" in only(found).cause.text


def test_another_order(story):
    story.run("echo 1", "echo 2", "echo 3")
    found = story.run("echo 2", "echo 1", "echo 3")
    assert set(kinds(found)) == {"echo 1", "echo 2", "echo 3"}
    assert {kind for causes in kinds(found).values() for kind in causes} == {"order"}


def test_an_environment_variable(story):
    step = story.step("echo 1")
    story.write('runtime.environ(env={"COLOR": "red"})', step)
    story.run()
    story.write('runtime.environ(env={"COLOR": "blue"})', step)
    cause = only(story.run()).cause
    assert cause.kind == "environment"
    assert "COLOR: red → blue" in cause.differences


def test_a_secret_variable_is_not_shown(story):
    step = story.step("echo 1")
    story.write('runtime.environ(env={"API_TOKEN": "hunter2"})', step)
    story.run()
    story.write('runtime.environ(env={"API_TOKEN": "hunter3"})', step)
    cause = only(story.run()).cause
    assert cause.kind == "environment"
    assert "hunter" not in str(cause)


def test_variables_in_another_order(story):
    """The one change nobody made: envd shuffles the variables."""
    names = [f"V{number}" for number in range(9)]
    variables = ", ".join(f'"{name}": "1"' for name in names)
    story.write(f"runtime.environ(env={{{variables}}})", story.step("echo 1"))
    story.run()
    cause = only(story.run()).cause
    assert cause.kind == "environment-order"
    assert "random order" in cause.hint


def test_a_project_under_another_name(story):
    story.run("echo 1")
    moved = story.folder.with_name("moved")
    shutil.copytree(story.folder, moved)
    first = load_past(story.last.path)
    story.folder = moved
    story.run()
    build = load_past(story.last.path)
    first.state.start["project"] = build.project
    (explanation,) = explain_build(build, [first])
    assert explanation.cause.kind == "directory"
    assert "/proj to " in explanation.cause.text


def test_another_base_image(story, registry):
    other = story.services.base_image(kind="py")
    story.run("echo 1")
    cause = only(story.run("echo 1", base=other)).cause
    assert cause.kind == "base-image"
    assert "base:py instead of" in cause.text


def retag(registry, source: str, target: str, layer_of: str | None = None) -> str:
    places = [f"docker://{source}", f"docker://{target}"]
    done = subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", *places],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_a_base_image_whose_tag_moved(story, registry):
    base = retag(registry, story.base, registry.ref(f"moving/base:{story.mark}"))
    story.run("echo 1", "echo 2", base=base)
    retag(registry, story.services.base_image(kind="py"), base)
    found = story.run("echo 1", "echo 2", base=base)
    assert kinds(found) == {"echo 1": ["base-image-moved"], "echo 2": ["base-image-moved"]}
    cause = found[story.name("echo 1")].cause
    assert base in cause.text
    assert "sha256:" in cause.differences[0]
    assert f"{base}@sha256:" in cause.hint


def test_a_changed_file(story):
    story.run('io.copy("data", "/data")', "echo 1")
    (story.folder / "data" / "a.txt").write_text("second\n")
    found = story.run()
    assert set(kinds(found)) == {"copy /data /data", "echo 1"}
    for explanation in found.values():
        assert explanation.cause.kind == "files"
        assert explanation.cause.differences == ("data/a.txt: changed, 6 → 7 bytes",)


def test_a_file_of_the_same_size(story):
    story.run('io.copy("data", "/data")')
    (story.folder / "data" / "a.txt").write_text("f1rst\n")
    cause = only(story.run()).cause
    assert cause.differences == ("data/a.txt: changed, 6 bytes as before",)


def test_files_added_and_removed(story):
    story.run('io.copy("data", "/data")')
    (story.folder / "data" / "a.txt").rename(story.folder / "data" / "b.txt")
    cause = only(story.run()).cause
    assert cause.kind == "files"
    assert cause.differences == ("data/a.txt: removed", "data/b.txt: added, 6 bytes")


def test_a_mode(story):
    story.run('io.copy("data", "/data")')
    (story.folder / "data" / "a.txt").chmod(0o755)
    assert only(story.run()).cause.differences == ("data/a.txt: changed, 6 bytes as before",)


def test_a_touched_file_is_no_change(story):
    story.run('io.copy("data", "/data")')
    os.utime(story.folder / "data" / "a.txt", (1, 1))
    assert story.run() == {}


def test_a_file_that_is_not_copied_is_no_cause(story):
    story.run('io.copy("data", "/data")', "echo 1")
    (story.folder / "notes.txt").write_text("new")
    assert story.run() == {}
    (story.folder / "notes.txt").write_text("newer")
    assert kinds(story.run('io.copy("data", "/data")', "echo one")) == {"echo one": ["command"]}


def test_a_mounted_project(story):
    mounted = f'run(commands=["ls . # {story.mark}"], mount_host=True)'
    story.run("echo 1", mounted, "echo 2")
    (story.folder / "notes.txt").write_text("new")
    found = story.run()
    assert kinds(found) == {"ls .": ["files"], "echo 2": ["files"]}
    cause = found[story.name("ls .")].cause
    assert cause.differences == ("notes.txt: added, 3 bytes",)
    assert "whole project" in cause.hint


def test_copied_from_elsewhere(story):
    (story.folder / "more").mkdir()
    (story.folder / "more" / "a.txt").write_text("first\n")
    story.run('io.copy("data", "/data")')
    found = story.run('io.copy("data", "/other")')
    assert only(found).cause.kind == "copy"
    found = story.run('io.copy("more", "/other")')
    assert {cause.kind for e in found.values() for cause in e.causes} <= {"copy"}


def test_another_platform(story):
    story.run("echo 1", "echo 2")
    found = story.run(platform=("linux/386",))
    assert kinds(found) == {"echo 1": ["platform"], "echo 2": ["platform"]}
    assert "linux/386 now" in found[story.name("echo 1")].cause.text
    assert story.run() == {}


def test_a_mount_that_appears(story):
    plain = f'run(commands=["ls . # {story.mark}"])'
    story.run(plain)
    found = story.run(plain.replace("])", "], mount_host=True)"))
    assert only(found).cause.kind == "mount"


def test_a_pruned_builder(story):
    builder = story.services.second_builder()
    builder.restart_empty()
    story.run("echo 1", "echo 2", builder=builder)
    builder.buildctl("prune", "--all")
    found = story.run(builder=builder)
    assert kinds(found) == {"echo 1": ["pruned"], "echo 2": ["pruned"]}
    assert "0 records" in found[story.name("echo 1")].cause.evidence[0]


def test_pruned_back_to_an_older_command(story):
    builder = story.services.second_builder()
    builder.restart_empty()
    story.run("echo 1", builder=builder)
    builder.buildctl("prune", "--all")
    story.run("echo 2", builder=builder)
    found = story.run("echo 1", builder=builder)
    assert kinds(found) == {"echo 1": ["pruned"]}
    assert [cause.kind for cause in only(found).also] == ["command"]


def test_back_to_an_older_command_is_cached(story):
    story.run("echo 1")
    story.run("echo 2")
    assert story.run("echo 1") == {}


def test_a_builder_whose_state_was_removed(story):
    builder = story.services.second_builder()
    builder.restart_empty()
    story.run("echo 1", builder=builder)
    builder.restart_empty()
    cause = only(story.run(builder=builder)).cause
    assert cause.kind == "builder-reset"
    assert "worker" in cause.evidence[0]


def test_another_builder(story):
    other = story.services.second_builder()
    other.restart_empty()
    story.run("echo 1")
    cause = only(story.run(builder=other)).cause
    assert cause.kind == "other-builder"
    assert story.builder.address in cause.evidence[0]


def test_a_missing_import(story, registry):
    other = story.services.second_builder()
    other.restart_empty()
    story.run("echo 1")
    gone = f"type=registry,ref={registry.ref('gone/cache:1')}"
    cause = only(story.run(builder=other, imports=[gone])).cause
    assert cause.kind == "import-missing"
    assert any(gone in line for line in cause.differences)
    assert any(story.builder.address in line for line in cause.evidence)


def test_a_failed_import(story):
    other = story.services.second_builder()
    other.restart_empty()
    story.run("echo 1")
    broken = "type=registry,ref=127.0.0.1:9/none:1"
    cause = only(story.run(builder=other, imports=[broken])).cause
    assert cause.kind == "import-failed"
    assert "refused" in cause.text


def test_an_import_without_the_step(story, registry):
    other = story.services.second_builder()
    other.restart_empty()
    cache = f"type=registry,ref={registry.ref(f'without/cache:{story.mark}')}"
    story.run("echo 1", "echo 2", exports=[f"{cache},mode=max"])
    exporter = story.last.id
    story.run("echo 1", "echo two")
    found = story.run(builder=other, imports=[cache])
    assert kinds(found) == {"echo two": ["import-without"]}
    assert exporter in str(only(found).cause.evidence)


def test_the_first_build_here_with_an_import(story, registry):
    cache = f"type=registry,ref={registry.ref(f'first/cache:{story.mark}')}"
    elsewhere = Story(story.builds, story.services, story.folder.with_name("elsewhere"))
    elsewhere.run("echo else", exports=[f"{cache},mode=max"])
    other = story.services.second_builder()
    other.restart_empty()
    assert only(story.run("echo 1", builder=other, imports=[cache])).cause.kind == "import-without"


def test_an_import_that_was_dropped(story, registry):
    cache = f"type=registry,ref={registry.ref(f'dropped/cache:{story.mark}')}"
    story.run("echo 1", "echo 2", exports=[f"{cache},mode=max"])
    other = story.services.second_builder()
    other.restart_empty()
    assert story.run(builder=other, imports=[cache]) == {}
    other.buildctl("prune", "--all")
    found = story.run(builder=other)
    assert kinds(found) == {"echo 1": ["import-dropped"], "echo 2": ["import-dropped"]}
    assert cache in found[story.name("echo 1")].cause.hint


@pytest.mark.shows("registry export mode")
def test_mode_min_leaves_out_what_is_not_in_the_image(story, registry):
    """The stage that downloads Go is no part of the image: only mode=max would keep it."""
    shell = "chmod +x /bin/wget; ln -sf bash /bin/sh"  # busybox's own would not look for it
    wget = "rm /bin/wget; echo tar -czf /tmp/golang.linux.tar.gz /etc > /bin/wget"
    story.image("curl/curl-container/curl-multi:8.17.0", f"{wget}; {shell}")
    bases = [story.image(f"go/base:{n}", f"mkdir -p /usr/local/{n}") for n in (1, 2)]
    mirror = f'[registry."ghcr.io"]\n  mirrors = ["{registry.host}"]'
    first, second = (story.services.new_buildkitd(config=mirror) for _ in range(2))
    cache = f"type=registry,ref={registry.ref(f'min/cache:{story.mark}')}"
    story.run("install.go()", base=bases[0], builder=first, exports=[f"{cache},mode=min"])
    found = story.run("install.go()", base=bases[1], builder=second, imports=[cache])
    assert kinds(found) == {
        "download go 1.25.3": ["mode-min"],
        "prepare go 1.25.3": ["base-image"],
        "install go 1.25.3": ["base-image"],
    }
    assert "mode=max" in found["download go 1.25.3"].cause.hint


def test_a_step_that_failed_before(story):
    story.run("echo 1", "test -e /nowhere", "echo 3", ending="failed")
    found = story.run("echo 1", "true", "echo 3")
    assert kinds(found) == {"true": ["command"], "echo 3": ["command"]}


def test_a_failed_build_tried_again(story):
    flaky = "test $(date +%s) -gt {}"
    later = int(time.time()) + 6
    story.run("echo 1", flaky.format(later), "echo 3", ending="failed")
    time.sleep(max(later - time.time() + 1, 0))
    found = story.run()
    assert sorted(kinds(found).values()) == [["unfinished"], ["unfinished"]]
    assert "failed" in found[story.name(flaky.format(later))].cause.text


@pytest.fixture(scope="module")
def engine(services):
    return services.docker()


def on_docker(story, engine) -> dict[str, str]:
    return {"builder": engine.address, "output": f"type=image,name=why/{id(story)}:1"}


def test_on_docker_engine(story, engine):
    """Its BuildKit tells less: what it does not tell must not be made up."""
    where = on_docker(story, engine)
    story.run('io.copy("data", "/data")', "echo 1", **where)
    assert story.run(**where) == {}
    (story.folder / "data" / "a.txt").write_text("second\n")
    assert {e.cause.kind for e in story.run(**where).values()} == {"files"}
    found = story.run('io.copy("data", "/data")', "echo one", **where)
    assert kinds(found) == {"echo one": ["command"]}


def test_a_pruned_docker_engine(story, engine):
    where = on_docker(story, engine)
    story.run("echo 1", **where)
    command = ["docker", "-H", engine.address.removeprefix("docker+"), "builder", "prune", "-af"]
    subprocess.run(command, check=True, capture_output=True)
    found = story.run(**where)
    assert {kind for causes in kinds(found).values() for kind in causes} <= {"pruned", "unknown"}


def test_another_kind_of_builder(story, engine):
    fake = "echo echo ok > /bin/apt-get; chmod +x /bin/apt-get"
    base = story.image("kinds/base:1", fake)
    story.run('install.apt_packages(name=["none"])', "echo 1", base=base)
    found = story.run(**on_docker(story, engine))
    assert found[story.name("echo 1")].cause.kind == "builder-kind"
