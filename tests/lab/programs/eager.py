"""Tasks that begin at once, as Python 3.12 and later let a program ask for."""

import asyncio

told = []


async def at_once(name):
    told.append(f"{name} as {asyncio.current_task().get_name()}")


async def child():
    told.append("child")
    inner = asyncio.create_task(at_once("inner"))
    await asyncio.sleep(1)
    await inner


async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    tasks = [asyncio.create_task(child()), asyncio.create_task(at_once("last"))]
    told.append("main")
    print(", ".join(told))
    await asyncio.gather(*tasks)


asyncio.run(main())
