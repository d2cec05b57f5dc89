"""The same without BaseHTTPMiddleware: the application's call returns when the whole answer has been sent."""

from __future__ import annotations

from uuid import uuid4

from session import session
from session import session_context


class SQLAlchemyMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        token = session_context.set(str(uuid4()))
        try:
            await self.app(scope, receive, send)
        finally:
            await session.remove()
            session_context.reset(token)
