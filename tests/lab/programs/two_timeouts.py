"""Two that wait for the same lock: one for a second at most, the other for five."""

import asyncio

import asyncpg


async def impatient(seconds):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    try:
        async with asyncio.timeout(seconds):
            await connection.execute("select from account where id = 1 for update")
        return "had it"
    except TimeoutError:
        return "gave up"
    finally:
        connection.terminate()


async def main():
    holder = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    await holder.execute("begin; select from account where id = 1 for update")
    first = asyncio.create_task(impatient(1), name="first")
    second = asyncio.create_task(impatient(5), name="second")
    await asyncio.wait([first])
    await holder.execute("commit")
    print(await first, await second)
    await holder.close()


if __name__ == "__main__":
    asyncio.run(main())
