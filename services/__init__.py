"""Everything that the product decides and does. It knows no queue and no web."""
