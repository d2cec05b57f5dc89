"""Begins a process: what that does, and when, is nobody's choice."""

import asyncio
import subprocess


async def main():
    subprocess.run(["true"], check=True)
    await asyncio.sleep(0.05)


asyncio.run(main())
