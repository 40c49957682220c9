"""The calls that do something beside runs and parked things: events, skills, contacts, connectors."""

from __future__ import annotations

from typing import Final

from customer_sync.api import connectors, contacts, inbox, reports, runs, skills
from customer_sync.config import Role
from customer_sync.web.api.call import Call

_EVENTS: Final = (
    Call(
        "POST",
        "/events",
        "Tell of customers: one event, or up to 1,000 below `events`; none is taken where one is wrong",
        Role.OPERATE,
        inbox.post_events,
        inbox.Accepted,
        status=202,
        body=inbox.EventsBody,
        max_bytes=inbox.MAX_BYTES,
    ),
)

_SKILLS: Final = (
    Call(
        "GET", "/skills", "Every skill, and who says whether it is on", Role.READ, skills.list_skills, skills.SkillList
    ),
    Call("GET", "/skills/{name}", "One skill", Role.READ, skills.show_skill, skills.Skill, problems=(404,)),
    Call(
        "GET",
        "/skills/{name}/report",
        "What came of a skill's mails: carts left, mails, carts recovered, revenue for each variant",
        Role.READ,
        reports.show_report,
        reports.SkillReport,
        problems=(404,),
    ),
    Call(
        "POST",
        "/skills/{name}/enable",
        "Switch a skill on, with these keys, or those that it has; each process works by it within two seconds",
        Role.OPERATE,
        skills.enable_skill,
        skills.Skill,
        body=skills.SkillConfig,
        needs_body=False,
        problems=(404,),
    ),
    Call(
        "POST",
        "/skills/{name}/disable",
        "Switch a skill off; it keeps its keys",
        Role.OPERATE,
        skills.disable_skill,
        skills.Skill,
        problems=(404,),
    ),
    Call(
        "POST",
        "/skills/{name}/reset",
        "Let tajo.yaml say again whether a skill is on, and with which keys",
        Role.OPERATE,
        skills.reset_skill,
        skills.Skill,
        problems=(404,),
    ),
    Call(
        "POST",
        "/skills/{name}/trigger",
        "Tell a skill that is on of a customer; the bodies are those of POST /events",
        Role.OPERATE,
        inbox.trigger_skill,
        inbox.Accepted,
        status=202,
        body=inbox.EventsBody,
        problems=(404,),
        max_bytes=inbox.MAX_BYTES,
    ),
)

_CONTACTS: Final = (
    Call(
        "GET",
        "/contacts/{address:path}",
        "A person explained: where each value comes from, what was decided and why, what waits",
        Role.OPERATE,
        contacts.explain_contact,
        contacts.Contact,
        problems=(404,),
    ),
    Call(
        "POST",
        "/contacts/{address:path}/sync",
        "Read a person again at every source that can be asked, and bring the contact in Brevo up to date",
        Role.OPERATE,
        contacts.sync_contact,
        contacts.Synced,
        status=202,
        problems=(404,),
    ),
    Call(
        "DELETE",
        "/contacts/{address:path}",
        "Erase a person here and in Brevo, for good",
        Role.OPERATE,
        contacts.erase_contact,
        contacts.ErasureReport,
    ),
)

_CONNECTORS: Final = (
    Call(
        "GET",
        "/connectors",
        "The sources and how each does, and the platforms there are",
        Role.READ,
        connectors.list_connectors,
        connectors.ConnectorList,
    ),
    Call(
        "GET",
        "/connectors/{source}",
        "One source, and how it does",
        Role.READ,
        connectors.show_source,
        connectors.Source,
        problems=(404,),
    ),
    Call(
        "POST",
        "/connectors/{source}/sync",
        "Read a source now: what changed, or everything",
        Role.OPERATE,
        connectors.sync_source,
        runs.Run,
        status=201,
        body=connectors.SyncOrder,
        needs_body=False,
        problems=(404,),
    ),
    Call(
        "POST",
        "/connectors/{source}/install",
        "Make a source's webhooks at its platform, and repair those that are wrong",
        Role.OPERATE,
        connectors.install_webhooks,
        connectors.Installed,
        problems=(404,),
    ),
)

#: In the order in which docs/api.md tells of them.
ACTS: Final[tuple[Call, ...]] = (*_EVENTS, *_SKILLS, *_CONTACTS, *_CONNECTORS)
