"""The settings of a running kymgraph: environment variables `KYMGRAPH_*`, each one row here.

What belongs to a graph project and not to a machine (base IRI, languages, union) is in its
`kymgraph.toml`, see `kymgraph.project`. The page docs/settings.md is made from these definitions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kymgraph.errors import InputError

PREFIX: Final = "KYMGRAPH_"


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


#: A list that is written with commas between.
Listed = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """All settings, read from the environment when made. Use `load` for an error that people can read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    project: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="Folder of the graph project; unset: found from the working folder upwards."
    )
    store: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="Store folder; unset: `.kymgraph` in the project."
    )
    lang: Literal["fi", "sv", "en"] | None = Field(
        None, description="Language of messages and labels on the command line; unset: the locale's, else en."
    )
    debug: bool = Field(False, description="Show where an internal error of the command line happened.")
    host: str = Field("127.0.0.1", description="Address that `kymgraph serve` binds to.")
    port: int = Field(
        8000, ge=0, le=65535, description="Port that `kymgraph serve` binds to; 0: any free one."
    )
    public_url: Annotated[HttpUrl | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="Where readers reach the server, for links; unset: the bound address."
    )
    prefix_kept: bool = Field(
        False,
        description="Whether a proxy leaves the path of the public URL before the paths that it passes on.",
    )
    trusted_hosts: Listed = Field(
        default_factory=lambda: ["127.0.0.1", "localhost", "[::1]"],
        description="Host names believed in requests, with commas between; others get the public URL.",
    )
    allow_hosts: Listed = Field(
        default_factory=list,
        description="Hosts that the server may ask, as `host:port` with commas between; a private address "
        "only as `ip:port`. Unset: none.",
    )
    oidc_issuer: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="OpenID Connect issuer whose tokens are taken beside our own; also in "
        "`KYMGRAPH_ALLOW_HOSTS`.",
    )
    oidc_audience: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="What the issuer's tokens have to be made for (`aud`)."
    )
    oidc_client_id: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="Name by which the issuer knows this server when people sign in with a browser; unset: "
        "the audience. It lets them come back to `/session/callback`.",
    )
    oidc_client_secret: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="What this server shows the issuer of itself; unset: nothing, PKCE alone."
    )
    oidc_role_claim: str = Field(
        "roles", description="Claim that holds a person's roles; `realm_access.roles` is one inside another."
    )
    oidc_roles: Listed = Field(
        default_factory=list,
        description="What the issuer's roles are here, as `theirs=editor` with commas between; others give "
        "no access.",
    )
    front_workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that take HTTP requests. Each has its own cache and query workers.",
    )
    rate_limit: int = Field(600, ge=0, description="Requests per minute and client; 0: no limit.")
    query_timeout: float = Field(15.0, gt=0, description="Seconds that a query may take.")
    token_query_timeout: float = Field(
        60.0, gt=0, description="Seconds that a query may take of a client that sends a token."
    )
    query_bytes: int = Field(65_536, gt=0, description="Largest query text, in bytes.")
    body_bytes: int = Field(10_000_000, gt=0, description="Largest request body, in bytes.")
    write_bytes: int = Field(
        100_000_000, gt=0, description="Largest request body of a client that may write, in bytes."
    )
    keep: int = Field(
        5, ge=1, le=1000, description="Newest generations kept on disk as they are; older ones are rebuilt."
    )
    gate_timeout: float = Field(
        10.0, gt=0, le=600, description="Seconds that judging one change may take before it is refused."
    )
    fast_workers: int = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1),
        ge=1,
        le=256,
        description="Query workers for queries that end at once; unset: two per core.",
    )
    slow_workers: int = Field(2, ge=1, le=256, description="Query workers for queries that take longer.")
    worker_memory_mb: int = Field(
        1200,
        ge=600,
        description="Address space of one query worker, in MB; below 1200 large sorts fail early.",
    )
    search_warm: bool = Field(
        True,
        description="Whether a server that has just started makes the search index ready at once; else the "
        "first search does.",
    )
    dumps_ahead: bool = Field(
        True,
        description="Whether the server makes the dumps of a new generation by itself; else when catalogue, "
        "dumps or VoID are next asked for.",
    )
    cache_bytes: int = Field(100_000_000, ge=0, description="Answers kept in memory, in bytes; 0: none.")
    sandbox: Literal["require", "token-check"] = Field(
        "require",
        description="`require`: a query worker without a network ban does not start; `token-check`: the "
        "operator accepts that only the check of the query text keeps queries off the network.",
    )

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """The settings from the environment; `given` ones that are not None go before it.

        Raises InputError naming the variable that is wrong.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise InputError(
                f"{name} is {first['input']!r}: {first['msg']}; nothing was started",
                hint="docs/settings.md lists what each setting takes",
            ) from None

    @property
    def pool(self) -> dict[str, Any]:
        """What the query worker pool takes of these settings."""
        return {
            "fast": self.fast_workers,
            "slow": self.slow_workers,
            "memory_mb": self.worker_memory_mb,
            "deadline": self.query_timeout,
            "sandbox": self.sandbox,
        }

    @classmethod
    def describe(cls) -> list[tuple[str, str, str, str]]:
        """A row per setting: variable, kind of value, default, what it does."""
        return [
            (PREFIX + name.upper(), _kind(name, cls), _default(name, cls), field.description or "")
            for name, field in cls.model_fields.items()
        ]


def _kind(name: str, cls: type[Settings]) -> str:
    schema: dict[str, Any] = cls.model_json_schema()["properties"][name]
    schema = next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), schema)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in list(schema["enum"]))
    kinds = {
        "boolean": "`true` or `false`",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "array": "list",
    }
    formats = {"path": "folder", "uri": "URL"}
    return formats.get(str(schema.get("format"))) or kinds[str(schema["type"])]


def _default(name: str, cls: type[Settings]) -> str:
    if name == "fast_workers":
        return "2 × cores"
    value = cls.model_fields[name].get_default(call_default_factory=True, validated_data={})
    return "" if value in (None, []) else f"`{','.join(value) if isinstance(value, list) else value}`"


def page() -> str:
    """docs/settings.md."""
    rows = "".join(f"| `{row[0]}` | {row[1]} | {row[2]} | {row[3]} |\n" for row in Settings.describe())
    return (
        "# Settings\n\n"
        "Environment variables. Made from `kymgraph/settings.py` by `make docs`; do not edit. What belongs\n"
        "to the graph project (base IRI, title, languages, union) is in its `kymgraph.toml`, see\n"
        "`kymgraph/project.py`.\n\n"
        "| variable | value | default | what it does |\n|---|---|---|---|\n" + rows
    )
