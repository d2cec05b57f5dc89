"""Two doctors sign off at once. Each may, if somebody else is still on call. Their transactions are serializable."""

from __future__ import annotations

import asyncio

from clinic import Doctor
from clinic import new_session
from sqlalchemy import select
from sqlalchemy import update


async def sign_off(name):
    async with new_session() as session:
        result = await session.execute(select(Doctor.name).where(Doctor.on_call))
        if result.scalars().all() == [name]:
            return "stays"
        leaving = update(Doctor).where(Doctor.name == name).values(on_call=False)
        await session.execute(leaving, execution_options={"synchronize_session": False})
        await session.commit()
        return "leaves"


async def main():
    await asyncio.gather(
        asyncio.create_task(sign_off("ann"), name="ann"),
        asyncio.create_task(sign_off("ben"), name="ben"),
    )


if __name__ == "__main__":
    asyncio.run(main())
