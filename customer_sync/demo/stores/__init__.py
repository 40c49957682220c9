"""Stand-ins of whole platforms, each a server of its own: for the tests, the benchmarks and the demo.

They know nothing of the connectors they judge: what a platform does is written down once more here, from its
documentation. They run from a source checkout only and may need development dependencies.
"""
