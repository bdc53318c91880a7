"""The gate: may this data be in the graph? pySHACL judges the shapes, SPARQL the rules about graphs.

`full.validate` judges a whole dataset; `kymgraph build` and `kymgraph validate` call it. The one rule here:
pySHACL and rdflib are not seen outside this package, so everything leaves it as a `kymgraph.report.Report`.
"""
