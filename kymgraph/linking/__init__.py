"""Links to what others hold: candidates with reasons, a person's decisions, and what became of them since.

Nothing here decides. `entities` and `vocabulary` say what is compared, `match` proposes, `decisions` turns
what a person decided into a Changeset of the graph `links`, `check` looks at old decisions again, `sssom`
exports them. What asks the web does so through `kymgraph.net` alone.
"""
