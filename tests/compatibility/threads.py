"""Public threads about remote caches, and what is done here about each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thread:
    """Threads of one matter; `tests` are names of tests that show what is said in `here`."""

    refs: str
    about: str
    here: str
    tests: tuple[str, ...] = ()


THREADS = (
    Thread(
        "tensorchord/envd#1391, moby/buildkit#2599",
        "`type=local` cannot be imported",
        "works: a staging directory of links is served, imports are by digest",
        ("test_a_local_cache_by_tag_digest_and_default",),
    ),
    Thread(
        "tensorchord/envd#1974",
        "a cache export fails on Docker's builder",
        "refused before the build, with the reason and two remedies",
        ("test_a_registry_export_is_refused_before_anything_runs",),
    ),
    Thread(
        "tensorchord/envd#1154",
        "an error of envd's own default import looks like one's own",
        "an import that is not the user's is a note, not a failure",
        ("test_the_import_of_envd_itself_is_not_the_users_error",),
    ),
    Thread(
        "tensorchord/envd#960",
        "no hit for system packages on the first build",
        "the report says step by step what was cached and from which import",
        ("test_steps_from_a_remote_cache_are_attributed",),
    ),
    Thread(
        "tensorchord/envd#1536",
        "an image output fails on Docker's builder",
        "told apart: pushed by BuildKit is a success, built and not pushed is none",
        ("test_an_image_that_was_pushed_is_one", "test_an_image_that_was_not_pushed_is_no_success"),
    ),
    Thread(
        "moby/buildkit#2383, #2567, #2039",
        "why was the cache missed?",
        "two builds' graphs are compared; the first step that differs is named with its cause",
        ("test_a_command", "test_a_changed_file", "test_a_base_image_whose_tag_moved"),
    ),
    Thread(
        "moby/buildkit#3015",
        "from A to B and back to A: missed",
        "pruned records are a cause of their own in the explanation",
        ("test_pruned_back_to_an_older_command", "test_back_to_an_older_command_is_cached"),
    ),
    Thread(
        "moby/buildkit#948, #5155",
        "an import that is not there",
        "`missing` beside the import with what to do; the build and the other imports go on",
        ("test_several_types_at_once", "test_a_cache_that_is_not_there"),
    ),
    Thread(
        "moby/buildkit#1388",
        "reports are argued over from screenshots",
        "a build is exported as one file with its steps, log and graph",
        ("test_a_build_is_exported",),
    ),
    Thread(
        "docker/buildx#3491",
        "the import takes longer than the build it saves",
        "import times are measured; advice names an import that costs more than it saves",
        ("test_import_slower",),
    ),
    Thread(
        "docker/buildx#1901, #1706",
        "the progress is misread",
        "imports and exports are shown apart from steps, each with what became of it",
        ("test_the_cell_shows_the_build_and_returns_its_result",),
    ),
    Thread(
        "docker/buildx#537, moby/buildkit#6008",
        "an export hangs",
        "a note after two minutes of silence, and cancelling ends it within seconds",
        ("test_a_stalling_registry_can_be_left",),
    ),
    Thread(
        "moby/buildkit#2885",
        "gha's default scope is overwritten by another image",
        "the scope may hold `{git_branch}` and more; two exports to one scope are refused",
        ("test_values_are_fitted_to_the_field", "test_the_same_export_twice"),
    ),
    Thread(
        "docker/build-push-action#433",
        "blanks in a scope, `mode` on an import",
        "refused before the build, with the right spelling",
        ("test_what_cannot_work_is_refused",),
    ),
    Thread(
        "moby/buildkit#5683, #5896, docker/build-push-action#1360",
        "the Actions cache's v1 was shut down",
        "v2 is chosen where the job announces it; a builder before 0.20 is told before the build",
        ("test_gha_from_the_jobs_environment", "test_an_older_builder_is_asked_what_it_can_do"),
    ),
    Thread(
        "moby/buildkit#2332, docker/buildx#681",
        "a blob of the Actions cache was evicted",
        "recognized, with the hint to build again without the import",
        ("test_known_errors_have_a_hint_and_none_is_taken_for_a_missing_cache",),
    ),
    Thread(
        "docker/buildx#1369, moby/buildkit#3211",
        "the client's AWS credentials are not used for s3",
        "`--inject-aws env` or `profile:NAME` sends the kernel's along, on no command line",
        ("test_s3_credentials_of_the_kernel",),
    ),
    Thread(
        "moby/buildkit#3903",
        "s3 exports fail after an hour",
        "expired credentials are recognized in the error, with a hint",
        ("test_known_errors_have_a_hint_and_none_is_taken_for_a_missing_cache",),
    ),
    Thread(
        "docker/buildx#1355",
        "unknown cache exporter: s3",
        "the builder is asked what it can do; the type is refused before the build",
        ("test_the_containerd_store_knows_registry_and_local_cache",),
    ),
    Thread(
        "moby/buildkit#3266, #2054, #1143, #1440",
        "insecure registries, and those that refuse cache manifests",
        "`registry.insecure` and `image-manifest` are options like the others",
        (
            "test_a_registry_of_an_unknown_authority_is_taken_when_told",
            "test_layers_of_a_registry_cache_have_the_form_asked_for",
        ),
    ),
    Thread(
        "docker/docs#18590, moby/buildkit#3024, okteto/okteto#3549",
        "several exports",
        "any number, of any types, at once",
        ("test_several_types_at_once",),
    ),
    Thread(
        "heyblueteam/cobalt#48",
        "a local cache is nearly all orphans",
        "`%envd_cache du` and `prune` show and remove them, `reset=true` does so after an export "
        "with any BuildKit",
        (
            "test_the_caches_are_looked_into_and_pruned",
            "test_what_is_not_needed_any_more_is_removed_when_asked",
        ),
    ),
    Thread(
        "jupyterhub/repo2docker#873, #1540, #733",
        "is the cache used at all?",
        "cached steps are counted in every result; the tests compare random bytes of a second, "
        "empty builder",
        ("test_an_empty_builder_takes_every_step_from_the_registry",),
    ),
    Thread(
        "docker/buildx#1932",
        "fail unless everything is cached",
        "`--require-cached` stops at the first step that runs, and says why",
        ("test_only_cached_steps_are_allowed", "test_only_cached_steps_and_a_changed_file"),
    ),
)
