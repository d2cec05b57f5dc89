"""Connections are thrown away while they wait for a row, with others behind them in the queue."""

import asyncio

import asyncpg

DSN = "postgresql://app:secret@db.internal/app"


async def withdraw(amount):
    connection = await asyncpg.connect(DSN)
    update = asyncio.create_task(connection.execute("update account set balance = balance - $1 where id = 1", amount))
    await asyncio.sleep(1 + amount)
    if amount % 2:
        connection.terminate()
    try:
        print(amount, await update)
    except asyncpg.PostgresConnectionError as error:
        print(amount, type(error).__name__)
    if not connection.is_closed():
        await connection.close()


async def main():
    holder = await asyncpg.connect(DSN)
    async with holder.transaction():
        await holder.execute("update account set balance = balance - 1 where id = 1")
        withdrawals = [asyncio.create_task(withdraw(amount)) for amount in range(1, 6)]
        await asyncio.sleep(20)
    await asyncio.gather(*withdrawals)
    print(await holder.fetchval("select balance from account where id = 1"))
    await holder.close()


asyncio.run(main())
