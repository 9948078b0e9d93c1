"""Placeholder door, filled by its room."""
