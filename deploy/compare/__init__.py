"""The report on several bundles: its headline, tables and charts, as a page and in Markdown."""
