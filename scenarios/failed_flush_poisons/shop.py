"""The application's tables and its database."""

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


class Customer(Base):
    __tablename__ = "customer"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)


class Coupon(Base):
    """A coupon that was used. Each can be used once."""

    __tablename__ = "coupon"

    code = Column(String, primary_key=True)
