"""What a form can offer: builders, and names of credentials.

Only names are looked at: of files, contexts, profiles and variables, never the values of secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.cache.redaction import looks_secret
from envd_jupyter.errors import EnvdJupyterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.builds.preferences import Preferences
    from envd_jupyter.cache.check import BuilderFacts

__all__ = [
    "BuilderState",
    "aws_sources",
    "contexts",
    "describe_builder",
    "filled_in",
    "kernel_preferences",
    "secret_references",
]


def contexts(envd: str | None, environ: Mapping[str, str]) -> tuple[tuple[str, str, bool], ...]:
    """Return the envd contexts: name, URL, and whether it is the current one."""
    from envd_jupyter.builds.contexts import find_envd, read_contexts

    try:
        found = read_contexts(find_envd(envd, environ), environ)
    except EnvdJupyterError:
        return ()
    return tuple((context.name, context.url, context.current) for context in found)


def aws_sources(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return where AWS credentials could come from: words and the value of ``--inject-aws``."""
    import configparser

    sources = [("The builder's own", "")]
    here = bool(environ.get("AWS_ACCESS_KEY_ID"))
    sources.append(("This kernel's environment" + ("" if here else " (not set)"), "env"))
    home = Path(environ.get("HOME") or Path.home())
    names: dict[str, None] = {}
    for variable, name in (
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ("AWS_CONFIG_FILE", "config"),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(environ.get(variable) or home / ".aws" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        names |= dict.fromkeys(section.removeprefix("profile ") for section in parser.sections())
    sources += [
        (f"Profile {name}", f"profile:{name}") for name in names if "sso-session" not in name
    ]
    return tuple(sources)


def secret_references(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return references to the variables that look as if they held secrets."""
    return tuple(f"env:{name}" for name in sorted(environ) if looks_secret(name) and environ[name])


@dataclass(frozen=True)
class BuilderState:
    """What is known of the chosen builder.

    Attributes
    ----------
    facts
        None if it could not be asked.
    text
        A line about it.
    ok
        Whether it answered.
    """

    facts: BuilderFacts | None
    text: str
    ok: bool


async def describe_builder(spec: str, envd: str | None, environ: Mapping[str, str]) -> BuilderState:
    """Ask a builder what it can do."""
    import asyncio

    from envd_jupyter.builds.contexts import builder_url, find_envd
    from envd_jupyter.builds.preflight import builder_facts

    try:
        program = await asyncio.to_thread(find_envd, envd, environ)
        url = await asyncio.to_thread(builder_url, spec or None, program, environ)
        facts = await builder_facts(url, environ)
    except EnvdJupyterError as error:
        hint = f" {error.hint}" if error.hint else ""
        return BuilderState(None, f"{_sentence(error.message)}{hint}", ok=False)
    kinds = {
        "docker": "Docker Engine",
        "docker-containerd": "Docker Engine with the containerd image store",
    }
    kind = kinds.get(facts.kind)
    version = f"BuildKit {facts.version}" if facts.version else "BuildKit"
    name = f"{kind}, {version}" if kind else version
    order = ("registry", "inline", "local", "gha", "s3")
    exports = ", ".join(t for t in order if t in facts.exports()) or "nothing"
    imports = ", ".join(t for t in order if t in facts.imports()) or "nothing"
    where = "" if spec else f" ({url})"
    return BuilderState(facts, f"{name}{where}: exports {exports}; imports {imports}", ok=True)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def filled_in(line: str) -> str:
    """Fill the user's variables into a line, as the magic would."""
    from IPython.core.getipython import get_ipython

    from envd_jupyter.notebook.expansion import expand

    shell = get_ipython()
    return expand(line, shell.user_ns) if shell is not None else line


def kernel_preferences() -> Preferences:
    """Return what is remembered in this kernel, or in this process where there is none."""
    from IPython.core.getipython import get_ipython

    from envd_jupyter.builds.preferences import Identity, Preferences
    from envd_jupyter.notebook.settings import preferences_here

    shell = get_ipython()
    if shell is None:
        return Preferences(Identity(None, None, None))
    return preferences_here(shell)
