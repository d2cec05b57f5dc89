"""Meets names that the server makes up: of what is stored apart, of a schema that is the run's own."""

import asyncio

import asyncpg


async def main():
    one = await asyncpg.connect("postgresql://app@db.internal/app")
    await one.execute("create table page (id int primary key, text text)")
    async with one.transaction():
        await one.execute("drop table page")
        await one.execute("select 1")
    schema = await one.fetchval("select current_schema()")
    try:
        await one.execute(f"create schema {schema}")
    except asyncpg.DuplicateSchemaError as error:
        print(error)
    await one.close()


asyncio.run(main())
