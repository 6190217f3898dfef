"""Named gates. A waiter passes when the gate has been given more passes than were used."""

import asyncio


class Gate:
    def __init__(self):
        self.passes = 0
        self.used = 0
        self.waiting = 0
        self.is_open = False
        self._changed = asyncio.Condition()

    async def add(self, passes):
        async with self._changed:
            self.passes += passes
            self._changed.notify_all()

    async def open(self):
        """Nobody waits here any more."""
        async with self._changed:
            self.is_open = True
            self._changed.notify_all()

    async def wait(self):
        self.waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self.is_open or self.used < self.passes)
                self.used += 1
        finally:
            self.waiting -= 1

    def describe(self):
        return {"passes": self.passes, "used": self.used, "waiting": self.waiting,
                "open": self.is_open}


class Gates:
    """All gates by name; one that nobody has named yet is closed."""

    def __init__(self):
        self._by_name = {}

    def __getitem__(self, name):
        return self._by_name.setdefault(name, Gate())
