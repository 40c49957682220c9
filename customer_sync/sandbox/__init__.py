"""A Brevo of its own: the API v3 in memory, faithful in what it accepts, refuses, drops and limits.

Start at `app.create_app`; `state.Sandbox` is the account; `server.serve` runs it. Where Brevo's behaviour is not
documented the sandbox takes the worse of the possible ones, and says so next to the line.
"""
