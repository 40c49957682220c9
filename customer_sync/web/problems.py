"""What cannot be done, told in the same words by the API and the dashboard."""

from __future__ import annotations


class Problem(Exception):
    """The answer to a call that cannot be done.

    Args:
        status: the HTTP status.
        error: what is wrong.
        remedy: what to do.
    """

    def __init__(self, status: int, error: str, remedy: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.remedy = remedy
