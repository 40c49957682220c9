"""Worker: the processes: Celery's app and its tasks, and a watchdog that ends a worker that consumes nothing."""
