"""Legacy data of any size, as years of use would have left it in PostgreSQL and the media folder.

A program of its own (reference/generate_legacy.py). Not for list files with known answers: src/cutover/corpus.
"""
