"""Celery's settings, each with its reason. A Celery message only says "look at X"; no setting here can lose data.

Figures in brackets were measured with celery 5.7 on Redis, 2026-11; see docs/decisions.
"""

import os

#: Redis is the broker; a message that gets lost costs a second, because every worker sweeps for what waits.
broker_url = os.environ.get("TAJO_REDIS_URL", "redis://127.0.0.1:6379/0")

broker_transport_options = {
    # keeps the broker's keys apart from ours and from other programs'
    "global_keyprefix": "tajo:celery:",
    # a message taken by a worker that died comes back after this long; no ETA below ever exceeds it
    "visibility_timeout": 60,
    # a frozen Redis is noticed instead of waited for (a publisher without these was blocked for good)
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # no retry inside a publish: the sweep sends the wake-up again
    "retry_on_timeout": False,
}
#: Redis may start after the workers, and may go away for a night.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
#: A publisher that cannot reach Redis gives up at once; the sweep makes up for it.
task_publish_retry = False

#: JSON only: a message can never carry code.
task_serializer = "json"
accept_content = ["json"]

#: Nobody asks for results; they would be the only thing that piles up.
task_ignore_result = True
result_backend = None
task_store_errors_even_if_ignored = False

#: A message is acknowledged when its work is done; work that runs twice changes nothing.
task_acks_late = True
task_reject_on_worker_lost = True
#: A worker holds one message for each thread and no more, so that none waits behind a busy one.
worker_prefetch_multiplier = 1

#: Threads: the work is waiting for Brevo and Redis. They stop within 0.1 s and lost and doubled nothing on SIGTERM,
#: where prefork doubled 17 of 20,000 and died in one Redis restart of eight.
worker_pool = "threads"
worker_concurrency = 4

#: Remote control is one more connection that can get stuck after a Redis restart, and nobody uses it.
worker_enable_remote_control = False
worker_send_task_events = False
task_send_sent_event = False
#: On SIGTERM finish what is in hand, for this many seconds at most; leases cover the rest.
worker_soft_shutdown_timeout = 5.0
worker_enable_soft_shutdown_on_idle = False
#: A task that was under way when Redis went away goes on; its settle tells whether it still counts.
worker_cancel_long_running_tasks_on_connection_loss = False

#: Every message is a wake-up, and lanes have their own priorities.
task_default_queue = "wakeups"
# three queues, so that several workers can share the work of a large sync: two long loops in one process would wait for
# each other's interpreter lock (1.5 x the customers a second with a process each, 2 workers, 2026-11); and `platforms`
# for lanes that call a platform: a platform that does not answer holds a thread for as long as its timeout, and must
# find none that others need. A worker without -Q serves all four; `tajo run` starts a worker for `platforms` where
# there are such lanes, and `tajo run --workers 2` gives each of two others one of the loops.
task_queues = {name: {"exchange": name, "routing_key": name} for name in ("wakeups", "reads", "imports", "platforms")}
# `deliver` and `bulk` go to the queue of their lane, where its description names one (`customer_sync.worker.app.wake`)
task_routes = {
    "tajo.pull": {"queue": "reads"},
    "tajo.reconcile": {"queue": "reads"},
    "tajo.bulk": {"queue": "imports"},
    "tajo.follow": {"queue": "imports"},
}
task_create_missing_queues = True

#: Our own logging, with fields.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

timezone = "UTC"
enable_utc = True
#: The schedule's own memory; a slot runs once whatever it says, because each is guarded by a record in Redis.
beat_schedule_filename = os.environ.get("TAJO_BEAT_FILE", ".tajo/beat-schedule")
beat_max_loop_interval = 5
imports = ("customer_sync.worker.tasks", "customer_sync.worker.schedule")
