"""Test accounts: registered by the suite or lent to it, their roles, and their cleanup."""
