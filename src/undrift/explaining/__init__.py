"""What a model uses, and what tells the rows of a window apart."""
