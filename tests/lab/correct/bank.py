from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")
new_session = sessionmaker(engine, class_=AsyncSession)

Base = declarative_base()


class Account(Base):
    __tablename__ = "account"

    id = Column(Integer, primary_key=True)
    balance = Column(Integer, nullable=False)
    version = Column(Integer, nullable=False)

    __mapper_args__ = {"version_id_col": version}


class Visit(Base):
    __tablename__ = "visit"

    id = Column(Integer, primary_key=True)
    visitor = Column(Text, nullable=False)


class Job(Base):
    __tablename__ = "job"

    id = Column(Integer, primary_key=True)
    done = Column(Integer, nullable=False)
