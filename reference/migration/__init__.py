"""The migration of List Cutter's data: PostgreSQL and media folder to D1 and R2, and back.

Used by reference/migrate.py. The migration gate verifies the result and shares no code with this
package.
"""
