"""The page of settings says what the code does."""

from __future__ import annotations

from pathlib import Path

from customer_sync.config.keys import (
    BREVO_KEYS,
    EMAIL_KEYS,
    NOTIFICATION_KEYS,
    OPTION_KEYS,
    SKILL_KEYS,
    SOURCE_KEYS,
    TARGET_KEYS,
    TOP_KEYS,
    variables,
)
from customer_sync.loading import settings_page


def test_the_page_is_not_stale():
    page = Path(__file__).parents[2] / "docs" / "settings.md"

    assert page.read_text(encoding="utf-8") == settings_page(), "run `make format`"


def test_the_page_names_every_key_and_variable():
    page = settings_page()

    for key in (
        *TOP_KEYS,
        *BREVO_KEYS,
        *NOTIFICATION_KEYS,
        *TARGET_KEYS,
        *EMAIL_KEYS,
        *OPTION_KEYS,
        *SOURCE_KEYS,
        *SKILL_KEYS,
    ):
        assert f"`{key.name}`" in page
        assert key.help
        assert key.shape
    for key in variables():
        assert f"| `{key.variable}` |" in page
