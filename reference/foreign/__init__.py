"""A foreign pair: two list cutters with other routes, fields and ids than List Cutter (reference/foreign/README.md)."""
