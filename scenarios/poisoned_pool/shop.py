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


class Item(Base):
    __tablename__ = "item"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    price = Column(Integer, nullable=False)


async def check_permission():
    """Ask the service that knows who may do what. It says no."""
    await asyncio.sleep(0.1)
    return False
