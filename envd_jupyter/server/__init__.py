"""The Jupyter Server extension: builds, history and preferences over HTTP."""
