"""Formats of files, each named by its ending.

A part is a function ``(name, open, text) -> Rows``: ``open()`` gives the file's bytes as a stream that
can be read from any place, anew at each call. Adding a format is adding a file.
"""
