"""A program whose log tells the time, and how long everything took; it copies rows in, and is notified."""

import asyncio

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", echo=True)


async def main():
    async with engine.connect() as connection:
        for _ in range(2):
            await connection.execute(text("select * from account"))
    listener, sender = [await asyncpg.connect("postgresql://app:secret@db.internal/app") for _ in range(2)]
    await sender.copy_records_to_table("account", records=[(number, number) for number in range(100, 160)])
    print(await sender.fetchval("select count(*) from account"))
    heard = asyncio.Queue()
    await listener.add_listener("news", lambda *heard_of: heard.put_nowait(heard_of[-1]))
    for number in range(3):
        await sender.execute(f"notify news, '{number}'")
        await listener.fetchval("select 1")
    print([await heard.get() for _ in range(3)])
    for connection in (listener, sender):
        await connection.close()
    await engine.dispose()


asyncio.run(main())
