"""What an operator may set of the service: ``web.toml``. Secrets are never in it: keys that end in ``_env`` name
environment variables. How the file is read, and in which words its faults are told, is ``channels.reading``'s.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.notices.channels.reading import Reader
from kjfh_workflow.notices.channels.settings import Fault, Surroundings, Variable, ca_faults, complain
from kjfh_workflow.policy.vocabulary import PERSON_ROLES
from kjfh_workflow.policy.wording import hint

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


def _known_role(word: str) -> str:
    if word not in [*PERSON_ROLES]:
        raise ValueError(complain("unknown_value", found=word) + hint(word, PERSON_ROLES))
    return word


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
            raise ValueError(complain("keys_where"))
        address = self.issuer if self.discover else self.jwks_url
        if address is not None and not is_safe_address(address):
            raise ValueError(complain("keys_https"))
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
    #: How many one process takes in at once; each needs room for ``max_bytes`` in the temporary folder.
    at_once: int = Field(default=32, ge=1, le=1000)
    #: In which one must have come.
    seconds: int = Field(default=600, ge=1, le=24 * 3600)
    #: A program that reads the file on standard input: 0 is clean, 1 is not, anything else: it could not tell.
    scanner: tuple[_Text, ...] = ()
    scanner_seconds: int = Field(default=60, ge=1, le=3600)


class MetricSettings(_Part):
    """Who may read ``/metrics``."""

    #: The variable with the token that the collector shows; without it an auditor's or an admin's token is needed.
    token_env: Variable | None = None


class Settings(_Part):
    """The whole file."""

    tokens: TokenSettings | None = None
    claims: ClaimSettings = ClaimSettings()
    #: The intranet's word for a role → ours. Words that are not here give nothing.
    roles: Mapping[str, Annotated[str, AfterValidator(_known_role)]] = {role: role for role in PERSON_ROLES}
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

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the file; relative paths in it start at its folder.

        Raises:
            InputError: with every problem of the file, every secret that the environment lacks, and whatever it names
                that cannot be used here (certificates, the scanner).
        """
        reader = Reader(path, environment)
        settings = reader.shape(reader.toml(), cls, "")
        if settings is not None:
            reader.secrets(settings.metrics, "metrics")
            for fault in settings._faults(path.parent):
                reader.wrong(*fault)
        if settings is None or reader.problems:
            raise InputError(reader.problems)
        return settings.model_copy(update={"tokens": _placed(settings.tokens, path.parent)})

    def strangers(self, place: str, cities: Collection[str]) -> list[Problem]:
        """Words of ours for a city that no policy pack has: whoever is given one would see nothing, and nobody why.

        Args:
            place: the file.
            cities: those that have a pack.
        """
        named = {f"cities.{word}": city for word, city in self.cities.items()}
        if self.city is not None:
            named["city"] = self.city
        return [
            Problem(place, key, complain("unknown_city", found=city) + hint(city, cities))
            for key, city in named.items()
            if city not in cities
        ]

    def _faults(self, folder: Path) -> Iterator[Fault]:
        """What is wrong although each value is in order by itself."""
        if self.tokens is not None and self.tokens.ca_file is not None:
            for key, message in ca_faults(self.tokens.ca_file, Surroundings("tokens", folder)):
                yield Fault(f"tokens.{key}", message)
        if self.files.scanner and shutil.which(self.files.scanner[0]) is None:
            yield Fault("files.scanner", complain("program", found=self.files.scanner[0]))


def _placed(tokens: TokenSettings | None, folder: Path) -> TokenSettings | None:
    if tokens is None:
        return None
    paths = {"jwks_file": tokens.jwks_file, "ca_file": tokens.ca_file}
    return tokens.model_copy(update={key: folder / path for key, path in paths.items() if path})
