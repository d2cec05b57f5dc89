"""The shop's sessions. Both names lead to one server; there will be a replica behind the second when it is needed."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm import sessionmaker
from sqlalchemy.sql import Delete
from sqlalchemy.sql import Insert
from sqlalchemy.sql import Update

engines = {
    "writer": create_async_engine("postgresql+asyncpg://shop:shop@writer.internal/shop"),
    "reader": create_async_engine("postgresql+asyncpg://shop:shop@reader.internal/shop"),
}


class RoutingSession(Session):
    """Sends writes to the writer, everything else to the reader."""

    def get_bind(self, mapper=None, clause=None, **kwargs):
        if self._flushing or isinstance(clause, (Insert, Update, Delete)):
            return engines["writer"].sync_engine
        return engines["reader"].sync_engine


session_factory = sessionmaker(class_=AsyncSession, sync_session_class=RoutingSession)
