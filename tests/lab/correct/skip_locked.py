"""Workers that take jobs from a table with SKIP LOCKED."""

import asyncio

from bank import Job
from bank import new_session
from sqlalchemy import select

NEXT = select(Job).where(Job.done == 0).order_by(Job.id).limit(1).with_for_update(skip_locked=True)


async def work():
    while True:
        async with new_session() as session:
            job = (await session.execute(NEXT)).scalars().first()
            if job is None:
                return
            job.done += 1
            await session.commit()


async def main():
    await asyncio.gather(*(asyncio.create_task(work(), name=f"worker {n}") for n in range(2)))


if __name__ == "__main__":
    asyncio.run(main())
