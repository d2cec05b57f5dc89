"""The engine: runs an asyncio program on its own event loop and lets one reply of the server through at a time."""

__version__ = "0.1.0"
