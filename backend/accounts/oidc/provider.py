"""Speaks with the hospital's provider, and believes nothing that it has not checked."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import structlog
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.core.errors import NotAllowed, Unavailable
from backend.core.settings import is_safe_address, settings

# Signatures with a public key only: what is shared or absent signs nothing.
ALGORITHMS = ("RS256", "PS256", "ES256")
PATIENCE_S = 10
LEEWAY_S = 60
# Nobody's description of a provider is longer.
LONGEST_ANSWER = 256 * 1024

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One way out to the provider: what must come back with it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """What the provider said and signed."""

    issuer: str
    subject: str
    two_factors: bool


def new_flow() -> Flow:
    """Three things that nobody guesses."""
    return Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
    )


def way_out(flow: Flow, back: str) -> str:
    """The provider's page that asks who it is, with a challenge that only we can answer."""
    with _client(back) as client:
        address, _ = client.create_authorization_url(
            _endpoint(_described(client), "authorization_endpoint"),
            state=flow.state,
            nonce=flow.nonce,
            code_verifier=flow.verifier,
        )
    return str(address)


def vouched(flow: Flow, code: str, back: str, *, now: datetime) -> Vouched:
    """Change the code for a signed statement about who came back, and check every word of it."""
    with _client(back) as client:
        described = _described(client)
        try:
            token = client.fetch_token(
                _endpoint(described, "token_endpoint"),
                grant_type="authorization_code",
                code=code,
                code_verifier=flow.verifier,
            )
        except (OAuthError, httpx2.HTTPError, ValueError) as error:
            raise _refused("the code was not accepted", error) from None
        keys = _fetched(client, _endpoint(described, "jwks_uri"))
    return _checked(token.get("id_token"), keys, flow, now)


def _checked(statement: object, keys: Mapping[str, Any], flow: Flow, now: datetime) -> Vouched:
    if not isinstance(statement, str):
        raise _refused("no signed statement came")
    client_id = settings().oidc_client_id
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": settings().oidc_issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": flow.nonce},
    )
    try:
        # Only the published keys: whatever key a statement brings along is not looked at.
        found = jwt.decode(statement, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        claims = found.claims
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused("the signed statement is not right", error) from None
    if isinstance(claims["aud"], list) and claims["aud"] != [client_id]:
        raise _refused("the statement is for others too")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        raise _refused("the statement names nobody")
    return Vouched(issuer=settings().oidc_issuer, subject=subject, two_factors=_two_factors(claims))


def _two_factors(claims: Mapping[str, Any]) -> bool:
    """Whether the provider says that it asked for two; what it does not say it did not do."""
    wanted = {word.strip() for word in settings().oidc_mfa.split(",")} - {""}
    methods = claims.get("amr")
    said = set(methods) if isinstance(methods, list) and all(map(_is_text, methods)) else set()
    level = claims.get("acr")
    return bool(wanted & (said | ({level} if isinstance(level, str) else set())))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _client(back: str) -> OAuth2Client:
    secret = settings().oidc_client_secret
    return OAuth2Client(
        settings().oidc_client_id,
        secret.get_secret_value() if secret else None,
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        scope="openid",
        redirect_uri=back,
        code_challenge_method="S256",
        timeout=PATIENCE_S,
        follow_redirects=False,
    )


def _described(client: OAuth2Client) -> Mapping[str, Any]:
    """What the provider says about itself, if it is the one that the deployer named."""
    issuer = settings().oidc_issuer
    described = _fetched(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if described.get("issuer") != issuer:
        raise _refused("another provider answers")
    return described


def _endpoint(described: Mapping[str, Any], name: str) -> str:
    address = described.get(name)
    if not isinstance(address, str) or not is_safe_address(address):
        raise _refused(f"no {name} over TLS")
    return address


def _fetched(client: OAuth2Client, address: str) -> Mapping[str, Any]:
    try:
        answer = client.request("GET", address, withhold_token=True)
        answer.raise_for_status()
        found = answer.json() if len(answer.content) <= LONGEST_ANSWER else None
    except (httpx2.HTTPError, ValueError) as error:
        log.warning("provider_away", kind=type(error).__name__)
        raise Unavailable(
            "The hospital's sign-in does not answer. Sign in with your password meanwhile."
        ) from None
    if not isinstance(found, dict):
        raise _refused("it could not be read")
    return found


def _refused(why: str, error: Exception | None = None) -> NotAllowed:
    """A sentence for the person; why goes to the log, without a word of what was sent."""
    log.warning("provider_not_believed", why=why, kind=type(error).__name__ if error else None)
    return NotAllowed(
        "The hospital's sign-in did not work. Start again, or sign in with your password."
    )
