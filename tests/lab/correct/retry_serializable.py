"""Serializable transactions that are run again when the server refuses one."""

import asyncio

from bank import engine
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

strict = engine.execution_options(isolation_level="SERIALIZABLE")


async def deposit():
    while True:
        try:
            async with strict.begin() as connection:
                balance = (await connection.execute(text("select balance from account where id = 1"))).scalar()
                await connection.execute(text("update account set balance = :new where id = 1"), {"new": balance + 10})
            return
        except DBAPIError as error:
            if error.orig.sqlstate != "40001":
                raise


async def main():
    await asyncio.gather(*(asyncio.create_task(deposit(), name=f"deposit {n}") for n in range(2)))


if __name__ == "__main__":
    asyncio.run(main())
