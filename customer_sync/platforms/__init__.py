"""What goes to the platforms themselves: a lane for each source and each kind of work, so that none holds up another.

`lanes` describes them; each kind of work has a module with its worker step.
"""
