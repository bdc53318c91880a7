"""A graph project: a folder with ontology, data, shapes and queries, and the `kymgraph.toml` that rules them.

Reading the settings and listing the files is all that happens here; nothing is parsed. Any of the folders
may be empty or missing. Keys of `kymgraph.toml`:

- `base_iri` (default `https://w3id.org/kymgraph/`): things are `<base>id/…`, named graphs `<base>graph/…`
- `license`: IRI of the licence under which the data are published; default: none is named
- `title` (a table fi, sv, en), `languages` (default fi, sv, en; the order is the order of falling back)
- `default_graph`: "union" (the set of all graphs not excluded; the default) or "strict" (what the file
  `data/_default.ttl` holds)
- `blank_nodes`: "skolem" (they get names; the default) or "keep"
- `[union] exclude`: graph names that the union leaves out; `harvest/*` stands for all below `harvest/`
- `[shapes]`: `"harvest/*" = "harvest"` has each of these graphs judged alone by shapes in `shapes/harvest/`
- `[sources]`: graph name = name of the text file that the graph was read from
- `feedback`: address of a page (http or https) where readers give feedback; default: none is named
- `dataset_search`: address (https) of a search for datasets in an open-data catalogue, with `{words}` and, if
  it takes one, `{lang}`; pages of themes lead there. Default: none is named
- `[operator]` (a table fi, sv, en): who runs the service; default: nobody is named
- `[prefixes]`: more prefixes for reading and writing, beside those of `kymgraph.namespaces`
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import ProjectError
from kymgraph.namespaces import DEFAULT_BASE, Base

SETTINGS_FILE: Final = "kymgraph.toml"
RDF_SUFFIXES: Final = (".ttl", ".trig", ".nt", ".nq", ".rdf", ".jsonld")
#: The file that is the default graph of a strict project.
DEFAULT_GRAPH_FILE: Final = "_default"
UNION_EXCLUDE: Final = ("ledger", "catalog", "shapes", "harvest/*")
#: Graphs that are made of folders beside `data/`.
ONTOLOGY_GRAPH: Final = "ontology"
SHAPES_GRAPH: Final = "shapes"
#: The graph that only commits write to.
LEDGER_GRAPH: Final = "ledger"


@dataclass(frozen=True, slots=True)
class Project:
    """The settings of one graph project and where its files lie."""

    folder: Path
    base: Base = field(default_factory=Base)
    title: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ("fi", "sv", "en")
    default_graph: str = "union"
    blank_nodes: str = "skolem"
    union_exclude: tuple[str, ...] = UNION_EXCLUDE
    shape_sets: Mapping[str, str] = field(default_factory=dict)  #: by pattern of graph names
    sources: Mapping[str, str] = field(default_factory=dict)
    extra_prefixes: Mapping[str, str] = field(default_factory=dict)
    license: str = ""
    feedback: str = ""
    dataset_search: str = ""
    operator: Mapping[str, str] = field(default_factory=dict)

    # -- finding

    @classmethod
    def find(cls, start: str | Path | None = None) -> Project:
        """The project in `start`; without that, from the working folder upwards, else the packed one.

        Raises ProjectError where there is none, or where its settings are wrong.
        """
        if start is not None:
            folder = Path(start)
            if folder.name == SETTINGS_FILE:
                folder = folder.parent
            return cls.load(folder)
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / SETTINGS_FILE).is_file():
                return cls.load(folder)
        if (_packed() / SETTINGS_FILE).is_file():
            return cls.load(_packed())
        raise ProjectError(
            f"there is no graph project here: no {SETTINGS_FILE} in {here} or above",
            hint=f"go to the project, or name it with --project DIR; an empty {SETTINGS_FILE} starts one",
        )

    @classmethod
    def load(cls, folder: Path) -> Project:
        """The project in exactly this folder. Raises ProjectError."""
        file = folder / SETTINGS_FILE
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ProjectError(
                f"{folder} is not a graph project: it has no {SETTINGS_FILE}",
                hint=f"create {file} (it may be empty), or name another folder with --project",
            ) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ProjectError(f"{file} could not be read: {error}", hint="mend the file") from None
        return _from_table(folder.resolve(), file, table)

    # -- places

    @property
    def is_packed(self) -> bool:
        """Whether this is the project inside the installed package, which is not ours to write to."""
        return self.folder == _packed().resolve()

    @property
    def store_folder(self) -> Path:
        """Where the store lies unless told otherwise."""
        return (Path.cwd() if self.is_packed else self.folder) / ".kymgraph"

    @property
    def prefixes(self) -> dict[str, str]:
        return {**self.base.prefixes(), **self.extra_prefixes}

    def ontology_files(self) -> list[Path]:
        """All that make up the graph `ontology`."""
        return self._files("ontology", "**/*", RDF_SUFFIXES)

    def data_files(self) -> list[Path]:
        """One per named graph, see `graph_of`."""
        return self._files("data", "**/*", RDF_SUFFIXES)

    def shape_files(self) -> list[Path]:
        """All that make up the graph `shapes`."""
        return self._files("shapes", "*", RDF_SUFFIXES)

    def set_files(self, folder: str) -> list[Path]:
        """The shapes that some graphs are judged by alone; not part of the graph `shapes`."""
        return self._files(f"shapes/{folder}", "*", RDF_SUFFIXES)

    def policy_files(self) -> list[Path]:
        return self._files("shapes/policy", "*", (".rq",))

    def query_files(self) -> list[Path]:
        """Named queries: those of the interface, and the competency questions, which serve as examples."""
        return [*self._files("api/queries", "**/*", (".rq",)), *self._files("tests/questions", "*", (".rq",))]

    def rule_files(self) -> list[Path]:
        """What changes are judged by: settings, shapes and policy rules."""
        settings = [self.folder / SETTINGS_FILE] if (self.folder / SETTINGS_FILE).is_file() else []
        sets = [file for folder in sorted(set(self.shape_sets.values())) for file in self.set_files(folder)]
        return [*settings, *self.shape_files(), *sets, *self.policy_files()]

    def rdf_files(self) -> list[Path]:
        """What the store is built from, in the order in which it is read."""
        return [*self.ontology_files(), *self.data_files(), *self.shape_files()]

    def _files(self, folder: str, pattern: str, suffixes: tuple[str, ...]) -> list[Path]:
        found = (self.folder / folder).glob(pattern)
        return sorted(f for f in found if f.name.removesuffix(".gz").endswith(suffixes) and f.is_file())

    def name_of(self, file: Path) -> str:
        """How a file is called in messages and in the store's records: relative to the project, with `/`."""
        return file.relative_to(self.folder).as_posix() if file.is_relative_to(self.folder) else str(file)

    def graph_of(self, file: Path) -> str | None:
        """The graph name that a file's triples go to; None for the default graph of a strict project.

        `data/lineage.ttl` is graph `lineage`, `data/harvest/x.ttl` is `harvest/x`. Raises ProjectError for a
        file name that cannot be part of an IRI.
        """
        part, *rest = file.relative_to(self.folder).parts
        if part in (ONTOLOGY_GRAPH, SHAPES_GRAPH):
            return part
        name = "/".join(rest).removesuffix(".gz").rpartition(".")[0]
        if name == DEFAULT_GRAPH_FILE and self.default_graph == "strict":
            return None
        if name in (ONTOLOGY_GRAPH, SHAPES_GRAPH):
            raise ProjectError(
                f"{self.name_of(file)} would be graph {name!r}, which is made from the folder {name}/",
                hint=f"move it to {name}/, or give it another name",
            )
        try:
            self.base.graph(name)
        except ValueError as error:
            raise ProjectError(f"{self.name_of(file)}: {error}", hint="rename the file") from None
        return name

    def in_union(self, graph_iri: str) -> bool:
        """Whether the default graph of a union project takes in this named graph.

        >>> project = Project(Path("."))
        >>> project.in_union(project.base.graph("lineage")), project.in_union(project.base.graph("harvest/x"))
        (True, False)
        """
        name = self.base.graph_name(graph_iri)
        return name is None or not any(_matches(pattern, name) for pattern in self.union_exclude)

    def shape_set(self, graph_iri: str) -> str | None:
        """The folder in `shapes/` whose shapes judge this named graph alone; the first that fits counts.

        >>> project = Project(Path("."), shape_sets={"harvest/*": "harvest"})
        >>> [project.shape_set(project.base.graph(name)) for name in ("harvest/x", "lineage")]
        ['harvest', None]
        """
        name = self.base.graph_name(graph_iri)
        fits = (folder for pattern, folder in self.shape_sets.items() if name and _matches(pattern, name))
        return next(fits, None)


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _packed() -> Path:
    return Path(__file__).parent / "_project"


_KEYS: Final[dict[str, type]] = {
    "base_iri": str,
    "license": str,
    "feedback": str,
    "dataset_search": str,
    "operator": dict,
    "title": dict,
    "languages": list,
    "default_graph": str,
    "blank_nodes": str,
    "union": dict,
    "shapes": dict,
    "sources": dict,
    "prefixes": dict,
}
#: An address with one `{words}` and no other braces but those of `{lang}`.
_SEARCH: Final = (
    r"(https://[^\s<>\"{}|^`\\/?#]+/([^\s<>\"{}|^`\\]|\{lang\})*\{words\}([^\s<>\"{}|^`\\]|\{lang\})*)?"
)
#: Folders in `shapes/` that hold something else.
_NO_SETS: Final = ("policy", "hygiene")
_CHOICES: Final = {"default_graph": ("union", "strict"), "blank_nodes": ("skolem", "keep")}


def _from_table(folder: Path, file: Path, table: dict[str, Any]) -> Project:
    def wrong(what: str, hint: str = "mend the file") -> ProjectError:
        return ProjectError(f"{file}: {what}", hint=hint)

    for key, value in table.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            raise wrong(
                f"unknown key {key!r}",
                f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(_KEYS)}",
            )
        if not isinstance(value, _KEYS[key]):
            kinds = {"str": "a text", "list": "a list", "dict": "a table"}
            raise wrong(f"{key} must be {kinds[_KEYS[key].__name__]}, not {value!r}")
    for key, choices in _CHOICES.items():
        if table.get(key, choices[0]) not in choices:
            raise wrong(f"{key} is {table[key]!r}", f"write one of {', '.join(choices)}")
    if unknown := set(table.get("union", {})) - {"exclude"}:
        raise wrong(f"unknown key 'union.{min(unknown)}'", "known is 'exclude'")
    for key in ("title", "operator", "shapes", "sources", "prefixes"):
        for name, value in table.get(key, {}).items():
            if not isinstance(value, str):
                raise wrong(f"{key}.{name} must be a text, not {value!r}")
    exclude = table.get("union", {}).get("exclude", list(UNION_EXCLUDE))
    for key, items in (("languages", table.get("languages", [])), ("union.exclude", exclude)):
        if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
            raise wrong(f"{key} must be a list of texts, not {items!r}")
    for pattern, name in table.get("shapes", {}).items():
        if not re.fullmatch("[a-z0-9][a-z0-9-]*", name) or name in _NO_SETS:
            raise wrong(f"shapes.{pattern} is {name!r}", "name a folder in shapes/ that holds a set")
    if not re.fullmatch(r"(https?://[^\s<>\"{}|^`\\]+)?", table.get("license", "")):
        raise wrong(f"license is {table['license']!r}", "write the licence's IRI")
    if not re.fullmatch(r"(https?://[^\s<>\"{}|^`\\]+)?", table.get("feedback", "")):
        raise wrong(f"feedback is {table['feedback']!r}", "write the http(s) address of a page")
    if not re.fullmatch(_SEARCH, table.get("dataset_search", "")):
        raise wrong(
            f"dataset_search is {table['dataset_search']!r}",
            "write the https address of a search with {words} in it, and {lang} where it takes a language",
        )
    try:
        base = Base(table.get("base_iri", DEFAULT_BASE))
    except ValueError as error:
        raise wrong(f"base_iri: {error}") from None
    return Project(
        folder=folder,
        base=base,
        title=table.get("title", {}),
        languages=tuple(table.get("languages") or ("fi", "sv", "en")),
        default_graph=table.get("default_graph", "union"),
        blank_nodes=table.get("blank_nodes", "skolem"),
        union_exclude=tuple(exclude),
        shape_sets=table.get("shapes", {}),
        sources=table.get("sources", {}),
        extra_prefixes=table.get("prefixes", {}),
        license=table.get("license", ""),
        feedback=table.get("feedback", ""),
        dataset_search=table.get("dataset_search", ""),
        operator=table.get("operator", {}),
    )
