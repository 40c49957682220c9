"""`webhooks.verify`: the closed list of ways in which a webhook proves who sends it.

An empty secret proves nothing, every live secret is tried, and texts are compared in constant time: that is the kit's
work, see `customer_sync.kit.signatures`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from customer_sync.custom.parts import Filled, Flag, HeaderName, Number, Part, Secrets, Text, wrong
from customer_sync.custom.references import Reference, Values, template
from customer_sync.errors import Refused
from customer_sync.kit.signatures import (
    TOLERANCE_S,
    Hmac,
    live,
    read_basic,
    sign_standard,
    verify_standard,
    verify_token,
)
from customer_sync.model import Inbound

_TOLERANCE: Final = Field(default=TOLERANCE_S, gt=0, le=86_400)
STRIPE: Final = "stripe-signature"
HUBSPOT, HUBSPOT_TIME = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
SHOPIFY: Final = "x-shopify-hmac-sha256"


class Proven(Part):
    """What every way with a secret has: one, or several while they rotate."""

    secret: Secrets = Field(default_factory=lambda: (template("${secret.webhook_secret}"),))

    @classmethod
    def spellings(cls) -> Mapping[str, str]:
        """Return other words for keys: a list of them is often called so."""
        return {"secrets": "secret"}


class HmacProof(Proven):
    """An HMAC over the body and what else `message` names."""

    type: Literal["hmac"]
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    header: HeaderName
    prefix: str = ""
    message: Annotated[Text, Field(json_schema_extra={"pattern": r"\{body\}"})] = "{body}"
    timestamp_header: HeaderName | None = None
    timestamp_unit: Literal["s", "ms"] = "s"
    id_header: HeaderName | None = None
    tolerance_seconds: Number = _TOLERANCE

    @model_validator(mode="after")
    def _whole(self) -> HmacProof:
        if "{body}" not in self.message:
            raise wrong("a message without {body}", "Let message hold {body}: what is not signed can be changed.")
        if ("{timestamp}" in self.message) != (self.timestamp_header is not None):
            raise wrong(
                "a timestamp that is not signed, or not sent",
                "Name timestamp_header, and let message hold {timestamp}; or leave out both.",
            )
        if ("{id}" in self.message) != (self.id_header is not None):
            remedy = "Name id_header, and let message hold {id}; or leave out both."
            raise wrong("an id that is not signed, or not sent", remedy)
        timed = {"timestamp_unit", "tolerance_seconds"} & self.model_fields_set
        if timed and self.timestamp_header is None:
            raise wrong(f"{min(timed)} of a time that is not signed", "Name timestamp_header, or take it away.")
        return self


class StandardProof(Proven):
    """Standard Webhooks, as Svix and many others sign."""

    type: Literal["standard_webhooks"]
    prefix: Literal["webhook-", "svix-"] = "webhook-"
    tolerance_seconds: Number = _TOLERANCE


class VendorProof(Proven):
    """The way of a well-known platform."""

    type: Literal["stripe", "hubspot_v3", "shopify"]
    tolerance_seconds: Number = _TOLERANCE

    @model_validator(mode="after")
    def _timed(self) -> VendorProof:
        if self.type == "shopify" and "tolerance_seconds" in self.model_fields_set:
            raise wrong("an age that shopify does not sign", "Take tolerance_seconds away.")
        return self


class BasicProof(Part):
    """HTTP Basic, as the platform was told to send it."""

    type: Literal["basic"]
    username: Filled
    password: Secrets = Field(default_factory=lambda: (template("${secret.webhook_secret}"),))


class BearerProof(Proven):
    """`Authorization: Bearer <secret>`."""

    type: Literal["bearer"]


class HeaderProof(Proven):
    """The secret itself, in a header."""

    type: Literal["static_header"]
    header: HeaderName
    prefix: str = ""


class PathProof(Proven):
    """The secret itself, in the address: `/webhooks/<source>/<secret>/<path>`."""

    type: Literal["path_token"]


class NoProof(Part):
    """Anybody may send anything."""

    type: Literal["none"]
    allow_insecure: Annotated[Flag, Field(json_schema_extra={"const": True})] = False

    @model_validator(mode="after")
    def _meant(self) -> NoProof:
        if not self.allow_insecure:
            raise wrong(
                "webhooks that anybody can send",
                "Choose a way to verify; path_token works with every platform. Or write allow_insecure: true.",
            )
        return self


Verify = Annotated[
    HmacProof | StandardProof | VendorProof | BasicProof | BearerProof | HeaderProof | PathProof | NoProof,
    Field(discriminator="type"),
]
#: Ways that other tools know and that are not offered here → why.
NOT_OFFERED: Final = {
    "hmac_request": "A file signs no requests: `tajo new-connector NAME` begins a connector in Python.",
    "paypal_cert": "PayPal has a connector of its own: platform: paypal.",
    "mtls": "Let a proxy in front check certificates, and use static_header.",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """How the webhooks of one source are checked, and made for tests.

    Args:
        check: raises `Refused` where a request is not genuine.
        make: returns a request with its proof.
        marks: the headers that only this platform sends.
        signs_body: whether the proof covers the body.
        signs_url: whether it covers the address.
        in_path: whether the secret stands at the beginning of the path.
    """

    check: Callable[[Inbound, Sequence[str]], None]
    make: Callable[[Inbound, str], Inbound]
    marks: tuple[str, ...] = ()
    signs_body: bool = True
    signs_url: bool = False
    in_path: bool = False


def secret_references(verify: Verify | None) -> tuple[Reference, ...]:
    """Return where the secrets of webhooks come from."""
    if isinstance(verify, BasicProof):
        return tuple(one for secret in verify.password for one in secret.references)
    return tuple(one for secret in verify.secret for one in secret.references) if isinstance(verify, Proven) else ()


def proof_of(verify: Verify | None, values: Values) -> Proof:  # noqa: PLR0911  # one for each way
    """Return how webhooks are checked; without a word in the file all of them are refused."""
    if verify is None:
        return Proof(_refuse, lambda inbound, _secret: inbound, signs_body=False)
    if isinstance(verify, NoProof):
        return Proof(lambda _inbound, _secrets: None, lambda inbound, _secret: inbound, signs_body=False)
    if isinstance(verify, HmacProof):
        return _by_hmac(_hmac_of(verify), marks=_own(verify.header), signs_url="{url}" in verify.message)
    if isinstance(verify, StandardProof):
        return _standard(verify)
    if isinstance(verify, VendorProof):
        return _by_hmac(_vendor(verify), marks=(), signs_url=verify.type == "hubspot_v3")
    if isinstance(verify, PathProof):
        return _in_path()
    if isinstance(verify, BasicProof):
        return _basic(verify, values)
    header = verify.header.lower() if isinstance(verify, HeaderProof) else "authorization"
    return _in_header(header, verify.prefix if isinstance(verify, HeaderProof) else "Bearer ")


def _refuse(_inbound: Inbound, _secrets: Sequence[str]) -> None:
    raise Refused("The connector file of this source does not say how its webhooks are verified.", cause="no secret")


def _own(header: str) -> tuple[str, ...]:
    """Return a header as a mark, where it is one that a platform has for itself."""
    return (header.lower(),) if header.lower().startswith("x-") and header.count("-") > 1 else ()


def _hmac_of(verify: HmacProof) -> Hmac:
    return Hmac(
        header=verify.header.lower(),
        message=verify.message,
        encoding=verify.encoding,
        algorithm=verify.algorithm,
        prefix=verify.prefix,
        time_header=(verify.timestamp_header or "").lower(),
        units_per_s=1000 if verify.timestamp_unit == "ms" else 1,
        tolerance_s=verify.tolerance_seconds,
        id_header=(verify.id_header or "").lower(),
    )


def _vendor(verify: VendorProof) -> Hmac:
    if verify.type == "stripe":  # https://docs.stripe.com/webhooks/signature
        return Hmac(STRIPE, "{timestamp}.{body}", pair="v1", time_pair="t", tolerance_s=verify.tolerance_seconds)
    if verify.type == "shopify":  # https://shopify.dev/docs/apps/build/webhooks/subscribe/https
        return Hmac(SHOPIFY, encoding="base64")
    # https://developers.hubspot.com/docs/api/webhooks/validating-requests
    return Hmac(
        HUBSPOT,
        "{method}{url}{body}{timestamp}",
        "base64",
        time_header=HUBSPOT_TIME,
        units_per_s=1000,
        tolerance_s=verify.tolerance_seconds,
    )


def _by_hmac(way: Hmac, *, marks: tuple[str, ...], signs_url: bool) -> Proof:
    def make(inbound: Inbound, secret: str) -> Inbound:
        return replace(inbound, headers={**inbound.headers, **way.sign(inbound, secret)})

    return Proof(way.verify, make, marks=marks, signs_url=signs_url)


def _standard(verify: StandardProof) -> Proof:
    def check(inbound: Inbound, secrets: Sequence[str]) -> None:
        verify_standard(inbound, secrets, tolerance_s=verify.tolerance_seconds, prefix=verify.prefix)

    def make(inbound: Inbound, secret: str) -> Inbound:
        message_id = f"msg_{sha256(inbound.body).hexdigest()[:20]}"
        made = sign_standard(
            inbound.body, secret, message_id=message_id, sent_at=inbound.received_at, prefix=verify.prefix
        )
        return replace(inbound, headers={**inbound.headers, **made})

    return Proof(check, make)


def _in_path() -> Proof:
    def check(inbound: Inbound, secrets: Sequence[str]) -> None:
        verify_token(inbound.path.partition("/")[0], secrets)

    def make(inbound: Inbound, secret: str) -> Inbound:
        return replace(inbound, path=f"{secret}/{inbound.path}" if inbound.path else secret)

    return Proof(check, make, signs_body=False, in_path=True)


def _in_header(header: str, prefix: str) -> Proof:
    def check(inbound: Inbound, secrets: Sequence[str]) -> None:
        given = inbound.headers.get(header, "")
        verify_token(given.removeprefix(prefix) if given.startswith(prefix) else "", secrets)

    def make(inbound: Inbound, secret: str) -> Inbound:
        return replace(inbound, headers={**inbound.headers, header: f"{prefix}{secret}"})

    return Proof(check, make, marks=() if header == "authorization" else _own(header), signs_body=False)


def _basic(verify: BasicProof, values: Values) -> Proof:
    def check(inbound: Inbound, secrets: Sequence[str]) -> None:
        user = verify.username.fill(values)
        verify_token(read_basic(inbound.headers.get("authorization", "")), [f"{user}:{one}" for one in live(secrets)])

    def make(inbound: Inbound, secret: str) -> Inbound:
        pair = base64.b64encode(f"{verify.username.fill(values)}:{secret}".encode()).decode()
        return replace(inbound, headers={**inbound.headers, "authorization": f"Basic {pair}"})

    return Proof(check, make, signs_body=False)
