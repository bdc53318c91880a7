"""What the commands share: the global options as one value, and the way to print."""

from __future__ import annotations

import locale
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from kymgraph.project import Project
    from kymgraph.settings import Settings
    from kymgraph.store.embedded import EmbeddedStore

LANGUAGES: Final = ("fi", "sv", "en")


@dataclass(frozen=True)
class Context:
    """The global options; `ctx.obj` of every command. What they name is opened when first asked for."""

    project_option: Path | None
    store_option: str | None
    lang_option: str | None

    @cached_property
    def project(self) -> Project:
        from kymgraph.project import Project

        return Project.find(self.project_option)

    @property
    def url(self) -> str | None:
        """The address that `--store` names, if it is one."""
        store = self.store_option
        return store if store is not None and store.lower().startswith(("http://", "https://")) else None

    @cached_property
    def store(self) -> EmbeddedStore:
        """The store, there or not. Raises InputError for the address of a remote one."""
        from kymgraph.errors import InputError
        from kymgraph.store.embedded import EmbeddedStore

        if self.url is not None:
            raise InputError(
                f"{self.url} is a remote store, which this command cannot open; nothing was done",
                hint="name a store folder, or leave --store away; kymgraph query asks a URL",
            )
        return EmbeddedStore(self.store_option or self.project.store_folder)

    @cached_property
    def settings(self) -> Settings:
        from kymgraph.settings import Settings

        return Settings.load(project=self.project_option, store=self.store_option, lang=self.lang_option)

    @property
    def lang(self) -> str:
        """The language of messages and labels: the option, else the locale's, else English."""
        if self.lang_option:
            return self.lang_option
        here = (os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "")[:2]
        return here if here in LANGUAGES else "en"


def note(text: str) -> None:
    """Tell the person at the terminal something that is not a result."""
    print(text, file=sys.stderr, flush=True)


def result(data: str | bytes) -> None:
    """Write a result to standard output, as UTF-8 wherever it goes."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data.encode() if isinstance(data, str) else data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        reader_has_gone()


def reader_has_gone() -> NoReturn:
    """The reader of our output has seen enough (`| head`): end quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)


def is_terminal() -> bool:
    return sys.stderr.isatty()


def encoding_is_utf8() -> bool:
    return "utf" in (sys.stdout.encoding or locale.getpreferredencoding(False)).lower()
