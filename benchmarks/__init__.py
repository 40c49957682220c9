"""Measures what DESIGN promises: `python -m benchmarks` prints a table for each benchmark.

Each starts its own processes on free ports with its own Redis in a temporary folder, and stops them at its end.
"""
