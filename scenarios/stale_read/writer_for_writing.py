"""The fix: who is going to write reads from the writer too; the reader is for requests that only look."""

from __future__ import annotations

import asyncio

from models import Account
from session import engines
from session import session_factory
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import sessionmaker

writing = sessionmaker(engines["writer"], class_=AsyncSession)
reading = session_factory


async def deposit(amount):
    async with writing() as session:
        account = await session.get(Account, 1)
        account.balance += amount
        await session.commit()


async def open_account(owner):
    async with writing() as session:
        account = Account(owner=owner, balance=0)
        session.add(account)
        await session.commit()
        await session.refresh(account)
        return account.id, account.owner


async def list_owners():
    async with reading() as session:
        result = await session.execute(select(Account.owner).order_by(Account.id))
        return result.scalars().all()


async def main():
    await asyncio.create_task(deposit(10), name="ten")
    await asyncio.create_task(deposit(20), name="twenty")
    await asyncio.create_task(open_account("ben"), name="ben")
    await asyncio.create_task(list_owners(), name="list")


if __name__ == "__main__":
    asyncio.run(main())
