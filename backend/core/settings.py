"""What the deployer decides, from VIGIL_* variables or from files that VIGIL_*_FILE names."""

import os
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
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
    # Peppers passwords and seals second factors; empty: one that Vigil keeps in data_dir.
    secret_key: SecretStr | None = None
    cookie_secure: bool | None = None
    demo: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool | None = None

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://; no other database will do")
        return url

    @field_validator("secret_key")
    @classmethod
    def _long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
            raise ValueError(f"must be at least {SHORTEST_SECRET} random characters")
        return secret

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
    def public_origin(self) -> str:
        """The address that people type."""
        return self.origin or f"http://{_in_address(self.host)}:{self.port}"

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


def _in_address(host: str) -> str:
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host


@cache
def settings() -> Settings:
    """Read once. A wrong setting ends the program with a sentence that never shows its value."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{problem['loc'][0]}".upper()
            + ": "
            + problem["msg"].removeprefix("Value error, ")
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SystemExit("vigil: " + "; ".join(wrong)) from None
