"""Legacy data of any size in PostgreSQL and the media folder, as after years of use.

Used by reference/generate_legacy.py. List files with known columns and rows are in
src/cutover/corpus.
"""
