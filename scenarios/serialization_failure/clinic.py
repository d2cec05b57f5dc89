"""The clinic's tables and its database. Its rule spans two rows, so its transactions are serializable."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import String
from sqlalchemy import Boolean
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://clinic:clinic@db.internal/clinic", isolation_level="SERIALIZABLE")
new_session = sessionmaker(engine, class_=AsyncSession)
Base = declarative_base()


class Doctor(Base):
    """Somebody who may be on call."""

    __tablename__ = "doctor"

    name = Column(String, primary_key=True)
    on_call = Column(Boolean, nullable=False)
