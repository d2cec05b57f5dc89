"""One session for each request: its id goes into the context, and the session goes when the handler has returned."""

from __future__ import annotations

from uuid import uuid4

from session import session
from session import session_context
from starlette.middleware.base import BaseHTTPMiddleware


class SQLAlchemyMiddleware(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        token = session_context.set(str(uuid4()))
        try:
            return await call_next(request)
        finally:
            await session.remove()
            session_context.reset(token)
