"""The application's tables and its database."""

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
new_session = sessionmaker(engine, class_=AsyncSession)
Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    item = Column(String, nullable=False)
    paid = Column(Boolean, nullable=False, default=False)


class Redemption(Base):
    """A coupon that was used. Each can be used once."""

    __tablename__ = "redemption"

    code = Column(String, primary_key=True)
