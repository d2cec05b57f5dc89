"""The shop's tables and its database."""

from __future__ import annotations

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
    """Something that is sold, and where it stands."""

    __tablename__ = "item"

    sku = Column(String, primary_key=True)
    name = Column(String, nullable=False)
    place = Column(String, nullable=False)


class Shown(Base):
    """What a request showed to whoever had asked."""

    __tablename__ = "shown"

    number = Column(Integer, primary_key=True)
    item = Column(String)
    name = Column(String)
    place = Column(String)
