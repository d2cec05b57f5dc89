"""The shop's table and its database."""

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


class Order(Base):
    """What a customer has ordered; the client may give each order a key of its own."""

    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    key = Column(String, unique=True)
    customer = Column(String, nullable=False)
