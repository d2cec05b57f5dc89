"""The web application: what is put together, and nothing else."""

from __future__ import annotations

import hashlib
import logging
from functools import lru_cache
from pathlib import Path

from flask import Flask
from flask import Response
from flask import jsonify
from flask import render_template
from flask import request
from flask import url_for
from htmx_flask import Htmx
from werkzeug.exceptions import HTTPException

import interlock
from dashboard import errors
from dashboard import hx
from dashboard import keys
from dashboard import redaction
from dashboard import security
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.errors import PageError
from dashboard.gallery import pages as gallery
from dashboard.presenters import words
from dashboard.services import Services
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.viewers import Viewer
from dashboard.views import activity
from dashboard.views import branches
from dashboard.views import company
from dashboard.views import compare
from dashboard.views import explorations
from dashboard.views import exports
from dashboard.views import health
from dashboard.views import history
from dashboard.views import home
from dashboard.views import imports
from dashboard.views import incidents
from dashboard.views import notes
from dashboard.views import offline
from dashboard.views import patterns
from dashboard.views import retention
from dashboard.views import runlist
from dashboard.views import runs
from dashboard.views import servers
from dashboard.views import shares
from dashboard.views import stacks
from dashboard.views import titles

logger = logging.getLogger(__name__)

PAGES = (
    home.page,
    incidents.page,
    runlist.page,
    retention.page,
    history.page,
    runs.page,
    branches.page,
    company.page,
    notes.page,
    titles.page,
    shares.page,
    compare.page,
    explorations.page,
    exports.page,
    offline.page,
    imports.page,
    patterns.page,
    stacks.page,
    servers.page,
    activity.page,
    gallery.page,
    health.page,
)


SAYING_SO = ("error.html", "_error.html", "base.html", "_macros.html", "_help.html", "_viewer.html")
"""Templates that are needed to say what went wrong, read at once: after an update those on disk fit another program."""


def create_app(settings: Settings, store: Store | None = None) -> Flask:
    """The dashboard as a WSGI application. Without a store it uses the one the settings name."""
    app = Flask("dashboard", template_folder=str(resource("templates")), static_folder=str(resource("static")))
    app.config.update(
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=365 * 24 * 3600,  # their addresses change with their content: see asset()
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = _written
    if store is None:
        if settings.store_url is None:
            raise ValueError("create_app() needs a store, or settings that name one in store_url.")
        store = Store(settings.store_url)
    here = Services(settings, store)
    app.extensions["interlock"] = here

    def viewer_by(token: str) -> Viewer | None:
        return here.viewers.of(here.store, token) if token else None

    Htmx(app)
    security.install(app, token=settings.token, allowed_hosts=settings.allowed_hosts, viewer_by=viewer_by)
    _answer_errors(app, _files())
    app.jinja_env.globals.update(
        asset=asset,
        shortcuts=keys.shortcuts,
        key_help=keys.help_sections,
        words=words,
        store_down=False,
        viewer=security.viewer,
    )
    for page in PAGES:
        app.register_blueprint(page)
    for template in SAYING_SO:
        app.jinja_env.get_template(template)
    return app


def _written(value: object) -> object:
    """What a template writes for a value: text without characters that break a page or deceive its reader."""
    return words.visible(value) if type(value) is str else value


def asset(name: str) -> str:
    """The address of a static file, with a mark of its content: browsers keep it until it changes."""
    path = resource("static") / name
    return url_for("static", filename=name, v=_mark(path, path.stat().st_mtime_ns if path.exists() else 0))


@lru_cache
def _mark(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8] if changed else "missing"


def _files() -> int:
    """A number that is another one once a file of this dashboard has been changed, as an update does."""
    folders = (Path(__file__).parent, Path(interlock.__file__).parent, resource("templates"))
    paths = sorted(
        path for folder in folders for path in folder.rglob("*.*") if path.suffix in (".py", ".html", ".sql")
    )
    return hash(tuple((path, path.stat().st_mtime_ns if path.exists() else 0) for path in paths))


def _answer_errors(app: Flask, files: int) -> None:
    @app.errorhandler(PageError)
    def page_error(error: PageError) -> tuple[Response | str, int]:
        return _say(error)

    @app.errorhandler(StoreDown)
    def store_down(error: StoreDown) -> tuple[Response | str, int]:
        logger.warning("%s", redaction.redact(str(error)))
        return _say(errors.store_down())

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[Response | str, int]:
        return _say(errors.standard(error.code or 500))

    @app.errorhandler(Exception)
    def mistake(error: Exception) -> tuple[Response | str, int]:
        logger.error("Error answering %s %s", request.method, request.path, exc_info=error)
        return _say(errors.standard(500) if _files() == files else errors.updated())


def _say(error: PageError) -> tuple[Response | str, int]:
    """An error as whatever was asked for: JSON, a fragment for the notice area, or a page."""
    if hx.wants_json():
        said = {"error": error.what, "why": error.why, "what_to_do": error.todo}
        return jsonify({name: text for name, text in said.items() if text}), error.status
    template = "_error.html" if hx.wants_fragment() else "error.html"
    return render_template(template, error=error), error.status
