"""What docs/notices.md says: its shapes fit the models, its programs take what is sent and refuse what is not ours."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from standardwebhooks.webhooks import WebhookVerificationError

from customer_sync.api.notice_bodies import AnyNotice
from customer_sync.base.clock import utc_now
from customer_sync.config.settings import NOTICE_EVENTS
from customer_sync.operate.notices.senders import signed
from tests import programs
from tests.notices.hands import SECRET

PAGE = (Path(__file__).parents[2] / "docs" / "notices.md").read_text(encoding="utf-8")
BODY = '{"type":"test","data":{"text":"Grüße"}}'.encode()


def block(language: str) -> str:
    """Return the only block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def headers():
    return signed(BODY, ["whsec_b3RoZXIgc2VjcmV0IG9mIG91cnM=", SECRET], "msg_1", utc_now())


def test_the_body_on_the_page_has_the_shape_that_is_sent():
    TypeAdapter(AnyNotice).validate_python(json.loads(block("json")))


def test_the_page_names_every_type():
    table = PAGE[PAGE.index("## What is told") : PAGE.index("## The body")]

    assert set(re.findall(r"`(\w+_\w+)`", table)) >= set(NOTICE_EVENTS)


def test_the_program_in_python_takes_what_is_sent_and_nothing_else(headers):
    here = {}
    exec(block("python"), here)

    assert here["receive"](headers, BODY, SECRET)["data"]["text"] == "Grüße"
    with pytest.raises(WebhookVerificationError):
        here["receive"](headers, BODY + b" ", SECRET)


def test_the_program_in_node_takes_what_is_sent_and_nothing_else(headers):
    given = json.dumps({"headers": headers, "body": BODY.decode(), "secret": SECRET})
    program = f"""{block("js")}
    const {{ headers, body, secret }} = {given};
    const refused = [[headers, body + " ", secret], [headers, body, "whsec_AAAA"],
      [{{ ...headers, "webhook-timestamp": "1" }}, body, secret]];
    const found = [receive(headers, body, secret).data.text];
    for (const one of refused) {{ try {{ receive(...one); found.push("taken"); }} catch {{ found.push("refused"); }} }}
    console.log(JSON.stringify(found));
    """

    done = subprocess.run([programs.need("node"), "-e", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == ["Grüße", "refused", "refused", "refused"]
