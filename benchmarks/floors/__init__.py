"""The floors: one small program a leg, as fast as one can be written simply.

Of the product they use nothing but the pay page's template.
"""
