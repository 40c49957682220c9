"""What is written in the published documents is accepted as it stands there."""

from __future__ import annotations

import re

import pytest

from customer_sync.config import load
from tests.config.conftest import find_skills
from tests.seeds import SEEDS

#: The documents come without their indentation: key → how deep it stands. What is not here stands below the last key.
DEPTH = {
    **dict.fromkeys(("connectors", "skills", "notifications"), 0),
    **dict.fromkeys(("shopify", "customer-sync", "webhook_url", "events"), 1),
    **dict.fromkeys(("enabled", "source", "shop_url", "api_key", "api_secret", "sync", "field_mapping", "options"), 2),
    **dict.fromkeys(("debug", "log_level"), 2),
}
#: A line of one of them; documents that came as one line have none.
LINE = re.compile(
    r"(?:(connectors|skills|notifications):|(?!connectors|skills|notifications)([a-z_A-Z-]+):.*|- \w+|# .*)"
)
ENV = {"SHOPIFY_API_KEY": "k", "SHOPIFY_API_SECRET": "s"}


def configs(text):
    """Yield every YAML config of a document, indented again."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        match = LINE.fullmatch(line.strip())
        key = (match[1] or match[2]) if match else None
        if lines and not (match and DEPTH.get(key, 3)):
            yield "\n".join(lines)
            lines = []
        if match and (lines or DEPTH.get(key) == 0):
            lines.append("  " * (2 if line.startswith("- ") else DEPTH.get(key, 3)) + line.strip())


def all_configs():
    return [
        pytest.param(config, id=f"{path.name[:3]}-{number}")
        for path in sorted(SEEDS.glob("*.txt"))
        for number, config in enumerate(configs(path.read_text(encoding="utf-8")))
    ]


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the published documents are not beside the repository")
def test_the_documents_hold_configs():
    assert len(all_configs()) >= 6


@pytest.mark.parametrize("config", all_configs())
def test_every_published_config_is_accepted(tmp_path, platforms, config):
    path = tmp_path / "tajo.yaml"
    path.write_text(config, encoding="utf-8")

    settings = load(path, ENV, platforms, find_skills=find_skills)

    if "shopify:\n" in config:
        assert settings.sources["shopify"].secrets == ("s",)
        assert settings.source_sync["shopify"].sync["carts"] is True
        assert settings.mapping_for("shopify")["totalSpent"] == "TOTAL_SPENT"
    if "list_id" in config:
        assert settings.options_for("shopify").list_ids == (5,)
        assert settings.options_for("shopify").sync_mode == "realtime"
    if "verbose" in config:
        assert settings.skills["customer-sync"].log_level == "verbose"
    if "notifications:" in config:
        assert settings.notifications.targets[0].events == ("sync_completed", "sync_failed", "batch_completed")
