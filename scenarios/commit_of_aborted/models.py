"""The application's tables."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Signup(Base):
    __tablename__ = "signup"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)


class Tag(Base):
    """Each tag exists once."""

    __tablename__ = "tag"

    name = Column(String, primary_key=True)
