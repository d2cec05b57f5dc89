"""The application's tables."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Booking(Base):
    __tablename__ = "booking"

    id = Column(Integer, primary_key=True)
    guest = Column(String, nullable=False)


class Audit(Base):
    """Who did what."""

    __tablename__ = "audit"

    id = Column(Integer, primary_key=True)
    entry = Column(String, nullable=False)
