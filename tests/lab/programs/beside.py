"""Leaves things in the server that are no part of its schema, and is refused what would change it for everybody."""

import asyncio

import asyncpg

REFUSED = (
    "alter system set work_mem = '5MB'",
    "alter database postgres set work_mem = '5MB'",
    "create role guest",
    "create table public.left_here (id int)",
)


async def main():
    one = await asyncpg.connect("postgresql://app@db.internal/app")
    for statement in REFUSED:
        try:
            await one.execute(statement)
        except asyncpg.InsufficientPrivilegeError as error:
            print(str(error).splitlines()[0])
    await one.execute("create schema beside_it; create table beside_it.page (id int)")
    await one.execute("alter role current_user set work_mem = '5MB'")
    await one.execute("select lo_create(0)")
    await one.close()


asyncio.run(main())
