"""The tables of the shop and of its billing."""

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


class Payable(Base):
    """What billing is still to be told of, in the shop's own database."""

    __tablename__ = "payable"

    order_id = Column(Integer, primary_key=True)
    customer = Column(String, nullable=False)


class Invoice(Base):
    __tablename__ = "invoice"

    order_id = Column(Integer, primary_key=True)
    customer = Column(String, nullable=False)
