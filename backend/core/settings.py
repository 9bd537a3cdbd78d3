"""What the deployer decides, from VIGIL_* variables or from files that VIGIL_*_FILE names."""

import os
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import platformdirs
import structlog
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "VIGIL_"
SHORTEST_SECRET = 32


class Settings(BaseSettings):
    """Every setting, with the value that needs no deployer."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("vigil"))
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    # Where people reach Vigil, as the browser says it: https://vigil.example.org
    origin: str = ""
    # Empty: the server that Vigil starts itself, in data_dir.
    database_url: SecretStr | None = None
    # Who migrates, where that is not the account that serves.
    owner_database_url: SecretStr | None = None
    # Only where nobody else can reach the wire between here and the database.
    database_without_tls: bool = False
    # Whose X-Forwarded-* is believed: addresses or networks, with commas between them.
    trusted_proxies: str = ""
    # Peppers passwords and seals second factors; empty: one that Vigil keeps in data_dir.
    secret_key: SecretStr | None = None
    # The hospital's own OpenID Connect provider, where there is one.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    # What it says (in amr or acr) where it asked for two factors, with commas between them.
    oidc_mfa: str = "mfa"
    # Signs the head of the audit chain; only the watch needs it.
    audit_key: SecretStr | None = None
    # Where the signed head is kept, beyond the reach of whoever administers the database.
    audit_anchor_file: Path | None = None
    audit_anchor_syslog: str = ""
    audit_anchor_webhook: SecretStr | None = None
    cookie_secure: bool | None = None
    demo: bool = False
    # Hours that the demo's staff lives through in one of ours; 0: it rests.
    demo_speed: float = Field(default=1.0, ge=0, le=3600, allow_inf_nan=False)
    # Of history that a new demo begins with.
    demo_days: int = Field(default=14, ge=1, le=60)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool | None = None

    @field_validator("data_dir", "audit_anchor_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().resolve()

    @field_validator("audit_anchor_syslog")
    @classmethod
    def _host_and_port(cls, place: str) -> str:
        host, _, port = place.rpartition(":")
        if place and not (host and port.isdecimal() and 0 < int(port[:6]) < 65536):
            raise ValueError("must be a host and a port, as in log.example.org:601")
        return place

    @field_validator("audit_anchor_webhook")
    @classmethod
    def _outside(cls, url: SecretStr | None) -> SecretStr | None:
        """HTTPS to a host, or plain HTTP to a collector on this machine; never link-local."""
        try:
            parts = urlsplit(url.get_secret_value()) if url else None
            allowed = parts is None or _may_be_told(parts)
        except ValueError:
            allowed = False
        if not allowed:
            raise ValueError("must be https://, or http:// to this machine, without a password")
        return url

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://; no other database will do")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, listed: str) -> str:
        places = [place.strip() for place in listed.split(",") if place.strip()]
        try:
            for place in places:
                ip_network(place)
        except ValueError:
            raise ValueError("must be addresses or networks, as in 10.0.0.2,10.1.0.0/16") from None
        return ",".join(places)

    @model_validator(mode="after")
    def _speaks_tls(self) -> "Settings":
        if self.reaches_database_openly and not self.database_without_tls:
            raise ValueError(
                "a database on another machine must be named with sslmode=verify-full, so that"
                " nobody reads along or stands in for it; VIGIL_DATABASE_WITHOUT_TLS=true says"
                " that nobody else can reach that wire"
            )
        return self

    @field_validator("secret_key")
    @classmethod
    def _long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
            raise ValueError(f"must be at least {SHORTEST_SECRET} random characters")
        return secret

    @field_validator("oidc_issuer")
    @classmethod
    def _provider(cls, issuer: str) -> str:
        if issuer and not is_safe_address(issuer):
            raise ValueError("must begin with https://, as the provider itself says it")
        return issuer

    @field_validator("origin")
    @classmethod
    def _origin(cls, origin: str) -> str:
        scheme, _, place = origin.partition("://")
        if origin and (scheme not in {"http", "https"} or not place or "/" in place.rstrip("/")):
            raise ValueError("must be a scheme and a host, as in https://vigil.example.org")
        return origin.rstrip("/").lower()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic passes by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _NamedFiles(settings_cls)

    @property
    def has_provider(self) -> bool:
        """Whether people may sign in through the hospital."""
        return bool(self.oidc_issuer and self.oidc_client_id)

    @property
    def public_origin(self) -> str:
        """The address that people type."""
        return self.origin or f"http://{_in_address(self.host)}:{self.port}"

    @property
    def anchors_audit(self) -> bool:
        """Whether any place is named for the head of the audit chain."""
        places = self.audit_anchor_file, self.audit_anchor_syslog, self.audit_anchor_webhook
        return any(places)

    @property
    def is_trustworthy(self) -> bool:
        """Whether browsers trust the address enough to say where a request comes from."""
        here = urlsplit(self.public_origin)
        return here.scheme == "https" or _is_here(here.hostname or "")

    @property
    def passkey_domain(self) -> str | None:
        """The name that passkeys are made for; for a number, or without TLS, there are none."""
        host = urlsplit(self.public_origin).hostname or ""
        return host if self.is_trustworthy and _is_name(host) else None

    @property
    def reaches_database_openly(self) -> bool:
        """Whether a database URL leads to another machine without TLS that checks who answers."""
        urls = (self.database_url, self.owner_database_url)
        return any(_is_open(url.get_secret_value()) for url in urls if url)

    @property
    def secure_cookies(self) -> bool:
        """Always, unless people come over plain HTTP, as they do in a demonstration."""
        if self.cookie_secure is None:
            return self.public_origin.startswith("https://")
        return self.cookie_secure


class _NamedFiles(PydanticBaseSettingsSource):
    """VIGIL_DATABASE_URL_FILE=/run/secrets/database_url: the file's text is the setting."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        name = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(name)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError):
            raise SystemExit(f"vigil: {name} names a file that cannot be read.") from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value}


def _may_be_told(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if not host or parts.username or parts.password or parts.port == 0:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return parts.scheme == "https" or (parts.scheme, host) == ("http", "localhost")
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False  # a cloud's metadata service answers there
    return parts.scheme == "https" or (parts.scheme == "http" and address.is_loopback)


def _is_open(url: str) -> bool:
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError("VIGIL_DATABASE_URL cannot be read") from None
    hosts = f"{parts.get('hostaddr') or parts.get('host') or os.environ.get('PGHOST', '')}"
    mode = parts.get("sslmode") or os.environ.get("PGSSLMODE")
    return mode != "verify-full" and not all(_is_here(host) for host in hosts.split(","))


def _is_here(host: str) -> bool:
    """A socket, or this machine by one of its own names."""
    if host in {"", "localhost"} or host.startswith(("/", "@")) or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


def is_safe_address(address: str) -> bool:
    """Over TLS, or on this machine."""
    try:
        parts = urlsplit(address)
        here = bool(parts.hostname) and _is_here(parts.hostname or "")
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or (parts.scheme == "http" and here)


def _in_address(host: str) -> str:
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host


@cache
def settings() -> Settings:
    """Read once. A wrong setting ends the program with a sentence that never shows its value."""
    try:
        found = Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{(*problem['loc'], 'database_url')[0]}".upper()
            + ": "
            + problem["msg"].removeprefix("Value error, ")
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SystemExit("vigil: " + "; ".join(wrong)) from None
    if found.reaches_database_openly:
        structlog.get_logger().warning("database_reached_without_tls")
    return found
