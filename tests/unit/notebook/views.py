"""Builds at one moment, made by hand: a running one, a finished one, a failed one, a huge one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envd_jupyter.builds.view import BuildView, ProgressView, StepView

START = 1_764_000_000.0


def step(
    number: int,
    name: str,
    state: str = "done",
    *,
    kind: str = "step",
    at: float = 0.0,
    took: float | None = None,
    progress: list[ProgressView] | None = None,
    log: list[str] | None = None,
    error: str | None = None,
    source: str | None = None,
) -> StepView:
    return {
        "digest": f"sha256:{number:064x}",
        "number": number,
        "name": name,
        "kind": kind,
        "state": state,
        "started": None if state == "waiting" else START + at,
        "completed": START + at + (took or 0) if state in ("done", "failed", "cached") else None,
        "duration": took,
        "progress": progress or [],
        "log_tail": log or [],
        "log_lines": len(log or []),
        "error": error,
        "source": source,
    }


def transfer(name: str, current: int, total: int | None, *, done: bool = False) -> ProgressView:
    return {"id": name, "name": name, "current": current, "total": total, "done": done}


def view(**changes: object) -> BuildView:
    base: BuildView = {
        "version": 1,
        "id": "20261124-101500-3fa9c1",
        "state": "running",
        "phase": "building",
        "title": "churn-model",
        "project": "/home/ada/churn-model",
        "image": "localhost:5000/ada/churn:dev",
        "digest": None,
        "builder": "unix:///run/buildkit/buildkitd.sock",
        "started": START,
        "completed": None,
        "elapsed": 14.2,
        "summary": {
            "total": 15,
            "completed": 12,
            "cached": 9,
            "running": 2,
            "failed": 0,
            "real": 15,
        },
        "steps": [],
        "steps_omitted": 0,
        "cache": {"imports": [], "exports": []},
        "notes": [],
        "error": None,
        "recording": False,
    }
    base.update(changes)  # type: ignore[typeddict-item]
    return base


IMPORT = {
    "entry": "type=registry,ref=localhost:5000/ada/churn-cache",
    "state": "ok",
    "message": None,
    "hint": None,
}
EXPORT = {
    "entry": "type=registry,ref=localhost:5000/ada/churn-cache,mode=max",
    "state": "pending",
    "message": None,
    "hint": None,
}

NAMES = [
    "docker-image://docker.io/library/python:3.11-slim@sha256:0a1b2c",
    "[internal] setting pip cache mount permissions",
    "local://build-context",
    "apt-get update && apt-get install -y --no-install-recommends git curl build-essential",
    "curl --silent -o /tmp/micromamba.tar.bz2 https://micro.mamba.pm/api/micromamba/linux-64/1.0",
    "sh -c mkdir -p /opt/conda",
    "set up user envd",
    "pip install numpy pandas",
    "pip install scikit-learn torch torchvision --index-url https://download.pytorch.org/whl/cpu",
    "pip install jupyterlab",
    "copy /data to /home/envd/data",
    "exporting to image",
]


def running() -> BuildView:
    steps = [step(i + 1, name, "cached", at=0.4) for i, name in enumerate(NAMES[:7])]
    steps[1]["kind"] = "internal"
    steps[3]["state"], steps[3]["duration"] = "done", 4.3
    steps[3]["started"] = START + 1.0
    steps.append(step(8, NAMES[7], "done", at=5.4, took=3.2))
    steps.append(
        step(
            9,
            NAMES[8],
            "running",
            at=8.6,
            took=5.6,
            log=[
                "Collecting torch",
                "  Downloading torch-2.4.0%2Bcpu-cp311-cp311-linux_x86_64.whl (195.1 MB)",
                "     ━━━━━━━━━━╸                   52.4/195.1 MB 43.2 MB/s eta 0:00:04",
            ],
        )
    )
    steps.append(
        step(
            10,
            "docker-image://docker.io/nvidia/cuda:12.2.0-runtime-ubuntu22.04",
            "running",
            kind="source",
            at=1.2,
            took=13.0,
            progress=[
                transfer("sha256:8a1e25ce7c4f", 27_800_000, 29_700_000),
                transfer("sha256:d1a4f3b8e9c0", 112_000_000, 890_000_000),
                transfer("sha256:77aa00ff1111", 7_900_000, 7_900_000, done=True),
            ],
        )
    )
    steps.append(step(11, NAMES[9], "waiting"))
    steps.append(step(12, NAMES[10], "waiting"))
    return view(steps=steps, cache={"imports": [IMPORT], "exports": [EXPORT]})


def succeeded() -> BuildView:
    steps = [step(i + 1, name, "cached", at=0.4) for i, name in enumerate(NAMES[:8])]
    steps[1]["kind"] = "internal"
    steps.append(step(9, NAMES[8], "done", at=1.1, took=21.4))
    steps.append(step(10, NAMES[9], "done", at=22.5, took=11.9))
    steps.append(step(11, NAMES[10], "done", at=34.4, took=0.2))
    steps.append(step(12, NAMES[11], "done", kind="export", at=34.6, took=3.3))
    return view(
        state="succeeded",
        phase="finishing",
        digest="sha256:3fa9c1d2b7e84a6f5a0c1b2d3e4f5061728394a5b6c7d8e9f00112233445566f",
        completed=START + 38.1,
        elapsed=38.1,
        summary={
            "total": 10,
            "completed": 10,
            "cached": 7,
            "running": 0,
            "failed": 0,
            "real": 10,
        },
        steps=steps,
        cache={
            "imports": [
                IMPORT,
                {
                    "entry": "type=s3,region=eu-west-1,bucket=ada,name=churn-feature-x",
                    "state": "missing",
                    "message": "no manifest of that name in the bucket",
                    "hint": "Normal for the first build of a branch.",
                },
            ],
            "exports": [{**EXPORT, "state": "ok"}],
        },
        notes=[
            {
                "level": "info",
                "message": "envd reported an error after BuildKit had pushed the image.",
                "hint": "The push is complete; nothing to do.",
            }
        ],
    )


def failed() -> BuildView:
    log = [
        "Looking in indexes: https://pypi.org/simple",
        "\x1b[31mERROR: Could not find a version that satisfies the requirement nunpy\x1b[0m",
        "ERROR: No matching distribution found for nunpy",
    ]
    steps = [step(i + 1, name, "cached", at=0.4) for i, name in enumerate(NAMES[:7])]
    steps.append(
        step(
            8,
            "pip install nunpy pandas",
            "failed",
            at=0.9,
            took=2.1,
            log=log,
            error='process "pip install nunpy pandas" did not complete successfully: exit code: 1',
        )
    )
    steps.append(step(9, NAMES[9], "canceled"))
    return view(
        state="failed",
        elapsed=3.4,
        completed=START + 3.4,
        summary={"total": 9, "completed": 7, "cached": 6, "running": 0, "failed": 1, "real": 9},
        steps=steps,
        cache={
            "imports": [
                {
                    **IMPORT,
                    "state": "failed",
                    "message": "401 Unauthorized",
                    "hint": "Log in with `docker login localhost:5000`.",
                }
            ],
            "exports": [{**EXPORT, "state": "skipped", "message": "the build failed before it"}],
        },
        error={
            "message": 'process "pip install nunpy pandas" did not complete: exit code 1',
            "hint": "pip found no package `nunpy`: did you mean `numpy`?",
            "step": "pip install nunpy pandas",
            "log_tail": log,
        },
    )


def huge() -> BuildView:
    line = "<b>" + "x" * 5000
    steps = [
        step(i, f"RUN {i} {line}", "running" if i % 7 == 0 else "cached", log=[line] * 50)
        for i in range(1, 400)
    ]
    note = {"level": "warning", "message": line, "hint": line}
    cache = {"entry": line, "state": "failed", "message": line, "hint": line}
    return view(
        state="failed",
        steps=steps,
        steps_omitted=10_000,
        notes=[note] * 100,
        cache={"imports": [cache] * 50, "exports": [cache] * 50},
        error={"message": line, "hint": line, "step": line, "log_tail": [line] * 200},
    )
