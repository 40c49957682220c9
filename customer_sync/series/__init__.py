"""When a cart counts as left, and which mail about it is due: pure rules over what is known at one moment."""
