"""The life of one model: its rows, records, versions and windows."""
