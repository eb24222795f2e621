"""Rendering shared by all HTML reports: Jinja2 templates, text, figures and charts."""
