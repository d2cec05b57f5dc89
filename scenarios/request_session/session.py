"""The application's session: one for each request, reads and writes on different servers, transactions by decorator."""

from __future__ import annotations

import functools
from contextvars import ContextVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import async_scoped_session
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm import sessionmaker
from sqlalchemy.sql import Delete
from sqlalchemy.sql import Insert
from sqlalchemy.sql import Update

session_context: ContextVar[str] = ContextVar("session_context", default="")

pool = {"pool_size": 3, "max_overflow": 0}
engines = {
    "writer": create_async_engine("postgresql+asyncpg://app:app@writer.internal/app", **pool),
    "reader": create_async_engine("postgresql+asyncpg://app:app@reader.internal/app", **pool),
}


class RoutingSession(Session):
    """Sends writes to the writer, everything else to the reader."""

    def get_bind(self, mapper=None, clause=None, **kwargs):
        if self._flushing or isinstance(clause, (Insert, Update, Delete)):
            return engines["writer"].sync_engine
        return engines["reader"].sync_engine


session_factory = sessionmaker(class_=AsyncSession, sync_session_class=RoutingSession)
session = async_scoped_session(session_factory, scopefunc=session_context.get)


class Transactional:
    """Makes one transaction of a coroutine function: commit what it did, or roll back and raise."""

    def __call__(self, function):
        @functools.wraps(function)
        async def transaction(*args, **kwargs):
            try:
                result = await function(*args, **kwargs)
                await session.commit()
            except Exception:
                await session.rollback()
                raise
            return result

        return transaction
