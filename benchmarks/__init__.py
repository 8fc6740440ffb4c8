"""What a fold, a pipeline, a socket and a hydration cost, as ratios to bases that are in this tree too.

``python -m benchmarks`` prints one table. Nothing of the product imports this, and this imports no test.
"""
