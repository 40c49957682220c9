"""Celery's settings, each with its reason. A Celery message only says "look at X"; a lost message loses no data.

Figures in brackets were measured with celery 5.7 on Redis, 2026-11; see docs/decisions.
"""

import os

from customer_sync.worker.broker import broker

# with these, a call to a frozen Redis fails (without them, a publisher was blocked for ever)
_WAITS = {"socket_timeout": 5, "socket_connect_timeout": 3}
_BROKER = broker(os.environ, **_WAITS)

#: Redis is the broker. A lost message costs a second, because every worker looks for waiting work once a second.
broker_url = _BROKER.url
#: The certificates of `rediss://` and `sentinels://`.
broker_use_ssl = _BROKER.tls

broker_transport_options = {
    # the name of the master where Redis is behind Sentinels, and the login of the Sentinels
    **_BROKER.options,
    # the broker's keys have this prefix: so they differ from our keys and from those of other programs
    "global_keyprefix": "tajo:celery:",
    # the message of a dead worker is delivered again after this time; no ETA below is longer
    "visibility_timeout": 60,
    **_WAITS,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # no retry inside a publish: the sweep, once a second, sends the wake-up again
    "retry_on_timeout": False,
}
#: Redis may start after the workers, and may be down for a night.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
#: A publisher that cannot reach Redis gives up at once; the sweep sends the wake-up later.
task_publish_retry = False

#: JSON only: a message can never carry code.
task_serializer = "json"
accept_content = ["json"]

#: No program reads results; stored results would fill Redis.
task_ignore_result = True
result_backend = None
task_store_errors_even_if_ignored = False

#: A message is acknowledged when its work is done. The work may run twice: the second time changes nothing.
task_acks_late = True
task_reject_on_worker_lost = True
#: A worker holds one message for each thread and no more, so that no message waits for a busy worker.
worker_prefetch_multiplier = 1

#: Threads, because workers mostly wait for Brevo and Redis. On SIGTERM threads stopped within 0.1 s, and no message was
#: lost or handled twice. Prefork handled 17 of 20,000 messages twice, and died in one of eight restarts of Redis.
worker_pool = "threads"
# Six: three for live work, of pages and compares three at once at most (`customer_sync.worker.aside`).
worker_concurrency = 6

#: Remote control is not used, and its connection can get stuck after a restart of Redis.
worker_enable_remote_control = False
worker_send_task_events = False
task_send_sent_event = False
#: On SIGTERM a worker finishes its running tasks, for this many seconds at most; leases cover unfinished items.
worker_soft_shutdown_timeout = 5.0
worker_enable_soft_shutdown_on_idle = False
#: A task that runs when Redis goes down continues; `settle` checks whether its leases are still valid.
worker_cancel_long_running_tasks_on_connection_loss = False

#: Every message is a wake-up, and lanes have their own priorities.
task_default_queue = "wakeups"
# `wakeups`, `reads` and `imports` let several workers share a large sync: two long loops in one process would wait for
# each other's interpreter lock (with one process for each: 1.5 x the customers a second, 2 workers, 2026-11).
# `platforms` is for lanes that call a platform: a platform that does not answer blocks a thread for its whole timeout,
# and must not block a thread that other lanes need. A worker without -Q serves all four queues. `tajo run` starts an
# own worker for `platforms` if such lanes exist; `tajo run --workers 2` gives each loop a worker.
task_queues = {name: {"exchange": name, "routing_key": name} for name in ("wakeups", "reads", "imports", "platforms")}
# `deliver` and `bulk` go to the queue that the lane's description names, if any (`customer_sync.worker.app.wake`)
task_routes = {
    "tajo.pull": {"queue": "reads"},
    "tajo.reconcile": {"queue": "reads"},
    "tajo.walk": {"queue": "reads"},
    "tajo.bulk": {"queue": "imports"},
    "tajo.follow": {"queue": "imports"},
}
task_create_missing_queues = True

#: Our own logging, with fields.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

timezone = "UTC"
enable_utc = True
#: The file of Celery's beat. Its loss does no harm: a record in Redis makes sure that each slot runs once.
beat_schedule_filename = os.environ.get("TAJO_BEAT_FILE", ".tajo/beat-schedule")
beat_max_loop_interval = 5
#: Tells what looks after beat that it lives.
beat_scheduler = "customer_sync.worker.beat:Scheduler"
imports = ("customer_sync.worker.tasks", "customer_sync.worker.schedule")
