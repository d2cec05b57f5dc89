"""Two wait for a row, and a third asks for something that takes its time."""

import asyncio

import asyncpg

UPDATE = "update account set balance = balance + 1 where id = 1"


async def connect():
    return await asyncpg.connect("postgresql://app:secret@db.internal/app")


async def main():
    holder, first, second, slow = [await connect() for _ in range(4)]
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(UPDATE)
    waiting = [asyncio.create_task(one.execute(UPDATE)) for one in (first, second)]
    await asyncio.sleep(1)
    await slow.execute("select pg_sleep(30)")
    await transaction.commit()
    await asyncio.gather(*waiting)


asyncio.run(main())
