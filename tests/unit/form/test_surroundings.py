from __future__ import annotations

from envd_jupyter.notebook.form.surroundings import aws_sources, secret_references


def test_credentials_are_offered_by_name_only(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[work]\naws_secret_access_key = hidden\n")
    (tmp_path / ".aws" / "config").write_text("[default]\n[profile work]\n[sso-session s]\n")
    environ = {
        "HOME": str(tmp_path),
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "EMPTY_TOKEN": "",
        "A": "b",
    }
    sources = aws_sources(environ)
    assert [value for _, value in sources] == ["", "env", "profile:work", "profile:default"]
    assert secret_references(environ) == ("env:AWS_SECRET_ACCESS_KEY",)
    assert "hidden" not in repr(sources) + repr(secret_references(environ))
