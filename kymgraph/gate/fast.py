"""pySHACL's shapes, made ready once: each judges as pySHACL's own does, without building its parts anew.

pySHACL makes every constraint component again for each focus node and each value, and reads the text of a
SPARQL constraint with a dozen regular expressions before each query. Here both are done once per shapes
version. What is found does not change: the components are pySHACL's. Custom ones (sh:ConstraintComponent)
keep state while they judge, so they are made anew each time, as pySHACL does.
"""

from __future__ import annotations

from typing import Any

from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS, CONSTRAINT_PARAMETERS_MAP
from pyshacl.constraints.sparql.sparql_based_constraints import SPARQLBasedConstraint
from pyshacl.errors import ConstraintLoadWarning, ReportableRuntimeError
from pyshacl.pytypes import SHACLExecutor
from pyshacl.shape import Shape
from pyshacl.shapes_graph import ShapesGraph
from rdflib import Graph, IdentifiedNode, Literal


class ReadyShape(Shape):
    """A shape that keeps its components between calls."""

    __slots__ = ("_components",)
    _components: list[Any]

    def components(self) -> list[Any]:
        try:
            return self._components
        except AttributeError:
            self._components = self._make()
            return self._components

    def _make(self) -> list[Any]:
        kinds: list[Any] = [
            CONSTRAINT_PARAMETERS_MAP[predicate]
            for predicate, _ in self.sg.graph.predicate_objects(self.node)
            if predicate in ALL_CONSTRAINT_PARAMETERS
        ]
        made = []
        for kind in dict.fromkeys(kinds):
            try:
                component = kind(self)
            except ConstraintLoadWarning:
                continue  # pySHACL leaves it out too
            if kind is SPARQLBasedConstraint:
                for helper in component.sparql_constraints:
                    _remember_text(helper)
            # A text about each result, for a log; it costs more than finding the result.
            component.make_v_result_description = _no_text
            made.append(component)
        return made

    def validate(
        self,
        executor: SHACLExecutor,
        target_graph: Graph,
        focus: Any = None,
        _evaluation_path: list[Any] | None = None,
    ) -> tuple[bool, list[Any]]:
        """As `Shape.validate` with the executor's defaults, at the given focus nodes."""
        if self.deactivated:
            return True, []
        nodes = [focus] if isinstance(focus, IdentifiedNode | Literal) else list(focus)
        if not nodes:
            return True, []
        path = [] if _evaluation_path is None else _evaluation_path
        if len(path) // 2 >= executor.max_validation_depth:
            route = " -> ".join(map(str, path))
            raise ReportableRuntimeError(f"Validation path too deep!\n{route}")
        values = self.value_nodes(target_graph, nodes)
        conforms, reports = True, []
        path.append(self)
        for component in [*self.components(), *self._custom()]:
            fine, found = component.evaluate(executor, target_graph, values, [*path, component])
            conforms = conforms and fine
            reports.extend(found)
        return conforms, reports

    def _custom(self) -> list[Any]:
        if not self.sg.custom_constraints:
            return []
        found: Any = self.find_custom_constraints()  # type: ignore[no-untyped-call]
        return [custom.make_validator_for_shape(self) for custom in found]


def _no_text(*args: Any, **more: Any) -> str:
    return ""


def _remember_text(helper: Any) -> None:
    """The text of a SPARQL constraint is the same for each focus node: work it out once."""
    work_out, prefixed = helper.pre_bind_variables, helper.apply_prefixes
    texts: dict[str, Any] = {}

    def pre_bind_variables(focus: Any) -> tuple[dict[str, Any], str]:
        if not texts:
            bound, text = work_out(focus)
            texts["more"] = {name: term for name, term in bound.items() if name != "this"}
            texts["this"], texts["text"] = "this" in bound, prefixed(text)
        return texts["more"] | ({"this": focus} if texts["this"] else {}), texts["text"]

    helper.pre_bind_variables = pre_bind_variables
    helper.apply_prefixes = lambda text: text


def ready(graph: Graph) -> Any:
    """The shapes of the graph, all of them ready ones; a ShapesGraph of its own, no other sees them."""
    shapes: Any = ShapesGraph(graph)
    list(shapes.shapes)
    cache = shapes._node_shape_cache
    for node, shape in cache.items():
        cache[node] = ReadyShape(shapes, node, shape.is_property_shape, shape._path, shape.logger)
    shapes._shapes = list(cache.values())
    return shapes
