"""The application's table and its database."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")
new_session = sessionmaker(engine, class_=AsyncSession)
Base = declarative_base()


class Note(Base):
    """Something written down. The database adds whose it is."""

    __tablename__ = "note"

    id = Column(Integer, primary_key=True)
    author = Column(String, nullable=False)
