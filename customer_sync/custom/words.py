"""What each word of a connector file means, in one sentence: for editors, which show it beside the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PROOF: Final = "Where the secret of webhooks comes from: ${secret.name} or ${env.NAME}; a list while secrets rotate."
_SIZE: Final = "How many rows a page has, or how many are asked for."
_SIZE_PARAM: Final = "The parameter that asks for so many rows."
_TOLERANCE: Final = "How old a signed request may be, in seconds."
_ENDPOINT: Final = "The path behind base_url, with its first slash; {word} is filled in."
_PARAMS: Final = "The query: name and value."
_BODY: Final = "The JSON body; {word} is filled into its texts."
_OK: Final = "The answers that mean that it was done."
_MAX_PAGES: Final = "A list with more pages stops the run, so that nobody is left out in silence."
_FULL_PAGES: Final = "Whether every page but the last has size rows: a shorter one is asked for again."
_METHOD: Final = "The HTTP verb."
_STOP: Final = "Where the list ends: empty (at an empty page), or a path to the number after which it ends."

#: Table of the form → its words → what each means.
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Form": {
        "version": "1, or three numbers of your own such as 1.0.0.",
        "name": "What the platform is called in tajo.yaml and in addresses.",
        "display_name": "How people write the platform's name.",
        "base_url": "Where the API is: https:// and its host; every endpoint stands behind it.",
        "auth": "How calls prove who makes them.",
        "http": "How calls are made, and what answers mean.",
        "resources": "The lists that are read, each with what its records become.",
        "webhooks": "What the platform sends by itself.",
        "writeback": "What is told to the platform.",
        "shares_addresses": "Whether several customers may have one e-mail address there.",
    },
    "NoAuth": {"type": "The API asks for no proof."},
    "BearerAuth": {"type": "A bearer token that does not end.", "token": "Where it comes from: ${secret.token}."},
    "KeyAuth": {
        "type": "A key in a header or in the query.",
        "name": "The header or the parameter.",
        "in": "Where the key stands: header or query.",
        "value": "Where it comes from: ${secret.api_key}.",
        "prefix": "What stands before it in the header, such as Token and a space.",
    },
    "BasicAuth": {
        "type": "User and password.",
        "username": "The user: ${config.username}, ${secret.username}, or a text.",
        "password": "Where the password comes from: ${secret.password}.",
    },
    "OAuth": {
        "type": "OAuth 2.0.",
        "grant": "Where the first token comes from: the owner in a browser, the app, a refresh token, a text.",
        "authorization_url": "The page where the owner agrees.",
        "token_url": "Where tokens are given.",
        "scopes": "The rights that are asked for.",
        "scope_separator": "What stands between them.",
        "client_id": "The app's id.",
        "client_secret": "Where the app's secret comes from: ${secret.client_secret}.",
        "client_auth": "Whether id and secret travel as Basic or in the body.",
        "pkce": "Whether a proof of the asker goes along with the owner's browser (RFC 7636).",
        "refresh": "How tokens are renewed.",
        "refresh_token": "Where the first refresh token comes from: ${secret.refresh_token}.",
        "jwt": "What the signed text says, and which key signs it (RFC 7523).",
        "token_response": "What else of a token's answer is used.",
    },
    "Refresh": {
        "rotates": "Whether each refresh token works once: one that was used is never shown again.",
        "skew_seconds": "How many seconds before its end a token is renewed.",
    },
    "SignedText": {
        "private_key": "Where the RSA key (PEM) comes from: ${secret.private_key}.",
        "key_id": "The id of the key (kid), where the platform wants it.",
        "issuer": "Who signs (iss); the client_id when nothing is said.",
        "subject": "Whom the app speaks for (sub).",
        "audience": "For whom it is (aud); the token_url when nothing is said.",
        "lifetime_seconds": "How long the text is good.",
    },
    "TokenAnswer": {
        "base_url": "The key of the answer that says where the API is, such as instance_url.",
        "expires_in": "The key that says for how many seconds the token is good; or the seconds, where no key does.",
    },
    "HttpPart": {
        "headers": "Sent with every call.",
        "timeout_seconds": "How long an answer may be silent, 1 to 60 seconds; 10 when nothing is said.",
        "retry": "Which answers come again, and how often a question is asked at once.",
        "rate_limit": "How many calls the platform takes; kept for all processes together.",
        "errors": "What answers mean; the first that fits counts.",
    },
    "Retry": {
        "on_status": "The answers that come again, beside 429 and 5xx, which always do.",
        "max_attempts": "How often a worker asks before it leaves the question to the engine; never of writes.",
        "backoff": "Whether the waits between these tries double.",
        "max_wait_seconds": "The longest of these waits.",
        "wait_seconds": "How long the engine waits before it asks again; longer each time when nothing is said.",
    },
    "RateLimit": {
        "requests": "How many calls.",
        "per_seconds": "In how many seconds.",
        "limit_header": "The header that says how many calls a window has.",
        "remaining_header": "The header that says how many are left.",
        "reset_header": "The header that says when the window ends.",
        "reset_format": "How it says so.",
    },
    "When": {"status": "The statuses: 404, 5xx, or a list.", "body": "What must be true of the body."},
    "ErrorRule": {
        "when": "Which answers it is about.",
        "action": "What is done.",
        "wait_seconds": "How long to wait, where the answer does not say it.",
    },
    "OnePage": {"type": "The list comes whole."},
    "PageNumber": {
        "type": "Pages by number.",
        "param": "The parameter of the number.",
        "start": "The number of the first page.",
        "size_param": _SIZE_PARAM,
        "size": _SIZE,
        "total_pages": "Where the number of pages stands.",
        "stop": _STOP,
    },
    "Offset": {
        "type": "Pages by how many rows were before.",
        "param": "The parameter of that number.",
        "limit_param": _SIZE_PARAM,
        "limit": _SIZE,
        "more": "What says that there are more.",
        "stop": _STOP,
    },
    "Cursor": {
        "type": "The answer holds a word that asks for the next page.",
        "next": "Where that word stands; empty on the last page.",
        "send_as": "The parameter that it is sent as.",
        "in": "Whether it is sent in the query or in the body.",
        "size_param": _SIZE_PARAM,
        "size": _SIZE,
    },
    "LastId": {
        "type": "The id of the last row asks for the next page.",
        "path": "Where the id stands in a row; primary_key when nothing is said.",
        "send_as": "The parameter that it is sent as.",
        "more": "What says that there are more.",
        "size_param": _SIZE_PARAM,
        "size": _SIZE,
    },
    "NextUrl": {
        "type": "The body holds the address of the next page, on the same host.",
        "path": "Where it stands.",
        "size_param": _SIZE_PARAM,
        "size": _SIZE,
    },
    "LinkHeader": {
        "type": "The header Link holds the address of the next page.",
        "size_param": _SIZE_PARAM,
        "size": _SIZE,
    },
    "Resource": {
        "target": "What the records are; none for a list that is only read for another (for_each).",
        "endpoint": _ENDPOINT,
        "for_each": "Another list, for each of whose records this one is read.",
        "method": _METHOD,
        "params": _PARAMS,
        "json": _BODY,
        "records": "Where the list stands in the answer.",
        "primary_key": "Where the id stands in a record.",
        "by_id": "How one record is read by its id.",
        "pagination": "How the list is paged.",
        "incremental": "How what changed since a time is asked for.",
        "delete_when": "What is true of a record that is deleted.",
        "mapping": "Our field and where it stands.",
        "transform": "What is done to whole records.",
    },
    "ForEach": {
        "resource": "The other list, by its name in this file.",
        "as": "The word for one of its records: {word.id} and {word.path} are filled in.",
    },
    "ById": {
        "endpoint": "The path, with {id}.",
        "method": _METHOD,
        "params": _PARAMS,
        "record": "Where the record stands in the answer.",
    },
    "Incremental": {
        "cursor": "Where the time of its last change stands in a record.",
        "format": "How times are written: rfc3339, unix, unix_ms, or a pattern.",
        "since_param": "The parameter of the time from which on.",
        "until_param": "The parameter of the time up to which.",
        "lookback": "How much earlier is read: what was written before may have appeared after.",
        "max_window": "The longest time that is asked for at once.",
        "start": "Where a full pull begins, at a platform that lists by time alone.",
        "order": "How the list is sorted by that time; desc stops at what is known.",
    },
    "Rule": {
        "path": "Where it stands; of a list of expressions the first that finds something.",
        "transform": "What is done to the value, in this order.",
        "type": "What an attribute is: text, number, boolean or date.",
        "map": "Their word and ours.",
        "cents_of": "Where the currency stands whose smallest unit the amount counts.",
        "at": "Of a consent: when the person said so. Only then is it an act.",
        "method": "Of a consent: how the person said so.",
        "fields": "Of lines: our field and where it stands in a line.",
    },
    "RecordStep": {
        "explode": "The list in a record, of which each entry becomes a record, with the entry in its place.",
        "drop_if_missing": "The fields without which a record is left out.",
        "filter": "What must be true of a record that is kept.",
    },
    "Webhooks": {
        "verify": "How a webhook proves who sends it; without it all are refused.",
        "topic_header": "The header that says what happened.",
        "id_header": "The header with the id of the delivery.",
        "events": "The webhooks, each by a name such as customer_created.",
        "subscriptions": "How webhooks are made at the platform.",
    },
    "HookEvent": {
        "path": "What follows the source's address; any when nothing is said.",
        "topic": "The platform's word for it; the name of the event when nothing is said.",
        "match": "What must be true of the body.",
        "items": 'Where a list of records stands in the body; "@" for a body that is one.',
        "event_id": "Where the id of the event stands; several are put together.",
        "occurred_at": "Where it stands when it happened.",
        "resource": "Whose mapping; guessed from the event's name when nothing is said.",
        "record": "Where the record stands.",
        "record_id": "Where its id stands, for what is fetched, deleted or merged.",
        "action": "What is done: upsert, delete, erase or merge.",
        "kept_id": "Where the id of the record that is kept stands in a merge.",
        "fetch": "Whether the record is read again: never, always, or if_missing with fields.",
    },
    "Subscriptions": {
        "list": "Where the platform lists its webhooks.",
        "create": "How one is made.",
        "update": "How one is repaired.",
    },
    "Listing": {
        "endpoint": _ENDPOINT,
        "records": "Where the list stands in the answer.",
        "id": "Where the id of a webhook stands.",
        "url": "Where its address stands.",
        "topic": "Where its topic stands.",
        "active": "What is true of one that is on.",
    },
    "Call": {
        "method": _METHOD,
        "endpoint": _ENDPOINT,
        "params": _PARAMS,
        "json": _BODY,
        "ok_status": _OK,
    },
    "Unsubscribe": {
        "method": _METHOD,
        "endpoint": "The path, with {external_id} or {email}.",
        "params": _PARAMS,
        "json": _BODY,
        "ok_status": _OK,
        "skip_status": "The answers that mean that the record is not there.",
        "read_back": "Whether the record is read again afterwards.",
    },
    "Writeback": {"unsubscribe": "How an opt-out is told to the platform."},
    "HmacProof": {
        "type": "An HMAC over the body and what else message names.",
        "algorithm": "The digest.",
        "encoding": "How the signature is written.",
        "header": "The header with the signature.",
        "prefix": "What stands before it, such as sha256=.",
        "message": "What is signed: {body}, with {timestamp}, {id}, {method}, {url}, {path}.",
        "timestamp_header": "The header with the time that is signed.",
        "timestamp_unit": "Whether that time counts seconds or milliseconds.",
        "id_header": "The header with the id that is signed.",
        "tolerance_seconds": _TOLERANCE,
    },
    "StandardProof": {
        "type": "Standard Webhooks.",
        "prefix": "How its headers begin.",
        "tolerance_seconds": _TOLERANCE,
    },
    "VendorProof": {"type": "As that platform signs.", "tolerance_seconds": _TOLERANCE},
    "BasicProof": {
        "type": "HTTP Basic, as the platform was told to send it.",
        "username": "The user.",
        "password": _PROOF,
    },
    "BearerProof": {"type": "Authorization: Bearer and the secret."},
    "HeaderProof": {
        "type": "The secret itself, in a header.",
        "header": "The header.",
        "prefix": "What stands before the secret.",
    },
    "PathProof": {"type": "The secret is the first part of the path: works with every platform."},
    "NoProof": {"type": "Anybody may send anything.", "allow_insecure": "true: this is meant."},
}
#: Words that several tables have, where the table itself says nothing of them.
COMMON: Final[Mapping[str, str]] = {"secret": _PROOF, "max_pages": _MAX_PAGES, "full_pages": _FULL_PAGES}
