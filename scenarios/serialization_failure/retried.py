"""The fix: the whole transaction is tried again, from its first read to its COMMIT, with a fresh session."""

from __future__ import annotations

import asyncio

from clinic import Doctor
from clinic import new_session
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError


async def again(work, *arguments, attempts=5):
    while True:
        try:
            async with new_session() as session:
                result = await work(session, *arguments)
                await session.commit()
                return result
        except DBAPIError as error:
            attempts -= 1
            if error.orig.sqlstate != "40001" or not attempts:
                raise


async def sign_off(session, name):
    result = await session.execute(select(Doctor.name).where(Doctor.on_call))
    if result.scalars().all() == [name]:
        return "stays"
    leaving = update(Doctor).where(Doctor.name == name).values(on_call=False)
    await session.execute(leaving, execution_options={"synchronize_session": False})
    return "leaves"


async def main():
    await asyncio.gather(
        asyncio.create_task(again(sign_off, "ann"), name="ann"),
        asyncio.create_task(again(sign_off, "ben"), name="ben"),
    )


if __name__ == "__main__":
    asyncio.run(main())
