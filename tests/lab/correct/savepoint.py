"""Savepoints of one session, one after the other, around what may fail."""

import asyncio

from bank import Job
from bank import Visit
from bank import new_session
from sqlalchemy.exc import IntegrityError


async def visit(name, number):
    async with new_session() as session:
        session.add(Visit(visitor=name))
        try:
            async with session.begin_nested():
                session.add(Job(id=number, done=0))
        except IntegrityError:
            pass
        await session.commit()


async def main():
    await asyncio.gather(
        *(asyncio.create_task(visit(f"visit {n}", n), name=f"visit {n}") for n in (4, 5)),
    )


if __name__ == "__main__":
    asyncio.run(main())
