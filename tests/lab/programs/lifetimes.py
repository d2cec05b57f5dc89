"""Objects end when the last name for them goes, while the task is looked at in between."""

import asyncio


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print(self.name, "is gone")


async def inner():
    one = Loud("one")
    await asyncio.sleep(1)
    del one
    print("after one")
    two = Loud("two")
    await asyncio.sleep(1)
    return two.name


async def main():
    await inner()
    print("after two")
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1, lambda: future.set_result(Loud("three")))
    await future
    del future
    print("after three")


asyncio.run(main())
