"""What the contract suite must know of Salesforce and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.salesforce import pull
from connectors.salesforce.account import Account
from connectors.salesforce.objects import CONTACT
from connectors.salesforce.records import Reader
from customer_sync.kit.connector import SourceSettings
from tests.contract.trial import Person, Pulled, Trial

SESSION = {"Authorization": "Bearer 00DFake0000000a!demo"}
DATA = "/services/data/v62.0"
KEYS = {
    "my_domain": "lamps.my.salesforce.com",
    "organization_id": "00DFake0000000a",
    "client_id": "demo-consumer-key",
    "client_secret": "demo-consumer-secret",
    "opt_in_field": "News__c",
    "opt_in_at_field": "NewsAt__c",
}
#: The fields that an org would add to mean an opt-in.
BOXES = "Contact.News__c,Lead.News__c"
CUSTOM = f"{BOXES},Contact.NewsAt__c,Lead.NewsAt__c"
LEFT = {
    "attributes": {"type": "Contact", "url": "/services/data/v62.0/sobjects/Contact/003Fak000000001IAA"},
    "Id": "003Fak000000001IAA",
    "SystemModstamp": "2026-11-20T10:00:00.000+0000",
    "FirstName": "Ann",
    "LastName": "Bell",
    "Email": "ann@example.com",
    "MobilePhone": "+4915112345678",
    "HasOptedOutOfEmail": True,
    "MailingCity": "Bonn",
    "MailingCountry": "DE",
    "Account": {"attributes": {"type": "Account"}, "Name": "Lamps"},
    "MasterRecordId": None,
    "IsDeleted": False,
    "CreatedDate": "2026-01-20T10:00:00.000+0000",
}
#: How long ago changes happened: longer than a pull stays behind.
AGO_S = 90


def api(shop: Any, method: str, path: str, **more: Any) -> Any:
    """Call the API as another program with a session does."""
    answer = shop.http.request(method, f"{shop.address}{DATA}{path}", headers=SESSION, **more)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


def tooling(shop: Any, soql: str) -> list[Any]:
    return api(shop, "GET", "/tooling/query", fields={"q": soql})["records"]


def messages(shop: Any, name: str = "") -> list[Any]:
    rows = tooling(shop, "SELECT Id, Name, EntityDefinitionId FROM WorkflowOutboundMessage")
    found = [one | api(shop, "GET", f"/tooling/sobjects/WorkflowOutboundMessage/{one['Id']}") for one in rows]
    return [one for one in found if not name or one["EntityDefinitionId"] == name]


def change_message(shop: Any, topic: str, **more: Any) -> None:
    one = messages(shop, topic)[0]
    body = {"Metadata": {**one["Metadata"], **more}}
    api(shop, "PATCH", f"/tooling/sobjects/WorkflowOutboundMessage/{one['Id']}", json=body)


def switch_off(shop: Any, topic: str) -> None:
    rows = tooling(shop, "SELECT Id, DeveloperName FROM FlowDefinition")
    one = next(row for row in rows if row["DeveloperName"].endswith(topic))
    api(
        shop, "PATCH", f"/tooling/sobjects/FlowDefinition/{one['Id']}", json={"Metadata": {"activeVersionNumber": None}}
    )


def drop(shop: Any, topic: str) -> None:
    one = messages(shop, topic)[0]
    api(shop, "DELETE", f"/tooling/sobjects/WorkflowOutboundMessage/{one['Id']}")


def pulled(row: Any) -> Any:
    account = Account.of(SourceSettings("trial", "salesforce", (), KEYS))
    return pull.read(Reader(account, 1_795_262_400.0), CONTACT, [row])


def says(row: Any) -> bool | None:
    """Tell what a record says of e-mails."""
    return False if row["HasOptedOutOfEmail"] else True if row["News__c"] else None


class Salesforce(Trial):
    """Both pulls are queries that go on from their last row."""

    arguments = ("--customers", "40", "--custom", CUSTOM, "--boxes", BOXES)
    options: ClassVar = KEYS
    secret = ("webhook_secret", Trial.secrets[0])
    behind_s = AGO_S
    deaf = ("delete", "merge")
    hurry = ("--time-scale", "0.1")
    wrong_keys: ClassVar = {
        "another secret": {"client_secret": "not-the-secret"},
        "another app": {"client_id": "not-the-app"},
        "another org": {"organization_id": "00DOther0000000"},
    }
    has_room_for_two = False
    spoils: ClassVar = {
        "missing": drop,
        "disabled": switch_off,
        "elsewhere": lambda shop, topic: change_message(shop, topic, endpointUrl="http://127.0.0.1:8/other"),
    }
    withdrawals = (Pulled(pulled, LEFT, ("HasOptedOutOfEmail",)),)

    def prepare(self, patch: Any) -> None:
        patch.setattr(pull, "PAGE", 5)

    def everybody(self, shop: Any) -> set[str]:
        return set(shop.get("/fake/customers")["ids"])

    def change(self, shop: Any) -> tuple[set[str], datetime]:
        since = datetime.now(UTC) - timedelta(seconds=AGO_S + 2)
        return set(shop.post("/fake/customers/change", {"count": 17, "ago_s": AGO_S})["ids"]), since

    def create(self, shop: Any) -> str:
        return str(shop.post("/fake/customers")["id"])

    def delete(self, shop: Any, record_id: str) -> None:
        shop.delete(f"/fake/records/{record_id}")

    def populate(self, shop: Any, count: int) -> None:
        shop.post("/fake/customers/populate", {"count": count})

    def address(self, shop: Any, record_id: str) -> str:
        return str(shop.get(f"/fake/records/{record_id}")["Email"])

    def rename(self, shop: Any, record_id: str, email: str) -> None:
        set_fields(shop, record_id, Email=email)

    def merge(self, shop: Any, kept: str, gone: str) -> str:
        return str(shop.post("/fake/merge", {"kept": kept, "gone": gone})["id"])

    def may_mail(self, shop: Any, record_id: str) -> bool | None:
        return says(shop.get(f"/fake/records/{record_id}"))

    def subscribe(self, shop: Any, record_id: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        set_fields(shop, record_id, HasOptedOutOfEmail=False, News__c=True, NewsAt__c=now)

    def unsubscribe(self, shop: Any, record_id: str) -> None:
        set_fields(shop, record_id, HasOptedOutOfEmail=True)

    def nickname(self, shop: Any, record_id: str, first: str) -> None:
        set_fields(shop, record_id, FirstName=first)

    def people(self, shop: Any) -> dict[str, Person]:
        rows = {one: shop.get(f"/fake/records/{one}") for one in self.everybody(shop)}
        return {
            one: Person(row["Email"] or "", row["FirstName"] or "", row["LastName"] or "", says(row))
            for one, row in rows.items()
        }

    def webhooks(self, shop: Any) -> list[tuple[str, str]]:
        flows = tooling(shop, "SELECT Id, ActiveVersionId FROM FlowDefinition")
        on = {one["ActiveVersionId"] for one in flows} - {None}
        sent = set()
        for number in on:
            flow = api(shop, "GET", f"/tooling/sobjects/Flow/{number}")
            sent |= {one["actionName"] for one in flow["Metadata"]["actionCalls"]}
        return [
            (one["EntityDefinitionId"], one["Metadata"]["endpointUrl"].removesuffix(f"/{self.secrets[0]}"))
            for one in messages(shop)
            if one["FullName"] in sent
        ]

    def add_webhook(self, shop: Any, topic: str, address: str) -> None:
        old = messages(shop, topic)[0]
        meta = {**old["Metadata"], "endpointUrl": address, "name": "Other"}
        body = {"FullName": f"{topic}.Other", "Metadata": meta}
        api(shop, "POST", "/tooling/sobjects/WorkflowOutboundMessage", json=body)
        flow = {
            "status": "Active",
            "start": {"object": topic},
            "actionCalls": [{"actionName": f"{topic}.Other", "actionType": "outboundMessage"}],
        }
        api(shop, "POST", "/tooling/sobjects/Flow", json={"FullName": "Other_flow", "Metadata": flow})


def set_fields(shop: Any, record_id: str, **fields: Any) -> Any:
    """Set fields of a record, and let its message go out."""
    answer = shop.http.request("PATCH", f"{shop.address}/fake/records/{record_id}", json=fields)
    assert answer.status == 200, answer.data
    return answer.json()


TRIAL = Salesforce()
