"""The demo: the stand-ins of the platforms as shops on this machine, full of people who buy, agree, move and leave.

`stage` finds the stand-ins and says how each is started and configured; `story` says what happens in them, fair weather
and foul; `__main__` is the process that lets it happen.
"""
