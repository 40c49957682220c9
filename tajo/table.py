"""Every call of the service that the client makes, and what each gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tajo import answers, doors, figures, person, receipts
from tajo.calls import Call

STATUS: Final = Call("GET", "/status", figures.Status)
ALERTS: Final = Call("GET", "/alerts", answers.Alert)
IMPORTS: Final = Call("GET", "/imports", doors.Imports)
SKILLS: Final = Call("GET", "/skills", answers.SkillList)
SKILL: Final = Call("GET", "/skills/{}", answers.Skill)
REPORT: Final = Call("GET", "/skills/{}/report", answers.SkillReport)
ENABLE: Final = Call("POST", "/skills/{}/enable", answers.Skill)
DISABLE: Final = Call("POST", "/skills/{}/disable", answers.Skill)
RESET: Final = Call("POST", "/skills/{}/reset", answers.Skill)
TRIGGER: Final = Call("POST", "/skills/{}/trigger", answers.Accepted)
SOURCES: Final = Call("GET", "/connectors", answers.ConnectorList)
SOURCE: Final = Call("GET", "/connectors/{}", answers.Source)
SYNC: Final = Call("POST", "/connectors/{}/sync", answers.Run, is_repeatable=False)
INSTALL: Final = Call("POST", "/connectors/{}/install", answers.Installed)
EXPLAIN: Final = Call("GET", "/contacts/{}", person.Contact)
READ_AGAIN: Final = Call("POST", "/contacts/{}/sync", answers.Synced)
ERASE: Final = Call("DELETE", "/contacts/{}", answers.ErasureReport)
RUNS: Final = Call("GET", "/runs", answers.Run)
RUN: Final = Call("GET", "/runs/{}", answers.Run)
START: Final = Call("POST", "/runs", answers.Run, is_repeatable=False)
MOVES: Final[Mapping[str, Call[answers.Run]]] = {
    verb: Call("POST", f"/runs/{{}}/{verb}", answers.Run, is_repeatable=False) for verb in ("pause", "resume", "cancel")
}
ALL_PARKED: Final = Call("GET", "/parked", answers.Parked)
ONE_PARKED: Final = Call("GET", "/parked/{}", answers.ParkedDetail)
REPLAY: Final = Call("POST", "/parked/{}/replay", answers.Replayed, is_repeatable=False)
REPLAY_MANY: Final = Call("POST", "/parked/replay", answers.Replayed)
DROP: Final = Call("DELETE", "/parked/{}", answers.Dropped, is_repeatable=False)
EVENTS: Final = Call("GET", "/events", answers.Event)
EVENT: Final = Call("GET", "/events/{}", answers.EventDetail)
SEND: Final = Call("POST", "/events", answers.Accepted)
RECEIPTS: Final = Call("GET", "/receipts", receipts.Receipt)
RECEIPT: Final = Call("GET", "/receipts/{}", receipts.Receipt)
NOTICES: Final = Call("GET", "/notices", answers.TargetList)
TEST_NOTICE: Final = Call("POST", "/notices/test", answers.SentTests, is_repeatable=False)
