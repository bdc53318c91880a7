"""A catalogue in the words of schema.org, which search engines for data read in its pages."""

from __future__ import annotations

from typing import Any, Final

from kymgraph.publishing.dcat import Agent, Catalogue, CatalogueDataset, Texts

_CONTEXT: Final = "https://schema.org"
#: The EU's names of licences are for catalogues; search engines know the licences' own pages.
_LICENCES: Final = {
    "CC_BY_4_0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


def catalogue(given: Catalogue, url: str) -> dict[str, Any]:
    """The catalogue, with the name and page of each dataset; `url` is its page."""
    return {
        "@context": _CONTEXT,
        "@type": "DataCatalog",
        "@id": given.iri,
        "url": url,
        "name": _texts(given.title),
        "description": _texts(given.description),
        "inLanguage": list(given.languages),
        "dateModified": given.modified.date().isoformat(),
        "publisher": _agent(given.publisher),
        **_license(given.license),
        "dataset": [
            {"@type": "Dataset", "@id": one.iri, "url": one.page, "name": _texts(one.title),
             "description": _texts(one.description), **_license(one.license)}
            for one in given.datasets
        ],
    }  # fmt: skip


def dataset(given: CatalogueDataset, whole: Catalogue) -> dict[str, Any]:
    """One dataset with its files."""
    start, end = given.temporal.start, given.temporal.end
    period = f"{start.isoformat() if start else '..'}/{end.isoformat() if end else '..'}"
    return {
        "@context": _CONTEXT,
        "@type": "Dataset",
        "@id": given.iri,
        "url": given.page,
        "identifier": given.iri,
        "name": _texts(given.title),
        "description": _texts(given.description),
        "keywords": [
            {"@value": word, "@language": language}
            for language, words in given.keywords.items()
            for word in words
        ],
        "version": given.version,
        "datePublished": given.issued.isoformat(),
        "dateModified": given.modified.date().isoformat(),
        "inLanguage": list(given.languages),
        "isAccessibleForFree": True,
        **({"temporalCoverage": period} if start or end else {}),
        **(
            {"spatialCoverage": [{"@type": "Place", "@id": one} for one in given.spatial]}
            if given.spatial
            else {}
        ),
        **_license(given.license),
        "publisher": _agent(given.publisher),
        "creator": _agent(given.publisher),
        "includedInDataCatalog": {"@type": "DataCatalog", "@id": whole.iri, "name": _texts(whole.title)},
        "distribution": [
            {
                "@type": "DataDownload",
                "@id": one.iri,
                "name": _texts(one.title),
                "contentUrl": one.url,
                "encodingFormat": "application/gzip" if one.packed else one.media_type,
                "contentSize": f"{one.bytes} B",
                "sha256": one.sha256,
            }
            for one in given.distributions
        ],
    }


def _license(iri: str) -> dict[str, str]:
    return {"license": _LICENCES.get(iri.rpartition("/")[2], iri)} if iri else {}


def _agent(agent: Agent) -> dict[str, Any]:
    page = {"url": agent.homepage} if agent.homepage else {}
    return {"@type": "Organization", "@id": agent.iri, "name": _texts(agent.name), **page}


def _texts(texts: Texts) -> list[dict[str, str]]:
    return [{"@value": said, "@language": language} for language, said in texts.items()]
