"""The grants of OAuth 2.0 without a browser: a refresh token out of the settings, a text that the app's key signs."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from customer_sync.errors import ConfigError, ConsentNeeded
from customer_sync.kit.reach import Access, Want
from tests.custom.bench import LEAST, NOW, Vault, Wire, connector, faults_of

TOKEN_URL = "https://login.lamps.example/token"
KEYS = {"client_id": "app", "client_secret": "s"}
RSA = generate_private_key(65537, 2048)


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def with_auth(**auth):
    return {**LEAST, "auth": {"type": "oauth2", "token_url": TOKEN_URL, **auth}}


class Platform:
    """Gives tokens; each refresh token works once where it rotates."""

    def __init__(self, *, rotates=True, lasts=3600, more=None):
        self.rotates, self.lasts, self.more = rotates, lasts, more or {}
        self.good, self.forms, self.given = {"r0"}, [], 0

    def __call__(self, asked):
        if asked.url != TOKEN_URL:
            return [] if asked.headers["Authorization"] == f"Bearer t{self.given}" else (401, {}, {})
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.forms.append(form)
        spent = form.get("refresh_token")
        if spent is not None and spent not in self.good:
            return 400, {"error": "invalid_grant"}, {}
        self.given += 1
        answer = {"access_token": f"t{self.given}", **({} if self.lasts is None else {"expires_in": self.lasts})}
        if spent is not None and self.rotates:
            self.good = {f"r{self.given}"}
            answer["refresh_token"] = f"r{self.given}"
        return {**answer, **self.more}


def pull(document, platform, vault, now_s=None, **keys):
    wire = Wire(platform)
    access = Access(wire, vault, now_s=lambda: now_s or NOW.timestamp())
    connector(document, **{**KEYS, **keys}).pull(Want("customers"), access)
    return wire


REFRESH = with_auth(grant="refresh_token")


def test_the_first_token_comes_of_the_refresh_token_in_the_settings():
    platform = Platform()
    made = connector(REFRESH, **KEYS, refresh_token="r0")
    pull(REFRESH, platform, Vault(), refresh_token="r0")

    assert made.can_pull()
    assert [(one.name, one.secret, one.required) for one in made.options][-1] == ("refresh_token", True, True)
    assert platform.forms == [
        {"grant_type": "refresh_token", "refresh_token": "r0", "client_id": "app", "client_secret": "s"}
    ]


def test_a_refresh_token_that_rotates_is_kept_and_the_one_in_the_settings_is_not_shown_again():
    platform, vault, now_s = Platform(), Vault(), NOW.timestamp()
    pull(REFRESH, platform, vault, refresh_token="r0")
    pull(REFRESH, platform, vault, now_s + 7200, refresh_token="r0")
    pull(REFRESH, platform, vault, now_s + 7200, refresh_token="r0")

    assert [one["refresh_token"] for one in platform.forms] == ["r0", "r1"]
    assert vault.load()["refresh_token"] == "r2"


def test_a_token_that_is_refused_is_renewed_with_the_kept_one():
    platform, vault = Platform(), Vault()
    pull(REFRESH, platform, vault, refresh_token="r0")
    platform.given = 7  # the platform ended all tokens
    pull(REFRESH, platform, vault, refresh_token="r0")

    assert [one["refresh_token"] for one in platform.forms] == ["r0", "r1"]


def test_another_refresh_token_in_the_settings_is_used():
    platform, vault = Platform(), Vault()
    pull(REFRESH, platform, vault, refresh_token="r0")
    platform.good = {"new"}
    pull(REFRESH, platform, vault, refresh_token="new")

    assert platform.forms[-1]["refresh_token"] == "new"


def test_a_refresh_token_that_is_over_says_which_key_to_set():
    with pytest.raises(ConfigError) as found:
        pull(REFRESH, Platform(), Vault(), refresh_token="old")

    assert not isinstance(found.value, ConsentNeeded)
    assert "refresh_token" in found.value.remedy


def test_the_renewal_is_done_under_the_lock():
    class Watched(Vault):
        locks = 0

        def locked(self):
            self.locks += 1
            return super().locked()

    vault, platform = Watched(), Platform()
    pull(REFRESH, platform, vault, refresh_token="r0")
    pull(REFRESH, platform, vault, refresh_token="r0")

    assert vault.locks == 1


def test_a_used_token_is_forgotten_where_the_file_says_that_it_works_once():
    document = with_auth(grant="refresh_token", refresh={"rotates": True})
    platform, vault = Platform(rotates=False), Vault()
    pull(document, platform, vault, refresh_token="r0")

    assert vault.load()["refresh_token"] == ""
    pull(document, platform, vault, NOW.timestamp() + 3500, refresh_token="r0")  # it is good until its end
    with pytest.raises(ConfigError):
        pull(document, platform, vault, NOW.timestamp() + 3600, refresh_token="r0")
    assert len(platform.forms) == 1


def test_it_is_kept_where_the_file_does_not_say_so():
    platform, vault = Platform(rotates=False), Vault()
    pull(REFRESH, platform, vault, refresh_token="r0")

    assert vault.load()["refresh_token"] == "r0"


@pytest.mark.parametrize(
    ("response", "lasts", "more", "expires"),
    [
        ({"expires_in": "valid_for"}, None, {"valid_for": 100}, 100),
        ({"expires_in": 600}, None, {}, 600),
        ({"expires_in": 600}, 60, {}, 60),
        (None, 60, {}, 60),
    ],
)
def test_how_long_a_token_is_good_stands_where_the_file_says(response, lasts, more, expires):
    document = with_auth(grant="client_credentials", **({} if response is None else {"token_response": response}))
    vault = Vault()
    pull(document, Platform(lasts=lasts, more=more), vault)

    assert vault.load()["expires_at_s"] == NOW.timestamp() + expires


def test_scopes_go_along_with_client_credentials():
    platform = Platform()
    pull(with_auth(grant="client_credentials", scopes=["a", "b"], scope_separator=","), platform, Vault())

    assert platform.forms[0] == {
        "grant_type": "client_credentials",
        "scope": "a,b",
        "client_id": "app",
        "client_secret": "s",
    }


# a signed text

JWT = with_auth(
    grant="jwt_bearer",
    scopes=["read"],
    jwt={
        "subject": "${config.user}",
        "audience": "https://login.lamps.example",
        "key_id": "k1",
        "lifetime_seconds": 60,
    },
)


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("key", [pem(RSA), pem(RSA).replace("\n", "\\n")], ids=["as it is", "on one line"])
def test_a_text_signed_with_the_apps_key_brings_the_token(key):
    platform = Platform()
    wire = Wire(platform)
    made = connector(JWT, client_id="app", private_key=key, user="bot")
    made.pull(Want("customers"), wire.access())

    (form,) = platform.forms
    head, claims, signature = form["assertion"].split(".")
    RSA.public_key().verify(part(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert "client_secret" not in form
    assert json.loads(part(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    now_s = int(NOW.timestamp())
    assert json.loads(part(claims)) == {
        "iss": "app",
        "sub": "bot",
        "aud": "https://login.lamps.example",
        "iat": now_s,
        "exp": now_s + 60,
        "scope": "read",
    }
    assert {one.name: one.required for one in made.options} == {"client_id": True, "private_key": True, "user": True}


def test_another_user_has_a_token_of_its_own():
    platform, vault = Platform(), Vault()
    for user in ("a", "b"):
        pull(JWT, platform, vault, private_key=pem(RSA), user=user)

    assert len(platform.forms) == 2


@pytest.mark.parametrize("key", ["no key", pem(generate_ec(SECP256R1()))], ids=["a text", "an EC key"])
def test_what_is_no_key_says_so_and_does_not_show_it(key):
    with pytest.raises(ConfigError, match="private_key is no RSA key in PEM") as found:
        pull(JWT, Platform(), Vault(), private_key=key, user="a")

    assert key not in str(found.value)
    assert "BEGIN" in found.value.remedy


# no key of a grant is read and then does nothing

INERT = {
    "a page that nobody opens": (
        {"grant": "client_credentials", "authorization_url": "https://x.example/a"},
        "authorization_url",
    ),
    "pkce without a browser": ({"grant": "client_credentials", "pkce": True}, "pkce"),
    "a refresh token of another grant": ({"refresh_token": "${secret.r}"}, "refresh_token"),
    "a key of another grant": ({"jwt": {"subject": "x"}}, "jwt"),
    "scopes that are not asked for": ({"grant": "refresh_token", "scopes": ["a"]}, "scopes"),
    "rotation of what is not there": ({"refresh": {"rotates": True}}, "refresh.rotates"),
    "a separator of nothing": ({"scope_separator": ","}, "scope_separator"),
    "a password that is none": ({"grant": "jwt_bearer", "client_auth": "basic"}, "client_auth"),
    "no secret": ({"client_secret": None}, "client_secret"),
    "a key in the file": ({"grant": "jwt_bearer", "jwt": {"private_key": "-----BEGIN"}}, "jwt.private_key"),
    "a refresh token in the file": ({"grant": "refresh_token", "refresh_token": "abc"}, "refresh_token"),
}


@pytest.mark.parametrize("name", INERT)
def test_a_key_that_would_do_nothing_is_a_fault(name):
    auth, path = INERT[name]

    assert f"auth.{path}" in faults_of(with_auth(**auth))
