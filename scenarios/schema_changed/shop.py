"""The shop's table and its database."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

URL = "postgresql+asyncpg://shop:shop@db.internal/shop"
engine = create_async_engine(URL)
new_session = sessionmaker(engine, class_=AsyncSession)
Base = declarative_base()


class Item(Base):
    """Something that is sold."""

    __tablename__ = "item"

    id = Column(Integer, primary_key=True)
    price = Column(Integer, nullable=False)
