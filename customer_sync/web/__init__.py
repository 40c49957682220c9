"""The web process: a thin ingress, health, metrics, the API and the dashboard, in one Flask application."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from flask import Flask
from redis import RedisError

from customer_sync import loading
from customer_sync.base.private import own_folder
from customer_sync.config import Settings
from customer_sync.skills.chosen import configure_log
from customer_sync.web import connect, dashboard, entrance, health, ingress, metrics_page, words
from customer_sync.web.api import routes
from customer_sync.web.api.table import CALLS
from customer_sync.web.api_key import api_key
from customer_sync.web.guard import Guard
from customer_sync.web.services import Services
from customer_sync.web.sizes import Sizes
from customer_sync.web.watch import Watch

#: The largest body of anything but a webhook, in bytes: forms and orders are below 1 KB.
MAX_FORM_BYTES = 64 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; the settings come from `tajo.yaml` and the environment when none are given.

    Raises:
        ConfigFaults: the config is wrong.
        ConfigError: the home folder, or the API key in it, cannot be used.
    """
    if settings is None:
        settings = loading.load_settings(None, os.environ)
        configure_log(settings)
    home = own_folder(Path(os.environ.get("TAJO_HOME", ".tajo")))
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_FORM_BYTES
    services = Services(settings, home)
    app.extensions["tajo"] = services
    with suppress(RedisError):  # while Redis is away this host's clock is believed
        services.tend()
    services.intake.start()
    ingress.mount(app, services)
    add_faces(app, services)
    return app


def add_faces(app: Flask, services: Services) -> None:
    """Add health, metrics, API and dashboard."""
    watch = app.extensions["tajo.watch"] = Watch(services)
    services.look_with(lambda: watch.look().figures)
    settings = services.settings
    key = api_key(settings, services.home)
    guard = Guard(key, services.store, settings.public_url, services.clock, settings.api.keys)
    app.extensions["tajo.sizes"] = Sizes(app, guard, routes.sizes(CALLS))
    entrance.mount(app, guard)
    words.register(app)
    app.register_blueprint(health.blueprint(watch))
    app.register_blueprint(metrics_page.blueprint(services, watch))
    app.register_blueprint(routes.blueprint(services, CALLS))
    app.register_blueprint(dashboard.blueprint(services, watch, guard))
    app.register_blueprint(connect.blueprint(services))
    dashboard.register_missing(app)
