"""Bringing the index up to date in a process of its own, at a low priority.

Making an index is a long computation in Python: in a thread of a server it would hold up every answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from kymgraph.errors import CannotWrite

_NICE: Final = 10


class Apart:
    """`kymgraph search`, which brings the index of a store up to date before it looks for anything."""

    def __init__(self, project: Path, store: Path) -> None:
        self._command = [
            sys.executable, "-m", "kymgraph", "--project", str(project), "--store", str(store),
            "search", "", "--limit", "1",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self) -> None:
        """Bring the index up to date, and wait for it. Raises CannotWrite with what the process said."""
        with subprocess.Popen(  # noqa: S603 - nothing of a request is in the command
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as self._process:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
            if self._closed:
                self._process.terminate()
            _, said = self._process.communicate()
        if self._process.returncode and not self._closed:
            raise CannotWrite(
                "the search index could not be brought up to date: "
                f"{said.decode(errors='replace').strip() or 'the process was ended'}; the data are unharmed",
                hint="kymgraph search TEXT brings it up to date, or says what is in the way",
            )

    def close(self) -> None:
        """End the process, if one is running: what it has made is not in place yet, and goes."""
        self._closed = True
        if self._process is not None:
            self._process.terminate()
