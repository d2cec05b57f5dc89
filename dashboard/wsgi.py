"""The application as a WSGI server wants it, made from the environment."""

from __future__ import annotations

from dashboard.app import create_app
from dashboard.config import Settings

application = create_app(Settings.from_env())
