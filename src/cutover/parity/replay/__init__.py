"""Send the safe requests of a recording (HAR, access log) to both systems and compare the responses.

Only GET and HEAD are sent, in the recorded order.
"""
