"""What is remembered for builds: its values, the files they live in, the layers they come to.

`store` puts it together, and what other rooms mostly need of it stands here; `saving` remembers
what a build was asked with.
"""

from __future__ import annotations

from envd_jupyter.builds.preferences.settings import (
    COMMAND_LINE,
    IMPLIED,
    SCOPES,
    Identity,
    Layer,
    Scope,
    Settings,
    fold_layers,
    implied_imports,
)
from envd_jupyter.builds.preferences.store import Preferences, effective_settings, only_given

__all__ = [
    "COMMAND_LINE",
    "IMPLIED",
    "SCOPES",
    "Identity",
    "Layer",
    "Preferences",
    "Scope",
    "Settings",
    "effective_settings",
    "fold_layers",
    "implied_imports",
    "only_given",
]
