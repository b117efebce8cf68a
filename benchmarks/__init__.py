"""Benchmarks: each leg of the product beside its floor, the smallest program that does the same, on the same cores in the same run.

They measure and report; they are no tests and no part of what is installed. Everything happens on 127.0.0.1.
"""
