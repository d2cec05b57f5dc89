"""The shop's tables."""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Payment(Base):
    __tablename__ = "payment"

    id = Column(Integer, primary_key=True)
    customer = Column(String, nullable=False)
