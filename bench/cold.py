"""A cold build against one from remote cache on a second, empty builder.

The environment has NumPy, pandas and scikit-learn. Both builders have the base image already, so
that its pull is in neither figure.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.project import running_services, write_project
from bench.report import report
from envd_jupyter.builds.client import abuild
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.entry import parse_cache_entry

if TYPE_CHECKING:
    from envd_jupyter.builds.result import BuildResult

PACKAGES = 'install.python_packages(name=["numpy", "pandas", "scikit-learn"])'
GOAL = 10.0


def main() -> None:
    """Measure and print."""
    with running_services() as services:
        first, second = services.buildkitd(), services.new_buildkitd()
        ref = services.registry.ref
        project = write_project(services, "ml", [PACKAGES], kind="py")
        warm = write_project(services, "warm", ["run(commands=['echo warm'])"], kind="py")
        cache = f"type=registry,ref={ref('bench/ml-cache:1')}"

        def build(path: object, builder: str, image: str, **caches: object) -> BuildResult:
            request = BuildRequest(
                project=path,  # type: ignore[arg-type]
                output=f"type=image,name={ref(image)},push=true",
                builder=builder,
                force=True,
                **caches,  # type: ignore[arg-type]
            )
            result = asyncio.run(abuild(request, environ=services.environ))
            result.raise_for_state()
            return result

        for builder in (first, second):
            build(warm, builder.address, "bench/warm:1")
        exports = (parse_cache_entry(f"{cache},mode=max", "export"),)
        cold = build(project, first.address, "bench/ml:1", exports=exports)
        imports = (parse_cache_entry(cache, "import"),)
        cached = build(project, second.address, "bench/ml:2", imports=imports)
    assert cold.duration is not None
    assert cached.duration is not None
    report("cold_build", cold.duration, "s", "-", ok=True)
    report(
        "cached_build_steps",
        cached.cached / cached.total,
        "ratio",
        "==1",
        ok=cached.cached == cached.total,
    )
    ratio = cold.duration / cached.duration
    report("cold_over_cached", ratio, "ratio", f">={GOAL:.0f}", ratio >= GOAL)


if __name__ == "__main__":
    main()
