"""What is done about each intent: one function each, from what is known and what was heard to a turn."""
