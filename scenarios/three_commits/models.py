from sqlalchemy import Column, Integer, String
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base

Base = declarative_base()
engine = create_async_engine("postgresql+asyncpg://shop:secret@db.internal/shop")


class Part(Base):
    __tablename__ = "part"

    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    customer = Column(Integer, nullable=False)
