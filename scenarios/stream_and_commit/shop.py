"""The shop's table and its database."""

from __future__ import annotations

from sqlalchemy import Boolean
from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")
new_session = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
Base = declarative_base()


class Order(Base):
    """Something that was bought, and whether its invoice has been sent."""

    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    invoiced = Column(Boolean, nullable=False)


class Subscriber(Base):
    """Who gets the newsletter, where they live, and whether it has been sent to them."""

    __tablename__ = "subscriber"

    id = Column(Integer, primary_key=True)
    address = Column(String, nullable=False)
    sent = Column(Boolean, nullable=False)
