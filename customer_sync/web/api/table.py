"""Every call of the API."""

from __future__ import annotations

from typing import Final

from customer_sync.api import events, imports, notices, parked, receipts, runs, status
from customer_sync.api.filters import SpanQuery
from customer_sync.config import Role
from customer_sync.web.api.acts import ACTS
from customer_sync.web.api.call import Call

_READINGS: Final = (
    Call(
        "GET",
        "/status",
        "The figures of the whole installation at this moment",
        Role.READ,
        status.status,
        status.Status,
    ),
    Call(
        "GET",
        "/alerts",
        "What a person should know, the newest first",
        Role.READ,
        status.list_alerts,
        status.AlertList,
        query=SpanQuery,
    ),
    Call(
        "GET",
        "/events",
        "Events and what became of them, the newest first",
        Role.READ,
        events.list_events,
        events.EventList,
        query=events.EventQuery,
    ),
    Call(
        "GET",
        "/events/{event_id:path}",
        "One event with every state it was in",
        Role.READ,
        events.show_event,
        events.EventDetail,
        query=events.OneEventQuery,
        problems=(404,),
    ),
    Call(
        "GET",
        "/receipts",
        "Comparisons of both sides, the newest first",
        Role.READ,
        receipts.list_receipts,
        receipts.ReceiptList,
        query=receipts.ReceiptQuery,
    ),
    Call(
        "GET",
        "/receipts/{receipt_id}",
        "One comparison: what differed and what was mended",
        Role.READ,
        receipts.show_receipt,
        receipts.Receipt,
        problems=(404,),
    ),
    Call(
        "GET",
        "/imports",
        "What imports may do in the Brevo account, why, and the proof that runs",
        Role.READ,
        imports.imports,
        imports.Imports,
    ),
)

_PARKED: Final = (
    Call(
        "GET",
        "/parked",
        "What waits for a person, the newest first",
        Role.READ,
        parked.list_parked,
        parked.ParkedList,
        query=parked.ParkedQuery,
    ),
    Call(
        "GET",
        "/parked/{parked_id}",
        "One parked thing; its personal data only when asked for, which is logged",
        Role.READ,
        parked.show_parked,
        parked.ParkedDetail,
        query=parked.RevealQuery,
        problems=(404,),
        guarded={"reveal": Role.OPERATE},
    ),
    Call(
        "POST",
        "/parked/{parked_id}/replay",
        "Send one parked thing again",
        Role.OPERATE,
        parked.replay_one,
        parked.Replayed,
        problems=(404,),
    ),
    Call(
        "DELETE",
        "/parked/{parked_id}",
        "Forget one parked thing for good",
        Role.OPERATE,
        parked.drop_one,
        parked.Dropped,
        problems=(404,),
    ),
    Call(
        "POST",
        "/parked/replay",
        "Send all parked things again that have a reason, come from a source, or both",
        Role.OPERATE,
        parked.replay_many,
        parked.Replayed,
        body=parked.Choice,
    ),
)

_MOVES: Final[dict[runs.Verb, str]] = {
    "pause": "Let a run wait after its current page",
    "resume": "Go on with a run that is paused or stopped; `force` takes the brake off",
    "cancel": "End a run where it stands",
}

_RUNS: Final = (
    Call("GET", "/runs", "Runs, the newest first", Role.READ, runs.list_runs, runs.RunList, query=runs.RunQuery),
    Call(
        "POST",
        "/runs",
        "Start a run",
        Role.OPERATE,
        runs.start_run,
        runs.Run,
        status=201,
        body=runs.RunOrder,
        problems=(404,),
    ),
    Call("GET", "/runs/{number}", "One run, as it stands", Role.READ, runs.show_run, runs.Run, problems=(404,)),
    *(
        Call(
            "POST",
            f"/runs/{{number}}/{verb}",
            what,
            Role.OPERATE,
            runs.move_run,
            runs.Run,
            body=runs.RunMove,
            needs_body=False,
            problems=(404,),
            fixed={"verb": verb},
        )
        for verb, what in _MOVES.items()
    ),
)

_NOTICES: Final = (
    Call(
        "GET",
        "/notices",
        "The targets of notices, and what became of their last ones",
        Role.READ,
        notices.list_targets,
        notices.TargetList,
    ),
    Call(
        "POST",
        "/notices/test",
        "Send a real notice of the type `test` to one target, or to all, and tell what each answered",
        Role.OPERATE,
        notices.send_test,
        notices.SentTests,
        body=notices.Tested,
        needs_body=False,
        problems=(404, 409),
    ),
)

#: In the order in which docs/api.md tells of them.
CALLS: Final[tuple[Call, ...]] = (*_READINGS, *_PARKED, *_RUNS, *_NOTICES, *ACTS)
