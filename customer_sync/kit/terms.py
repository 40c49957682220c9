"""What OAuth 2.0 needs to know of an app and of how its platform puts things; `customer_sync.kit.oauth` acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Terms:
    """Who asks for tokens, where, and how the platform puts things.

    Args:
        title: the platform's name, for messages.
        source: the source's name, for remedies.
        url: returns the token endpoint; may raise `ConfigError`.
        client_id: the app's.
        client_secret: the app's.
        owner: whose tokens they are (`{"shop": ...}`): stored ones of another owner are not used; what is empty here
            fits any.
        asks_alone: whether client credentials bring a token where no owner has agreed.
        is_basic: whether id and secret travel in the header (RFC 6749, 2.3.1) instead of the body.
        keeps: what else of an answer is stored, such as `instance_url`; see `Token.more`.
        refusals: word in a refusal → what is wrong, and what to do; `{source}` is filled in.
        by_owner: the words among them that the owner's consent in a browser mends.
        keys: what to set where id or secret are missing, in one sentence.
        alone: makes the form that is sent in the place of client credentials, for platforms that want a signed text
            (RFC 7523); then there need be no secret.
        seed: a refresh token out of the settings, which brings the first token where none is stored; those after it
            are stored. Say in `owner` which one it was, so that another one in the settings is used.
        rotates: whether each refresh token works once: one that was used is forgotten, also where the answer brings no
            other, or gets lost. To show it again makes some platforms end every token of the app.
        skew_s: how many seconds before its end a token is renewed; None: after four fifths of its life.
        lasts: the key of an answer that says for how many seconds the token is good.
        lasts_s: for how many seconds it is good where the answer does not say it; None: nobody knows.
    """

    title: str
    source: str
    url: Callable[[], str]
    client_id: str
    client_secret: str = field(repr=False)
    owner: Mapping[str, str] = field(default_factory=dict)
    asks_alone: bool = False
    is_basic: bool = False
    keeps: tuple[str, ...] = ()
    refusals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    by_owner: frozenset[str] = frozenset()
    keys: str = "Set the app's id and secret."
    alone: Callable[[], Mapping[str, str]] | None = None
    seed: str = field(default="", repr=False)
    rotates: bool = False
    skew_s: float | None = None
    lasts: str = "expires_in"
    lasts_s: float | None = None
