"""Forms for things: fields from the shapes, values from the graphs, and what a sent form changes.

`rules` reads shapes and ontology, `form` makes sections and fields of them, `terms` reads what people type,
`change` compares what was sent with what was shown. The rule: a quad that no field shows is never touched,
and one that is shown is touched only where its field was altered.
"""
