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
    state = Column(String, nullable=False)


class Item(Base):
    """A line of an order."""

    __tablename__ = "item"

    id = Column(Integer, primary_key=True)
    order_id = Column(Integer, nullable=False)
    line = Column(Integer, nullable=False)
    product = Column(String, nullable=False)
