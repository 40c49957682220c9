"""Base: what knows nothing of the product: the clock, the log, waiting times, metrics, servers, the embedded Redis."""
