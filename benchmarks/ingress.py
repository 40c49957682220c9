"""How many signed webhooks a second are verified and made durable, against the same server doing nothing."""

from __future__ import annotations

from benchmarks import events, load
from benchmarks.load import Load
from benchmarks.report import Report, number, say
from benchmarks.stack import Stack
from customer_sync.store import keys

#: granian workers and blocking threads: those of `tajo run` first.
DEFAULT = ((1, 8), (2, 8))
VARIANTS = tuple((workers, threads) for workers in (1, 2) for threads in (1, 2, 4, 8))


def run(*, quick: bool, variants: bool) -> Report:
    """Measure the ingress."""
    report = Report(
        "Ingress: verified and durable (AOF everysec), against a bare Flask route on the same server",
        ("workers x threads", "bare/s", "ingress/s", "ratio", "p50 ms", "p99 ms", "p50 ms half", "p99 ms half"),
        notes=[
            "Signed Shopify webhooks of about 1 KB over 32 kept connections; each pair is measured in turns.",
            "The load generator (one process) and Redis run on the same machine.",
            "Half load is half of that rate, sent by the clock: a latency counts from the time its request was due.",
        ],
    )
    shots = [_measure(workers, threads, quick=quick) for workers, threads in (VARIANTS if variants else DEFAULT)]
    for (workers, threads), bare, ours, half in shots:
        report.rows.append(
            (
                f"{workers} x {threads}",
                number(bare.rate),
                number(ours.rate),
                f"{ours.rate / bare.rate:.2f}",
                *(number(one.ms(share)) for one in (ours, half) for share in (0.5, 0.99)),
            )
        )
    (flags, bare, ours, half) = max(shots, key=lambda shot: shot[2].rate)
    of = f" ({flags[0]} x {flags[1]})"
    report.goal(f"best ratio{of}", ours.rate / bare.rate, 0.55)
    report.goal(f"best rate{of}", ours.rate, 7000, "/s")
    report.goal(f"p99 at half load{of}", half.ms(0.99), 25, " ms", at_most=True)
    cpu = ours.cpu_s / ours.seconds
    report.notes.append(f"The load generator used {cpu:.2f} of a core at saturation.")
    return report


def _measure(workers: int, threads: int, *, quick: bool) -> tuple[tuple[int, int], Load, Load, Load]:
    say(f"ingress: {workers} workers x {threads} threads")
    seconds, rounds = (1.5, 1) if quick else (3.0, 2)
    with Stack(plan=None) as stack:
        _, bare_port = stack.start_web("benchmarks.bare:create_app", workers, threads)
        _, port = stack.start_web(workers=workers)
        client = stack.store().client
        notices = [notice for _, notice in events.customers(500)]
        to_bare, to_ours = events.requests(notices, bare_port), events.requests(notices, port)
        for port_, requests in ((bare_port, to_bare), (port, to_ours)):
            load.run(requests, port_, seconds=0.7)
        bare, ours = [], []
        for _ in range(rounds):
            bare.append(load.run(to_bare, bare_port, seconds=seconds))
            ours.append(load.run(to_ours, port, seconds=seconds))
            kept = client.xlen(keys.INBOX)
            if set(ours[-1].statuses) != {202} or kept < len(ours[-1].latencies_s):
                raise RuntimeError(f"not all were kept: {ours[-1].statuses}, {kept} in the inbox")
            client.xtrim(keys.INBOX, maxlen=0, approximate=False)
        total = _sum(ours)
        half = load.run(to_ours, port, seconds=seconds * rounds, rate=total.rate / 2)
    return (workers, threads), _sum(bare), total, half


def _sum(parts: list[Load]) -> Load:
    first, *rest = parts
    for one in rest:
        first.seconds += one.seconds
        first.cpu_s += one.cpu_s
        first.latencies_s.extend(one.latencies_s)
    return first
