"""`tajo monitoring write`: the files for an installation of one's own, and what is told of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from customer_sync.cli import main
from customer_sync.operate.monitoring import files


def write(folder: Path, *words: str, **more):
    return CliRunner().invoke(main, ["monitoring", "write", str(folder), *words], **more)


def test_every_file_is_written_and_named(tmp_path):
    done = write(tmp_path)

    assert done.exit_code == 0
    for path, text in files().items():
        assert str(tmp_path / path) in done.output
        assert (tmp_path / path).read_text() == text


def test_it_is_made_for_the_installation_that_is_named(tmp_path):
    words = ("--target", "10.0.0.5:8000", "--target", "[::1]:8000", "--key-file", "/run/tajo.key")
    words += (
        "--alertmanager",
        "alerts:9093",
        "--prometheus",
        "http://p:9090",
        "--runbooks",
        "https://ops.example/tajo",
    )

    done = write(tmp_path, *words, "--json")

    assert len(json.loads(done.output)["files"]) == len(files())
    config = yaml.safe_load((tmp_path / "prometheus/prometheus.yml").read_text())
    (scrape,) = config["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["10.0.0.5:8000", "[::1]:8000"]}]
    assert scrape["authorization"] == {"credentials_file": "/run/tajo.key"}
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alerts:9093"]}]}]
    assert "http://p:9090" in (tmp_path / "grafana/provisioning/datasources/tajo.yml").read_text()
    assert "https://ops.example/tajo#tajoworkergone" in (tmp_path / "prometheus/rules/tajo.yml").read_text()


@pytest.mark.parametrize("target", ["web", "http://web:8000", "web:0", "web:99999", "web:8000/metrics"])
def test_a_target_that_is_none_is_named(tmp_path, target):
    done = write(tmp_path, "--target", target)

    assert done.exit_code == 2
    assert f"'{target}' is not host:port" in done.output
    assert not list(tmp_path.iterdir())


def test_what_somebody_changed_is_replaced_after_a_yes_only(tmp_path):
    write(tmp_path)
    changed = tmp_path / "prometheus/prometheus.yml"
    changed.write_text("mine")

    refused = write(tmp_path, input="n\n")
    kept = changed.read_text()
    done = write(tmp_path, "--yes")

    assert refused.exit_code == 1
    assert "1 file" in refused.output
    assert kept == "mine"
    assert done.exit_code == 0
    assert changed.read_text() != "mine"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "prometheus").write_text("a file is in the way")

    done = write(tmp_path)

    assert done.exit_code == 2
    assert "cannot be written" in done.output
