"""Tasks are cancelled in every way that asyncio has."""

import asyncio


async def rest():
    await asyncio.sleep(3600)


async def gather():
    await asyncio.gather(asyncio.create_task(rest(), name="gathered"))


async def fail():
    await asyncio.sleep(1)
    raise RuntimeError


async def main():
    by_hand = asyncio.create_task(rest(), name="by hand")
    gathers = asyncio.create_task(gather(), name="gathers")
    await asyncio.sleep(1)
    by_hand.cancel()
    gathers.cancel()
    await asyncio.wait([by_hand, gathers])
    try:
        await asyncio.wait_for(asyncio.create_task(rest(), name="too slow"), 1)
    except asyncio.TimeoutError:
        print("too slow")
    if hasattr(asyncio, "TaskGroup"):  # from Python 3.11 on
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(), name="fails")
                group.create_task(rest(), name="grouped")
        except Exception as error:
            print(type(error).__name__)
    asyncio.create_task(goes_on(), name="left")
    await asyncio.sleep(1)


async def goes_on():
    if hasattr(asyncio, "timeout"):  # from Python 3.11 on
        try:
            async with asyncio.timeout(0.5):
                await rest()
        except TimeoutError:
            print("went on")
    await rest()


asyncio.run(main())
