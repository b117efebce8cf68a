"""The legs: what is asked of the product, and of its floor."""
