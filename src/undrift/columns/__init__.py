"""Columns of a table by their meaning: kinds, times, and text that hides numbers."""
