"""The application's tables and its database."""

from __future__ import annotations

import asyncio

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")
new_session = sessionmaker(engine, class_=AsyncSession)
Base = declarative_base()


class Visit(Base):
    """That somebody was here."""

    __tablename__ = "visit"

    id = Column(Integer, primary_key=True)
    visitor = Column(String, nullable=False)


async def tell_statistics():
    """Tell the department of statistics, which answers when it likes."""
    await asyncio.sleep(0.1)
