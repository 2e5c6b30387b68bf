"""The live model inside a service: asked at the speed of the bare model, exchanged while it runs."""
