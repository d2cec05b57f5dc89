"""The shop's tables."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Stock(Base):
    __tablename__ = "stock"

    id = Column(Integer, primary_key=True)
    amount = Column(Integer, nullable=False)
