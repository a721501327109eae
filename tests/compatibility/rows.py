"""What must be shown: every option in the table, every builder, every end, every fault."""

from __future__ import annotations

from envd_jupyter.cache.options import options_for, types_for

BUILDERS = {
    "unix": "buildkitd by its socket",
    "tcp": "buildkitd by TCP, on another host of a network",
    "tcp-mtls": "buildkitd by TCP with certificates of both sides",
    "docker": "Docker Engine 20.10 (Debian's), without the containerd image store",
    "docker-containerd": "Docker Engine 28 or newer with the containerd image store",
    "docker-container": "buildkitd in a container of Docker",
    "podman-container": "buildkitd in a container of Podman",
    "kube-pod": "kubectl exec; a stand-in for a cluster's kubectl reaches a local buildkitd",
    "nerdctl-container": "nerdctl exec; a stand-in for nerdctl reaches a local buildkitd",
    "managed-root": "a buildkitd of our own, as root",
    "managed-rootless": "a buildkitd of our own, for a user without root",
    "managed-crash": "a buildkitd of our own that crashed with a step running",
    "shared-cache": "two builders on two hosts with one registry cache, also at the same time",
    "contexts": "the user's envd contexts: offered, and never changed",
    "old-version": "a BuildKit older than an option (0.19): asked, and said before the build",
    "new-version": "the newest BuildKit",
}

ENDS = {
    "succeeded": "built",
    "skipped": "envd found nothing changed (a stand-in: its own check never does, 0.3 to 1.3.6)",
    "failed": "a step failed",
    "export_failed": "the image is there, a cache export failed",
    "interrupted": "cancelled or interrupted",
    "lost": "the build's own process was killed",
}

FAULTS = {
    "kills": "buildkitd, registry, S3 server, envd, driver or kernel killed at 54 random moments",
    "interrupts": "100 interrupts at random moments, in four kernels that build one project",
    "registry-status": "a registry that answers 401, 429 or 500",
    "registry-stall": "a registry that stalls",
    "network-cut": "the network to a remote builder is cut",
    "disk-full": "no room in the data directory",
    "local-disk-full": "no room at a local cache's destination",
    "local-kill": "killed while a local cache is written",
    "local-damage": "a local cache with a broken index, a missing or a changed blob",
    "s3": "wrong key, missing bucket, unreachable endpoint",
    "actions-token": "an expired, read-only or malformed Actions token",
    "actions-index": "an Actions cache that loses the index of an export",
    "actions-outside": "an Actions cache outside of Actions",
    "inline-lost": "an image pushed again without its inline cache",
    "one-import": "one import that fails beside others that work",
    "secrets": "secrets after success, failure, cancel and crash, and in process lists meanwhile",
}

DIRECTIONS = ("export", "import")
GROUPS = {"builder": BUILDERS, "end": ENDS, "fault": FAULTS}


def option_rows() -> list[str]:
    """Return ``TYPE DIRECTION OPTION`` of the whole option table; inline has no options."""
    return [
        f"{cache_type} {direction} {option}"
        for direction in DIRECTIONS
        for cache_type in types_for(direction)
        for option in (
            [row.name for row in options_for(cache_type, direction)]
            if cache_type != "inline"
            else ["type"]
        )
    ]


def all_rows() -> list[str]:
    """Return every row there must be."""
    named = [f"{group} {name}" for group, names in GROUPS.items() for name in names]
    return [*option_rows(), *named]


def spelled_out(mark: str) -> list[str]:
    """Return the rows of a mark: ``s3 both bucket region`` and ``fault kills s3`` name several."""
    first, *names = mark.split()
    if first in GROUPS:
        return [f"{first} {name}" for name in names]
    directions = DIRECTIONS if names[0] == "both" else (names[0],)
    return [f"{first} {direction} {name}" for direction in directions for name in names[1:]]
