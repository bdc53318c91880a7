"""What the tools give back, as models: their fields and descriptions are the schemas that agents read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Term = str  # in the notation of SPARQL


class Table(BaseModel):
    """The answer of a query."""

    columns: list[str] = Field(description="Variable names, in the order of the cells.")
    rows: list[list[str | None]] = Field(
        description="Cells are SPARQL terms that can be put into a query as they are: kym:Programme, "
        '<https://…>, "text"@fi, 12, "2022"^^xsd:gYear; null where a variable is unbound.'
    )
    row_count: int = Field(description="Rows (or triples) in this answer.")
    cut: str | None = Field(
        description="Why the answer stops here although there is more; null if it is whole."
    )
    boolean: bool | None = Field(default=None, description="The answer of an ASK.")
    turtle: str | None = Field(default=None, description="The triples of a CONSTRUCT or DESCRIBE, as Turtle.")
    generation: int = Field(description="The state of the graph that was asked.")


class Hit(BaseModel):
    iri: str = Field(description="What `describe` takes.")
    label: str
    types: list[str] = Field(description="Classes, as prefixed names.")
    description: str | None
    labels: dict[str, str] = Field(description="All names, by language.")
    score: float = Field(description="0 to 100; within one answer only.")


class Facet(BaseModel):
    value: str
    label: str
    count: int


class Found(BaseModel):
    """The answer of a search, best first."""

    total: int = Field(description="Hits altogether, of which `hits` are one page.")
    at_least: bool = Field(description="Whether `total` and the counts are lower bounds.")
    hits: list[Hit]
    facets: dict[str, list[Facet]] = Field(description="What would narrow the search, with counts.")
    next_offset: int | None = Field(description="Give it as `offset` for the next page; null on the last.")
    generation: int


class Statement(BaseModel):
    property: str
    property_label: str | None
    value: Term
    value_label: str | None = Field(description="The name of the thing that `value` is, if it is one.")
    graphs: list[str] = Field(description="The named graphs that say so.")
    kinds: list[str] = Field(
        description="stated (by a source document), translation (ours), background (common knowledge with a "
        "citation), inferred (our reading, with confidence), definition (ontology)…"
    )


class Evidence(BaseModel):
    passage: str = Field(description="IRI of the lines.")
    document: str | None = Field(description="IRI of the source document.")
    document_label: str | None
    first_line: int | None
    last_line: int | None
    phrase: str | None = Field(description="The words, where they are a name or heading.")
    graph: str
    covers: str = Field(description="What rests on it: all statements of that graph, or one of them.")


class Mention(BaseModel):
    subject: str
    subject_label: str | None
    property: str


class Description(BaseModel):
    """One resource: its names, what is said about it, what says so, and what points to it."""

    iri: str
    label: str | None
    labels: dict[str, str]
    types: list[str]
    statements: list[Statement]
    statements_cut: bool = Field(description="Whether there are more statements than these.")
    evidence: list[Evidence]
    mentions: list[Mention] = Field(description="Statements that have it as their value.")
    mentions_total: int = Field(description="How many there are; 10001 stands for more than 10,000.")
    mentions_next: int | None = Field(
        description="Give it as `mentions_offset` for more; null on the last page."
    )
    page: str | None = Field(description="Its page for people, where the graph is published.")
    generation: int


class Question(BaseModel):
    name: str = Field(description="What `ask_question` takes.")
    question: str
    parameters: dict[str, str] = Field(description="Name to type.")
    example: dict[str, str] = Field(description="Values that give an answer.")
    returns: dict[str, str] = Field(description="Column to type.")


class Questions(BaseModel):
    questions: list[Question]
    total: int


class Proposed(BaseModel):
    """What became of a change that was proposed. Nothing is ever applied by this tool."""

    status: Literal["proposed", "checked", "refused", "unchanged"] = Field(
        description="proposed: people will decide; checked: it would be taken (dry_run); refused: the rules "
        "of the graph forbid it, see report; unchanged: the graph says all that already."
    )
    message: str
    proposal: str | None = Field(default=None, description="Where it can be read and decided upon.")
    id: str | None = None
    added: int = Field(default=0, description="Quads.")
    removed: int = Field(default=0, description="Quads.")
    graphs: list[str] = Field(default_factory=list)
    diff: str = Field(default="", description="What would change, resource by resource.")
    report: dict[str, Any] = Field(
        description="What the gate says: results with messages in three languages."
    )
    generation: int
