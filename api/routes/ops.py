"""What operators ask: `/health`, `/ready`, `/metrics`, and `/docs` for those who write clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response

from api.deps import LanguageDep, Services, ServicesDep
from api.portal.response import page
from api.problems import KINDS, NotReady
from kymgraph import __version__

router = APIRouter(tags=["operations"])
_NO_STORE: Final = {"cache-control": "no-store"}


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Is the server alive?", operation_id="health")
async def health(services: ServicesDep) -> Response:
    """200 as long as the process answers; says what it runs on."""
    document = {
        "status": "ok",
        "version": __version__,
        "base": services.project.base.iri,
        "generation": services.dataset.generation,
        "sandbox": services.dataset.sandbox,
    }
    return JSONResponse(document, headers=_NO_STORE)


@router.head("/ready", include_in_schema=False)
@router.get("/ready", summary="Can it answer queries?", operation_id="ready")
async def ready(services: ServicesDep) -> Response:
    """200 once a query was answered, 503 before."""
    if not services.ready:
        raise NotReady("not ready: no query has been answered yet. Ask again in a second.")
    return JSONResponse({"status": "ready", "generation": services.dataset.generation}, headers=_NO_STORE)


@router.get("/metrics", summary="Counters for Prometheus", operation_id="metrics")
async def metrics(services: ServicesDep) -> Response:
    """Requests, query durations, cache, workers and generation in the Prometheus text format."""
    return Response(
        generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE
    )


class StateCollector(Collector):
    """Figures that others keep, read when Prometheus asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        cache = self._services.cache.stats()
        lookups = CounterMetricFamily(
            "kymgraph_cache_lookups", "Answers asked of the cache", labels=["outcome"]
        )
        for outcome, name in (("hit", "hits"), ("miss", "misses"), ("coalesced", "coalesced")):
            lookups.add_metric([outcome], cache[name])
        yield lookups
        yield GaugeMetricFamily("kymgraph_cache_answers", "Answers held", value=cache["answers"])
        sizes = GaugeMetricFamily("kymgraph_cache_bytes", "Bytes held", labels=["where"])
        sizes.add_metric(["memory"], cache["memory_bytes"])
        sizes.add_metric(["files"], cache["file_bytes"])
        yield sizes
        workers = GaugeMetricFamily("kymgraph_workers", "State of the query workers", labels=["what"])
        for what, value in self._services.dataset.stats().items():
            if isinstance(value, (int, float)):
                workers.add_metric([what], value)
        yield workers
        yield GaugeMetricFamily(
            "kymgraph_generation", "The current generation", value=self._services.dataset.generation
        )


@router.get("/docs", include_in_schema=False)
async def docs(request: Request, services: ServicesDep, lang: LanguageDep) -> Response:
    """The interface in words, made from the same description that `/openapi.json` gives to machines."""
    document: dict[str, Any] = request.app.openapi()
    return page(
        request,
        services,
        lang,
        "docs.html",
        services.dataset.generation,
        paths=document["paths"],
        kinds=KINDS,
    )
