"""What a remote cache is: options, parsing, checks, templates and local OCI layouts."""
