"""Rendering pictures and tables, writing them whole or not at all, and making them again from the record inside."""
