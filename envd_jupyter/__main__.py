"""``python -m envd_jupyter``: the same as the command ``envd-jupyter``."""

from envd_jupyter.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
