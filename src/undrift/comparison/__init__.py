"""Two profiles compared: what is watched, what moved, and what of it is believed."""
