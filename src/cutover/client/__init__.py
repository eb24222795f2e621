"""The HTTP client, its rate limiter, JSON Web Tokens, and requests written byte by byte."""
