"""The version of the package; the Lab extension's package.json carries the same one."""

__version__ = "0.1.0"
