"""Passes over a stream: one reading serves one who asks, or all who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any

from losskit.data.streams import Batch, Stream

Visit = Callable[[Batch], None]


class Passes:
    """Readings of a stream, each for whoever asks."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def run(self, visit: Visit) -> None:
        """Show each batch to `visit`, in one pass."""
        for batch in self.stream.batches():
            visit(batch)


class SharedPasses(Passes):
    """Readings for several tasks at a time: a pass begins when each task that goes on waits for one."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._change = Condition()
        self._waiting: list[_Request] = []
        self._busy = 0

    def run(self, visit: Visit) -> None:
        """Wait for the next pass and take part in it; called by a task."""
        mine = _Request(visit)
        with self._change:
            self._waiting.append(mine)
            self._busy -= 1
            self._change.notify_all()
            self._change.wait_for(lambda: mine.done)
        if mine.error is not None:
            raise mine.error

    def each(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """What the tasks return, in their order; the first error that one ends in is raised."""
        found: list[Any] = [None] * len(tasks)
        self._busy = len(tasks)
        threads = [Thread(target=self._task, args=(task, found, i), daemon=True) for i, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        while self._served():
            pass
        for thread in threads:
            thread.join()
        for value in found:
            if isinstance(value, _Failed):
                raise value.error
        return found

    def _task(self, task: Callable[[], Any], found: list[Any], i: int) -> None:
        try:
            found[i] = task()
        except BaseException as error:
            found[i] = _Failed(error)
        with self._change:
            self._busy -= 1
            self._change.notify_all()

    def _served(self) -> bool:
        """Read once for all that wait, when none is busy; False when all have ended."""
        with self._change:
            self._change.wait_for(lambda: self._busy == 0)
            requests, self._waiting = self._waiting, []
        if not requests:
            return False
        error: BaseException | None = None
        try:
            for batch in self.stream.batches():
                for request in requests:
                    request.show(batch)
        except BaseException as failed:
            error = failed
        with self._change:
            for request in requests:
                request.error, request.done = request.error or error, True
            self._busy = len(requests)
            self._change.notify_all()
        if isinstance(error, KeyboardInterrupt):
            raise error
        return True


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Request:
    """One task's part in a pass."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.done = False
        self.error: BaseException | None = None

    def show(self, batch: Batch) -> None:
        if self.error is None:
            try:
                self.visit(batch)
            except Exception as error:
                self.error = error
