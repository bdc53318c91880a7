"""What is published of a generation as files, and the catalogue of it: kept up to date beside the server.

Dumps are made by a process of their own (`kymgraph dumps --gently`), one at a time for a store however many
front processes there are. After a commit it waits until commits stop coming, and never begins again sooner
than it took: a storm of commits makes one set of dumps at its end. Until new ones stand, the older ones are
what catalogue, dumps and VoID are about, and say so by `Kymgraph-Generation`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from api.linked.state import LinkedData
from kymgraph.dataset import Dataset
from kymgraph.errors import Busy, CannotWrite, GenerationNotKept, KymgraphError, StoreLocked
from kymgraph.project import Project
from kymgraph.publishing import catalog, dumps
from kymgraph.publishing.dcat import Catalogue
from kymgraph.publishing.dumps import Dumps

log: Final = logging.getLogger("kymgraph.dumps")

#: Seconds between looks at the generation, for a server that makes dumps ahead.
_POLL: Final = 1.0
#: Seconds that the generation has to stand before dumps are made of it, and how long that is waited for.
_QUIET: Final = 3.0
_LONGEST_STORM: Final = 60.0
#: Seconds until dumps that failed are tried again.
_AGAIN: Final = 30.0
#: Seconds that a request waits for the first dumps, and when it is told to ask again.
_WAIT: Final = 5.0
_RETRY: Final = 5.0
#: Seconds between looks at dumps that are waited for.
_LOOK: Final = 0.05
#: Catalogues kept: one for each address that readers reach the server by.
_KEPT: Final = 8


class DumpsNotReady(Busy):
    """There are no dumps yet that can be described."""

    retry_after = _RETRY


class Published:
    """The dumps that stand, and the catalogue of them. One per front process."""

    def __init__(self, project: Project, dataset: Dataset, linked: LinkedData, *, ahead: bool) -> None:
        self._project, self._dataset, self._linked, self._ahead = project, dataset, linked, ahead
        self._folder: Path = dataset.store.folder / dumps.FOLDER
        self._seen: tuple[tuple[int, int], Dumps | None] = (0, 0), None
        self._catalogues: OrderedDict[tuple[int, str], Catalogue] = OrderedDict()
        self._wanted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._failure = ""

    def start(self) -> None:
        """Begin to keep the dumps up to date: at once, or when they are first asked for."""
        self._keeper = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """Stop; dumps that are being made are given up."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    # -- what stands

    async def dumps(self) -> Dumps:
        """The newest dumps that stand. Raises DumpsNotReady where there are none, after waiting a little."""
        found = await self._look()
        if found is None or found.generation < self._dataset.generation:
            self._wanted.set()
        until = time.monotonic() + _WAIT
        while found is None:
            if time.monotonic() > until or self._failure:
                raise DumpsNotReady(
                    "nothing was sent: the dumps of the graph are not made yet"
                    + (f" ({self._failure})" if self._failure else ""),
                    hint="ask again in a few seconds; `kymgraph dumps` makes them too",
                )
            await asyncio.sleep(_LOOK)
            found = await self._look()
        return found

    async def catalogue(self, address: str) -> tuple[Dumps, Catalogue]:
        """The dumps that stand and their catalogue, with URLs below `address`. Raises DumpsNotReady."""
        found = await self.dumps()
        key = found.generation, address
        known = self._catalogues.get(key)
        if known is None:
            known = self._catalogues[key] = await asyncio.to_thread(self._read, found, address)
            while len(self._catalogues) > _KEPT:
                self._catalogues.popitem(last=False)
        return found, known

    async def known(self, address: str) -> Catalogue | None:
        """The catalogue, if dumps stand; nobody waits for them."""
        if await self._look() is None:
            return None
        with contextlib.suppress(DumpsNotReady):
            return (await self.catalogue(address))[1]
        return None

    def _read(self, found: Dumps, address: str) -> Catalogue:
        try:
            view = self._linked.view(
                None if found.generation == self._dataset.generation else found.generation
            )
            if view.generation != found.generation:  # a commit came between
                view = self._linked.view(found.generation)
        except GenerationNotKept as error:
            raise DumpsNotReady(
                f"nothing was sent: the dumps that stand are of generation {found.generation}, and "
                f"{error.message}",
                hint="ask again in a few seconds: newer ones are being made",
            ) from None
        return catalog.read(view, self._project, found, address)

    async def _look(self) -> Dumps | None:
        """The newest dumps on the disk; read again only when something was put there."""
        try:
            status = self._folder.stat()
        except OSError:
            return None
        seen = status.st_ino, status.st_mtime_ns
        if seen != self._seen[0]:
            upto = self._dataset.generation
            self._seen = seen, await asyncio.to_thread(dumps.newest, self._folder, upto=upto)
        return self._seen[1]

    # -- keeping them up to date

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._due()
                if await self._look() is not None:
                    await self._settled()
                began = time.monotonic()
                await self._make()
            except (KymgraphError, OSError) as error:
                self._failure = str(error)
                log.warning("dumps were not made: %s; they are tried again in %d s", error, _AGAIN)
                await asyncio.sleep(_AGAIN)
                self._failure = ""
            else:
                await asyncio.sleep(time.monotonic() - began)

    async def _behind(self) -> bool:
        found = await self._look()
        return found is None or found.generation < self._dataset.generation

    async def _due(self) -> None:
        """Wait until there is something to make: for a server that works ahead, or when it was asked for."""
        while True:
            if (self._ahead or self._wanted.is_set()) and await self._behind():
                return
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), _POLL if self._ahead else None)

    async def _settled(self) -> None:
        """Wait until commits stop coming."""
        until, generation = time.monotonic() + _LONGEST_STORM, self._dataset.generation
        while time.monotonic() < until:
            await asyncio.sleep(_QUIET)
            if generation == (generation := self._dataset.generation):
                return

    async def _make(self) -> None:
        """Have a process make them, unless one is at it already. Raises KymgraphError, OSError."""
        try:
            await asyncio.to_thread(self._try_lock)
        except StoreLocked:
            await asyncio.sleep(_LOOK * 10)  # another front process has them made
            return
        command = [sys.executable, "-m", "kymgraph", "--project", str(self._project.folder)]
        command += ["--store", str(self._dataset.store.folder.absolute()), "--lang", "en"]
        process = await asyncio.create_subprocess_exec(
            *command,
            "dumps",
            "--gently",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        if process.returncode == 0 or await self._is_made():
            return
        tail = said.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise CannotWrite(" ".join(tail) or f"the process ended with status {process.returncode}")

    def _try_lock(self) -> None:
        with dumps.lock(self._folder):
            pass

    async def _is_made(self) -> bool:
        """Whether somebody else was faster."""
        return not await self._behind()
