"""A company whose departments and people refer to each other in a circle, written in one flush."""

import asyncio

from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import Integer
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import relationship

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")
Base = declarative_base()


class Person(Base):
    __tablename__ = "person"
    id = Column(Integer, primary_key=True)
    boss_id = Column(ForeignKey("person.id"))
    department_id = Column(ForeignKey("department.id", use_alter=True))
    boss = relationship("Person", remote_side=[id])
    department = relationship("Department", foreign_keys=[department_id])


class Department(Base):
    __tablename__ = "department"
    id = Column(Integer, primary_key=True)
    parent_id = Column(ForeignKey("department.id"))
    head_id = Column(ForeignKey("person.id", use_alter=True))
    parent = relationship("Department", remote_side=[id])
    head = relationship("Person", foreign_keys=[head_id], post_update=True)


@event.listens_for(engine.sync_engine, "before_cursor_execute")
def note(connection, cursor, statement, parameters, context, executemany):
    if not statement.startswith("SELECT"):
        print(" ".join(statement.split())[:60], parameters)


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        departments, people = [], []
        for number in range(6):
            departments.append(Department(parent=departments[number // 2] if number else None))
        for number in range(12):
            people.append(Person(boss=people[number // 3] if number else None, department=departments[number % 6]))
        for department, person in zip(departments, people):
            department.head = person
        session.add_all([*people, *departments])
        await session.commit()
        for person in people[6:]:
            await session.delete(person)
        for department in departments:
            department.head = people[0]
        await session.commit()
    await engine.dispose()


asyncio.run(main())
