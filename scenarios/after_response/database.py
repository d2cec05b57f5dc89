"""The pool, and a session for each request: FastAPI goes on after the yield once the request is over."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)
make_session = sessionmaker(engine, class_=AsyncSession)


async def get_session():
    async with make_session() as session:
        yield session
