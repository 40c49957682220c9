"""The web process: a thin ingress, health, metrics, the API and the dashboard, in one Flask application."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from customer_sync import log, registry
from customer_sync.config import Settings, load
from customer_sync.web import health, ingress
from customer_sync.web.services import Services


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; the settings come from `tajo.yaml` and the environment when none are given.

    Raises:
        ConfigFaults: the config is wrong.
    """
    if settings is None:
        settings = load(None, os.environ, registry.platforms())
        log.configure(settings.log_level)
    home = Path(os.environ.get("TAJO_HOME", ".tajo"))
    home.mkdir(parents=True, exist_ok=True)
    app = Flask(__name__)
    services = Services(settings, home)
    app.extensions["tajo"] = services
    app.register_blueprint(ingress.blueprint(services))
    app.register_blueprint(health.blueprint(services))
    return app
