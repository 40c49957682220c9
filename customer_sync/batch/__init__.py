"""Batch: what is read from the platforms in pages: runs, their brake, their schedule, and the compare with Brevo."""
