"""The simulator, held against the facts that it is to show."""
