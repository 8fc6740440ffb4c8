"""Benchmarks of the fold, the pipeline, the socket and hydration, as ratios to bases in this tree.

``python -m benchmarks`` prints one table. The product does not import it, and it imports no test.
"""
