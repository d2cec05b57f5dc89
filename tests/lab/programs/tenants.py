"""Each tenant sees its own rows: row security, as an application with many tenants has it."""

import asyncio

import asyncpg

RULES = """
create table document (id int primary key, tenant int);
insert into document values (1, 1), (2, 2), (3, 2);
alter table document enable row level security;
alter table document force row level security;
create policy own on document using (tenant = current_setting('app.tenant')::int);
"""


async def tenant(number):
    connection = await asyncpg.connect("postgresql://app@db.internal/app")
    async with connection.transaction():
        await connection.execute(f"set local app.tenant = '{number}'")
        rows = await connection.fetch("select id from document order by id")
    await connection.close()
    return [row["id"] for row in rows]


async def main():
    owner = await asyncpg.connect("postgresql://app@db.internal/app")
    await owner.execute(RULES)
    await owner.close()
    print(await asyncio.gather(tenant(1), tenant(2)))


asyncio.run(main())
