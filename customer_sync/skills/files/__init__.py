"""Skill files: a skill as one markdown file, its frontmatter in a closed vocabulary.

`form` is what a file says, `reading` turns a text into it or into faults with their lines, `conditions` and
`templates` are its two small languages, `skill` is the behaviour: the same engine and the same consent as the skills
in Python.
"""
