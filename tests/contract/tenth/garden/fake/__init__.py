"""A stand-in of Garden."""
