"""The demo: a recorded production stream that ships with the package, and its workspace."""
