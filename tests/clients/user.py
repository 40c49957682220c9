"""A program of a user, for mypy: what the client gives has types, and a wrong use is found."""

from __future__ import annotations

from datetime import UTC, datetime

from tajo import Refused, TajoClient

with TajoClient(api_key="k", brevo_api_key="b", base_url="http://127.0.0.1:8000") as tajo:
    counts: dict[str, int] = tajo.runs.wait(tajo.connectors.sync("shopify", full=True)["id"])["counts"]
    notes: list[str] = [one["note"] for one in tajo.events.list(state="parked", since=datetime(2026, 1, 1, tzinfo=UTC))]
    names: list[str] = [one["name"] for one in tajo.skills.list()]
    try:
        accepted: int = tajo.events.send({"event": "customer_created", "data": {"email": "a@mail.example"}})["accepted"]
    except Refused as error:
        print([fault["path"] for fault in error.errors], error.remedy)
    else:
        print(accepted)
    tajo.runs.list(colour="red")  # type: ignore[call-arg]  # there is no such filter
    print(tajo.skills.list()[0]["colour"])  # type: ignore[typeddict-item]  # a skill has none
