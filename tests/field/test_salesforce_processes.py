"""S1 with real processes: a refresh token works once, and showing an old one again ends them all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.salesforce.tests.caller import envelope
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Callback, Invitation
from customer_sync.loading import load_settings
from customer_sync.model import Inbound
from customer_sync.platforms.accesses import Accesses
from customer_sync.registry import connector_for
from customer_sync.store import inbox
from customer_sync.store.run import RunState
from tests.contract.test_pull import TRIALS
from tests.hybrid.house import WORKER
from tests.journey.home import Home
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CRM = "salesforce"
MORTAL = ("tests.field.mortal", *WORKER)
TOKEN = "/services/oauth2/token"


class Crm(Home):
    """An installation whose owner let it in by browser, and an org whose refresh tokens work once."""

    def __init__(self, folder: Path, sandbox, shop):
        super().__init__(folder, sandbox, CRM, TRIALS[CRM], shop)
        self.shop, self.names = shop, 0
        settings = load_settings(None, self.env)
        self.connector = connector_for(settings.sources[CRM])
        self.access = Accesses(settings, self.store, Path(self.env["TAJO_HOME"])).always(CRM)

    def agree(self) -> None:
        """Let the owner agree in a browser."""
        self.names += 1
        invitation = Invitation(f"{self.names:032x}", "https://ours.test/back", "https://ours.test/")
        back = self.shop.http.request("GET", self.connector.invite(invitation), redirect=False).headers["Location"]
        callback = Callback(dict(parse_qsl(urlsplit(back).query)), b"", self.access.now_s())
        self.connector.accept(callback, invitation, self.access)

    def worker(self, queues: str, **env: str):
        return self.start(*MORTAL, "-n", f"w{len(self._processes)}@%h", "-Q", queues, **env)

    def tell(self, record_id: str) -> None:
        """Let an outbound message name a record."""
        self.names += 1
        body = envelope((f"04l{self.names}", "Contact", {"Id": record_id}), organization="00DFake0000000aEAA")
        told = self.connector.sign(Inbound(CRM, {}, body, datetime.now(UTC)), self.connector.settings.secrets[0])
        self.store.inbox.append([inbox.encode(told, self.connector.keeps)])

    def refresh(self) -> str:
        """The refresh token that is stored."""
        return str(self.access.vault.load()["refresh_token"])

    def asked(self) -> list[int]:
        """How the token endpoint answered, the oldest first; the code of the owner aside."""
        calls = self.shop.get("/fake/calls?limit=5000")["calls"][::-1]
        return [one["status"] for one in calls if one["path"] == TOKEN]

    def given(self) -> int:
        """How often a refresh token was taken."""
        return int(self.shop.get("/fake/state")["tokens"].get("refresh_token", 0))

    def first_names(self) -> set[str]:
        return {one["attributes"].get("FIRSTNAME") for one in self.sandbox.contacts().values()}


@pytest.fixture
def crm(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    arguments = (*TRIALS[CRM].arguments, "--rotation", "revoke")
    with sandbox_server("--plan", "none", "--import-delay", "0.1") as sandbox, store_server(CRM, *arguments) as shop:
        home = Crm(tmp_path, sandbox, shop)
        try:
            home.agree()
            shop.delete("/fake/calls")
            yield home
        finally:
            home.close()


def test_s1_two_processes_that_meet_401_in_the_same_moment_renew_once_between_them(crm, tmp_path):
    env = {"TAJO_MEETS_AT": "GET */services/data/* 401", "TAJO_MEETS_IN": str(tmp_path)}
    workers = [crm.worker("wakeups,reads,imports", **env), crm.worker("platforms", **env)]
    crm.sync(CRM, "full")
    first, somebody = crm.refresh(), crm.shop.get("/fake/customers")["ids"][0]
    crm.shop.post("/fake/tokens/expire")
    crm.shop.http.request("PATCH", f"{crm.shop.address}/fake/records/{somebody}", json={"FirstName": "Renewed"})

    number = crm.begin(CRM, "full")  # the one reads everybody, the other the one who changed
    crm.tell(somebody)
    crm.wait_for(number, "done")
    crm.wait_until(lambda: "Renewed" in crm.first_names() and not crm.waiting())

    assert {int(one.stem) for one in tmp_path.glob("*.met")} == {one.pid for one in workers}
    assert (crm.asked(), crm.given()) == ([200], 1)
    assert crm.refresh() != first
    crm.shop.post("/fake/tokens/expire")  # what was stored is the newest: it works again
    crm.sync(CRM, "full")
    assert (crm.asked(), crm.given()) == ([200, 200], 2)


def test_s1_a_process_that_dies_between_answer_and_saving_costs_one_question_and_the_owners_word(crm):
    before, somebody = crm.refresh(), crm.shop.get("/fake/customers")["ids"][0]
    crm.shop.post("/fake/tokens/expire")
    mortal = crm.worker("wakeups,reads,imports,platforms", TAJO_DIES_AT=f"POST *{TOKEN} 200")
    number = crm.begin(CRM, "full")
    assert mortal.wait(60) == -9
    assert (crm.asked(), crm.given(), crm.refresh()) == ([200], 1, before)

    crm.worker("wakeups,reads,imports,platforms")
    crm.wait_for(number, "stopped")
    run = crm.run(number)
    assert "never stored" in run.reason
    assert "tajo connectors connect salesforce" in run.remedy
    crm.tell(somebody)  # webhooks come, somebody tries again: nobody asks with the dead token once more
    crm.wait_until(lambda: crm.store.breakers.read(f"fetch:{CRM}"))
    crm.tajo("runs", "resume", number)
    crm.wait_until(lambda: crm.run(number).state is RunState.STOPPED)
    with pytest.raises(ConfigError, match="never stored"):
        crm.access.vault.load() and crm.connector.fetch("customers", [somebody], crm.access)
    assert crm.asked() == [200, 400]
    assert [one for one in crm.alerts() if "never stored" in one]

    crm.agree()
    crm.tajo("runs", "resume", number)
    crm.wait_for(number, "done")
    crm.wait_until(lambda: not crm.waiting())
    ids = crm.shop.get("/fake/customers")["ids"]
    everybody = {crm.shop.get(f"/fake/records/{one}")["Email"].lower() for one in ids}
    assert everybody <= set(crm.sandbox.contacts())
    assert crm.given() == 1
