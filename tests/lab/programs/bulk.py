"""More than a socket takes at once, there and back, and a row that somebody else has in the middle of it."""

import asyncio

import asyncpg

ROWS = 20_000
DSN = "postgresql://nowhere/app"


async def hold(connection, has_it):
    async with connection.transaction():
        await connection.execute("update many set text = 'held' where n = $1", ROWS // 2)
        has_it.set()
        for _ in range(4):
            await connection.execute("select 1")


async def change(connection, has_it):
    await has_it.wait()
    await connection.executemany("update many set text = $2 where n = $1", [(n, "x" * 40) for n in range(ROWS)])


async def main():
    one, two = await asyncpg.connect(DSN), await asyncpg.connect(DSN)
    await one.execute("create table many (n int primary key, text text)")
    await one.execute(f"insert into many select n, '' from generate_series(0, {ROWS - 1}) as n")
    has_it = asyncio.Event()
    await asyncio.gather(hold(one, has_it), change(two, has_it))
    rows = await one.fetch("select n, repeat(text, 10) as text from many order by n")
    print(len(rows), len(rows[ROWS // 2]["text"]))
    await one.close()
    await two.close()


asyncio.run(main())
