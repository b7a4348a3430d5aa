"""What an operator may set of the service: ``web.toml``. Secrets are never in it: keys that end in ``_env`` name
environment variables.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.policy.vocabulary import PERSON_ROLES

_Text = Annotated[str, StringConstraints(min_length=1)]
_MEBIBYTE = 1024 * 1024


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def is_safe_address(url: str) -> bool:
    """Whether keys may come from there: https, or http on this machine; no password in it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url and "@" not in parts.netloc and port != 0
    return plain and (bool(host and parts.scheme == "https") or (parts.scheme == "http" and is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its address or as ``localhost``."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TokenSettings(_Part):
    """Whose tokens are believed."""

    issuer: _Text
    #: One of these must be the token's audience.
    audience: tuple[_Text, ...] = Field(min_length=1)
    #: Where the issuer's keys are: exactly one of the three.
    jwks_file: Path | None = None
    jwks_url: _Text | None = None
    #: From the issuer's ``/.well-known/openid-configuration``.
    discover: bool = False
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    #: How far the two clocks may differ.
    leeway_seconds: int = Field(default=60, ge=0, le=600)
    #: Certificates of the office's own authority (PEM), instead of the system's.
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> TokenSettings:
        if sum((self.jwks_file is not None, self.jwks_url is not None, self.discover)) != 1:
            raise ValueError("say where the keys are: exactly one of jwks_file, jwks_url, discover = true")
        address = self.issuer if self.discover else self.jwks_url
        if address is not None and not is_safe_address(address):
            raise ValueError(
                "keys come from https only (http on this machine): whoever sits on the way could be anybody; "
                "where there is no https, copy them here and name jwks_file"
            )
        return self


class ClaimSettings(_Part):
    """Which claim of a token says what; dots lead into objects: ``realm_access.roles``."""

    id: _Text = "sub"
    name: _Text = "name"
    city: _Text = "city"
    roles: _Text = "roles"
    #: The operator's code, of applicants.
    uscc: _Text = "uscc"


class FileSettings(_Part):
    """Which files are taken as evidence."""

    max_bytes: int = Field(default=50 * _MEBIBYTE, ge=1, le=2048 * _MEBIBYTE)
    #: A program that reads the file on standard input: 0 is clean, 1 is not, anything else: it could not tell.
    scanner: tuple[_Text, ...] = ()
    scanner_seconds: int = Field(default=60, ge=1, le=3600)


class MetricSettings(_Part):
    """Who may read ``/metrics``."""

    #: The variable with the token that the collector shows; without it an auditor's or an admin's token is needed.
    token_env: _Text | None = None


class Settings(_Part):
    """The whole file."""

    tokens: TokenSettings | None = None
    claims: ClaimSettings = ClaimSettings()
    #: The intranet's word for a role → ours. Words that are not here give nothing.
    roles: Mapping[str, str] = {role: role for role in PERSON_ROLES}
    #: The intranet's word for a city → ours; without it, its words are ours.
    cities: Mapping[str, str] = {}
    #: The city of everybody whose token names none.
    city: _Text | None = None
    files: FileSettings = FileSettings()
    metrics: MetricSettings = MetricSettings()
    #: The longest body that is read at once.
    body_bytes: int = Field(default=8 * _MEBIBYTE, ge=1024, le=256 * _MEBIBYTE)
    #: Requests that one process works on at once; each needs a connection to the database.
    threads: int = Field(default=16, ge=1, le=200)

    @model_validator(mode="after")
    def _known_roles(self) -> Settings:
        if unknown := sorted({*self.roles.values()} - {*PERSON_ROLES}):
            raise ValueError(f"unknown role {unknown[0]!r}; allowed: {', '.join(PERSON_ROLES)}")
        return self

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read the file; relative paths in it start at its folder.

        Raises:
            InputError: with every problem.
        """
        try:
            data = tomllib.loads(path.read_text("utf-8"))
            settings = cls.model_validate(data)
        except OSError as error:
            raise InputError([Problem(str(path), "", error.strerror or str(error))]) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError([Problem(str(path), "", f"this is no TOML file: {error}")]) from error
        except ValidationError as error:
            raise InputError(
                Problem(str(path), ".".join(str(part) for part in found["loc"]), found["msg"])
                for found in error.errors()
            ) from error
        return settings.model_copy(update={"tokens": _placed(settings.tokens, path.parent)})


def _placed(tokens: TokenSettings | None, folder: Path) -> TokenSettings | None:
    if tokens is None:
        return None
    paths = {"jwks_file": tokens.jwks_file, "ca_file": tokens.ca_file}
    return tokens.model_copy(update={key: folder / path for key, path in paths.items() if path})
