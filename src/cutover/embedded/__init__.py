"""Start, supervise and stop the embedded pair: both systems as real processes on loopback, on Linux.

The systems themselves are in reference/.
"""
