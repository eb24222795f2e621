"""What every HTML report shares: markup that cannot be broken into, tables, the page around them.

Not for what a report says: parity_page.py and its like.
"""
