"""The application's table and its database."""

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


class Invitation(Base):
    """Somebody who is invited."""

    __tablename__ = "invitation"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
