"""Batch: reading platforms in pages: runs, their brake, their schedule, the upkeep of webhooks, reconciliation."""
