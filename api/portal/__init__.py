"""The portal: pages for people, each the face of an IRI or of a named question.

A page asks named queries (`asking`), makes of their rows what it shows (one module per page), and is written
by a template. Pictures are drawn here as SVG from the same rows that their table twin lists.
"""
