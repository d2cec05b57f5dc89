"""The shop's tables."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    customer = Column(String, nullable=False)


class Mail(Base):
    """A mail that was sent."""

    __tablename__ = "mail"

    id = Column(Integer, primary_key=True)
    recipient = Column(String, nullable=False)
