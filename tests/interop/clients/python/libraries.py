"""The Python libraries, each with a `lock` that returns the key or None, and an `unlock`."""

import asyncio
import threading


class RedlockPy:
    def __init__(self, urls):
        import redlock

        self.library = redlock
        # A count of 0 means the default of 3.
        self.manager = redlock.Redlock(urls, retry_count=1, retry_delay=0.001)

    def lock(self, name, ttl):
        lock = self.manager.lock(name, ttl)
        return lock.key.decode() if lock else None

    def unlock(self, name, key):
        self.manager.unlock(self.library.Lock(0, name, key))


class Pottery:
    def __init__(self, urls):
        import pottery
        import redis

        self.library = pottery
        self.masters = {redis.Redis.from_url(url) for url in urls}

    def lock(self, name, ttl):
        lock = self.new(name, ttl)
        return lock._uuid if lock.acquire(blocking=False) else None

    def unlock(self, name, key):
        lock = self.new(name, 1000)
        # There is no public way to release a lock of another process.
        lock._uuid = key
        try:
            lock.release()
        except self.library.ReleaseUnlockedLock:
            pass

    def new(self, name, ttl):
        return self.library.Redlock(key=name, masters=self.masters, auto_release_time=ttl / 1000)


class Aioredlock:
    """The event loop runs in a thread of its own, because cleaning up after a failure needs it."""

    def __init__(self, urls):
        import aioredlock

        self.library = aioredlock
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.manager = self.run(self.connect(urls))

    async def connect(self, urls):
        return self.library.Aioredlock(urls, retry_count=1)

    def lock(self, name, ttl):
        try:
            return self.run(self.manager.lock(name, ttl / 1000)).id
        except self.library.LockError:
            return None

    def unlock(self, name, key):
        lock = self.library.Lock(self.manager, name, key, valid=True)
        try:
            self.run(self.manager.unlock(lock))
        except self.library.LockError:
            pass

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


class RedisPy:
    """The lock of redis-py: on one server, and by default without expiry."""

    def __init__(self, urls):
        import redis

        self.server = redis.Redis.from_url(urls[0])

    def lock(self, name, _ttl):
        lock = self.server.lock(name, timeout=None)
        return lock.local.token.decode() if lock.acquire(blocking=False) else None

    def unlock(self, name, key):
        import redis

        lock = self.server.lock(name)
        lock.local.token = key.encode()
        try:
            lock.release()
        except redis.exceptions.LockNotOwnedError:
            pass


CLIENTS = {
    "redlock-py": RedlockPy,
    "pottery": Pottery,
    "aioredlock": Aioredlock,
    "redis-py": RedisPy,
}
