"""What a remote cache is: options, parsing, checks, templates and local OCI layouts.

The rest of the package imports the modules here by name; nothing here imports the rest.
"""
