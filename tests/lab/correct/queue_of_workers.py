"""Workers that take jobs from a queue and end when they are told to."""

import asyncio

from bank import Job
from bank import new_session


async def work(queue):
    while (number := await queue.get()) is not None:
        async with new_session() as session:
            job = await session.get(Job, number)
            job.done += 1
            await session.commit()


async def main():
    queue = asyncio.Queue()
    workers = [asyncio.create_task(work(queue), name=f"worker {n}") for n in range(2)]
    for number in (1, 2, 3, 4, None, None):
        queue.put_nowait(number)
    await asyncio.gather(*workers)


if __name__ == "__main__":
    asyncio.run(main())
