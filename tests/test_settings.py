"""Settings come from the environment, are documented from their definitions, and name what is wrong."""

from __future__ import annotations

import pytest

from kymgraph.cli.references import pages
from kymgraph.errors import InputError
from kymgraph.settings import Settings
from tests.conftest import ROOT


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMGRAPH_PORT", "8123")
    monkeypatch.setenv("KYMGRAPH_TRUSTED_HOSTS", "kymi.example, localhost")
    monkeypatch.setenv("KYMGRAPH_STORE", "")

    settings = Settings.load(lang="sv")

    assert (settings.port, settings.trusted_hosts, settings.store, settings.lang) == (
        8123,
        ["kymi.example", "localhost"],
        None,
        "sv",
    )


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("SANDBOX", "off"), ("QUERY_TIMEOUT", "0")]
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("KYMGRAPH_" + name, value)

    with pytest.raises(InputError, match=f"KYMGRAPH_{name} is '{value}'"):
        Settings.load()


def test_every_setting_is_described() -> None:
    rows = Settings.describe()

    assert len(rows) == len(Settings.model_fields)
    assert all(kind and text for _, kind, _, text in rows)


@pytest.mark.parametrize("name", list(pages()))
def test_the_committed_references_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == pages()[name], "run: make docs"
