"""Tries to reach other places than the lab."""

import asyncio
import socket


async def main():
    try:
        reader, writer = await asyncio.open_connection("example.org", 80)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        print(await reader.read())
    except OSError as error:
        print("stream:", error)
    try:
        socket.create_connection(("127.0.0.1", 9))
    except OSError as error:
        print("socket:", error)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        print("import:", error)


asyncio.run(main())
