"""Settings, the file that holds them, and the parts that they wire together."""
