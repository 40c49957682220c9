"""People who do not exist, for the stand-ins of platforms.

`countries` holds their names, streets and numbers, `people` makes somebody out of them.
"""
