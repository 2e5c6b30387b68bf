"""Reports: a comparison and its two profiles as one document that needs nothing else.

A part is a function of the record and the two profiles, named like its file, that gives the text.
"""
